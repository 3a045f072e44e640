//! The steps whose cost hangs on each event, compiled: Avro to columns, and what the columns are told apart by.
//!
//! No rule of accounting is here. What these functions give is said in `schemas/native.pyi`.

mod avro;
mod columns;
mod identity;
mod snappy;
mod usage;

use pyo3::prelude::*;

#[pymodule]
mod native {
    #[pymodule_export]
    use crate::columns::Columns;
    #[pymodule_export]
    use crate::identity::{fingerprint, home_of, identify, identity};
    #[pymodule_export]
    use crate::snappy::unsnapped;
    #[pymodule_export]
    use crate::usage::{UsageReader, heads};
}
