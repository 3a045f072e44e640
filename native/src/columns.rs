//! Columns across the border to Python and back, without a copy: the Arrow C data interface, which polars speaks.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi::to_ffi;
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::types::Decimal128Type;
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch, StringViewArray, StructArray};
use arrow_schema::{Field, Schema};
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// A batch of columns that polars takes: `pl.DataFrame(columns)`.
#[pyclass(frozen)]
pub struct Columns(RecordBatch);

#[pymethods]
impl Columns {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        let _ = requested_schema; // a wish, by the specification
        let (array, schema) = to_ffi(&StructArray::from(self.0.clone()).to_data()).map_err(broken)?;
        Ok((
            PyCapsule::new_with_value(py, schema, c"arrow_schema")?,
            PyCapsule::new_with_value(py, array, c"arrow_array")?,
        ))
    }
}

/// Named columns of equal length.
pub fn batch_of(columns: Vec<(&str, ArrayRef)>) -> PyResult<Columns> {
    let fields =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), column.is_nullable()));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    Ok(Columns(RecordBatch::try_new(schema, arrays).map_err(broken)?))
}

/// The parts of a frame that can be exported (`__arrow_c_stream__`).
pub fn batches_of(frame: &Bound<'_, PyAny>) -> PyResult<Vec<RecordBatch>> {
    let exported = frame.call_method0("__arrow_c_stream__")?;
    let capsule = exported.cast::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(c"arrow_array_stream"))?;
    // SAFETY: a capsule of this name holds a stream by the Arrow PyCapsule interface. It is moved out: what the capsule then
    // holds is an empty one, so that it is released once.
    #[allow(unsafe_code)]
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr().cast()) };
    RecordBatchStreamReader::try_new(stream).map_err(broken)?.collect::<Result<_, _>>().map_err(broken)
}

/// A column by its name; KeyError where it is missing.
pub fn column<'a>(batch: &'a RecordBatch, name: &str) -> PyResult<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))
}

/// A column of texts; TypeError where it is another one, or lacks a value.
pub fn text<'a>(batch: &'a RecordBatch, name: &str) -> PyResult<&'a StringViewArray> {
    let found = text_or_null(batch, name)?;
    if found.null_count() > 0 {
        return Err(PyTypeError::new_err(format!("{name} has no value in {} rows", found.null_count())));
    }
    Ok(found)
}

/// The same of a column that may lack values.
pub fn text_or_null<'a>(batch: &'a RecordBatch, name: &str) -> PyResult<&'a StringViewArray> {
    column(batch, name)?.as_string_view_opt().ok_or_else(|| PyTypeError::new_err(format!("{name} is no text")))
}

/// The column quantity in 1e-18; TypeError where it is in another unit.
pub fn quantities(batch: &RecordBatch) -> PyResult<&PrimitiveArray<Decimal128Type>> {
    column(batch, "quantity")?
        .as_primitive_opt::<Decimal128Type>()
        .filter(|quantity| quantity.scale() == 18 && quantity.null_count() == 0)
        .ok_or_else(|| PyTypeError::new_err("quantity is no decimal of scale 18, or lacks a value"))
}

pub fn broken(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}
