//! Blocks that snappy packed.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use snap::raw::{Decoder, decompress_len};

/// What was packed; ValueError where the bytes are not snappy's, or say that they hold more than `most`.
#[pyfunction]
pub fn unsnapped<'py>(py: Python<'py>, data: &[u8], most: usize) -> PyResult<Bound<'py, PyBytes>> {
    let broken = |error: snap::Error| PyValueError::new_err(error.to_string());
    let size = decompress_len(data).map_err(broken)?;
    if size > most {
        return Err(PyValueError::new_err(format!("it says that it holds {size} bytes, more than {most}")));
    }
    Ok(PyBytes::new(py, &Decoder::new().decompress_vec(data).map_err(broken)?))
}
