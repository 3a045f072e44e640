//! The steps whose cost hangs on each event, compiled: Avro to columns, what events are told apart by, sums by cell.
//!
//! No rule of accounting is here. What these functions give is said in `schemas/native.pyi`.

mod avro;
mod columns;
mod filter;
mod identity;
mod leaves;
mod snappy;
mod sums;
mod usage;
mod writing;

use pyo3::prelude::*;

#[pymodule]
mod native {
    #[pymodule_export]
    use crate::columns::Columns;
    #[pymodule_export]
    use crate::filter::HeadFilter;
    #[pymodule_export]
    use crate::identity::{fingerprint, hashed, home_of, identify, identity};
    #[pymodule_export]
    use crate::snappy::unsnapped;
    #[pymodule_export]
    use crate::sums::sum_cells;
    #[pymodule_export]
    use crate::usage::{UsageReader, heads};
    #[pymodule_export]
    use crate::writing::RecordWriter;
}
