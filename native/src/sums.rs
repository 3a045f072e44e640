//! Usage summed by customer, contract, meter, cell and origin, exactly.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, PrimitiveArray, RecordBatch, StringViewArray};

use crate::columns::{batches_of, column, quantities, text, text_or_null};

const NO_SUM: u32 = u32::MAX; // the number of a row that does not count
const UNIQUE_KEY: &str = "unique_key"; // the dimension whose values are told apart

/// A sum of products that 128 bits may not hold: of the numbers' upper and lower halves, each by itself.
///
/// A quantity has 128 bits, a time inside a cell 30 and a number of rows 32: no half passes 128 bits.
#[derive(Clone, Copy, Default)]
struct Wide {
    upper: i128,
    lower: i128,
}

impl Wide {
    fn add(&mut self, quantity: i128, times: i64) {
        self.upper += (quantity >> 64) * i128::from(times);
        self.lower += i128::from(quantity as u64) * i128::from(times);
    }

    fn to_python<'py>(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let whole = self.upper.checked_mul(1 << 64).and_then(|upper| upper.checked_add(self.lower));
        match whole {
            Some(whole) => match i64::try_from(whole) {
                Ok(small) => Ok(small.into_pyobject(py)?.into_any()),
                Err(_) => Ok(whole.into_pyobject(py)?.into_any()),
            },
            None => self.upper.into_pyobject(py)?.lshift(64)?.add(self.lower),
        }
    }
}

type Name<'a> = (&'a str, Option<&'a str>, &'a str, i64, u32);

struct Sum<'a> {
    name: Name<'a>,
    quantity: Wide,
    events: u64,
    high: u64,
    low: u64,
    first: i64,
    final_offset: i64,
    largest: i128,
    last_time: i64,
    last_offset: i64,
    last_quantity: i128,
    moment: Wide,
}

/// (sums, number of each row's sum as UInt32, whether one of the rows may have a unique key in its dimensions) of those of a
/// frame's rows that are `counted`: a byte for each row, 0 or 1. The number of another row is 2^32 - 1. ValueError where there
/// are not as many bytes as rows.
///
/// A sum: customer, contract, meter, start of the cell, quantity, events, exclusive or of the identities, origin, first and
/// last offset in order of the rows, largest quantity, the latest event's time, offset and quantity (of equal times the later
/// row), and the sum of quantity x time since the start of the cell. Quantities in 1e-18, times in microseconds. Sums stand in
/// the order of their first rows. A cell begins at a multiple of `cell_us`, or at the last of the customer's `edges` before
/// the event, if that is later. KeyError and TypeError as `identify`.
#[pyfunction]
pub fn sum_cells<'py>(
    py: Python<'py>,
    frame: &Bound<'py, PyAny>,
    counted: PyBuffer<u8>,
    cell_us: i64,
    edges: &Bound<'py, PyDict>,
) -> PyResult<(Vec<Bound<'py, PyAny>>, Bound<'py, PyBytes>, bool)> {
    let batches = batches_of(frame)?;
    let counted = counted.to_vec(py)?;
    if counted.len() != batches.iter().map(RecordBatch::num_rows).sum::<usize>() {
        return Err(PyValueError::new_err(format!(
            "{} bytes say which rows count, of another number of rows",
            counted.len()
        )));
    }
    let parts = batches.iter().map(Part::of).collect::<PyResult<Vec<_>>>()?;
    let mut cells = Cells { cell_us, edges, known: HashMap::new() };
    let mut numbers: HashMap<Name<'_>, u32> = HashMap::new();
    let mut sums: Vec<Sum<'_>> = Vec::new();
    let mut of_rows: Vec<u8> = Vec::with_capacity(4 * counted.len());
    let mut unique = false;
    let mut counts = counted.iter();
    for part in &parts {
        let mut seen = None;
        for (row, counts) in (0..part.rows).zip(&mut counts) {
            if *counts == 0 {
                of_rows.extend_from_slice(&NO_SUM.to_le_bytes());
                continue;
            }
            let customer = part.customer.value(row);
            let time = part.time.value(row);
            let name = (
                customer,
                part.contract(row),
                part.meter.value(row),
                cells.start(customer, time)?,
                part.origin.value(row),
            );
            let number = match numbers.entry(name) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(room) => {
                    let number = sums.len() as u32;
                    sums.push(Sum::of(name, part, row));
                    *room.insert(number)
                }
            };
            sums[number as usize].add(part, row);
            of_rows.extend_from_slice(&number.to_le_bytes());
            // Texts that are kept once have one view, and need not be read again.
            let view = Some(part.dimensions.views()[row]);
            if !unique && view != seen {
                (unique, seen) = (part.dimensions.value(row).contains(UNIQUE_KEY), view);
            }
        }
    }
    let told = sums.iter().map(|sum| sum.to_python(py)).collect::<PyResult<_>>()?;
    Ok((told, PyBytes::new(py, &of_rows), unique))
}

struct Cells<'a, 'py> {
    cell_us: i64,
    edges: &'a Bound<'py, PyDict>,
    known: HashMap<&'a str, Vec<i64>>,
}

impl<'a> Cells<'a, '_> {
    fn start(&mut self, customer: &'a str, time: i64) -> PyResult<i64> {
        let regular = time.div_euclid(self.cell_us) * self.cell_us;
        if self.edges.is_empty() {
            return Ok(regular);
        }
        if !self.known.contains_key(customer) {
            let found = self.edges.get_item(customer)?.map_or(Ok(Vec::new()), |edges| edges.extract())?;
            self.known.insert(customer, found);
        }
        let edges = &self.known[customer];
        Ok(edges.iter().filter(|edge| **edge <= time).max().map_or(regular, |edge| regular.max(*edge)))
    }
}

struct Part<'a> {
    rows: usize,
    customer: &'a StringViewArray,
    contracts: &'a StringViewArray,
    meter: &'a StringViewArray,
    dimensions: &'a StringViewArray,
    time: &'a PrimitiveArray<Int64Type>,
    quantity: &'a PrimitiveArray<Decimal128Type>,
    offset: &'a PrimitiveArray<Int64Type>,
    high: &'a PrimitiveArray<UInt64Type>,
    low: &'a PrimitiveArray<UInt64Type>,
    origin: &'a PrimitiveArray<UInt32Type>,
}

impl<'a> Part<'a> {
    fn of(batch: &'a RecordBatch) -> PyResult<Self> {
        let strange = |name: &str| PyTypeError::new_err(format!("{name} is of another type, or lacks a value"));
        let long = |name| {
            column(batch, name)?
                .as_primitive_opt::<Int64Type>()
                .filter(|one| one.null_count() == 0)
                .ok_or_else(|| strange(name))
        };
        let half = |name| column(batch, name)?.as_primitive_opt::<UInt64Type>().ok_or_else(|| strange(name));
        Ok(Part {
            rows: batch.num_rows(),
            customer: text(batch, "customer_id")?,
            contracts: text_or_null(batch, "contract_id")?,
            meter: text(batch, "meter")?,
            dimensions: text(batch, "dimensions")?,
            time: long("event_time")?,
            quantity: quantities(batch)?,
            offset: long("offset")?,
            high: half("high")?,
            low: half("low")?,
            origin: column(batch, "origin")?.as_primitive_opt().ok_or_else(|| strange("origin"))?,
        })
    }

    fn contract(&self, row: usize) -> Option<&'a str> {
        (!self.contracts.is_null(row)).then(|| self.contracts.value(row))
    }
}

impl<'a> Sum<'a> {
    /// Nothing yet, before the first row is added.
    fn of(name: Name<'a>, part: &Part<'a>, row: usize) -> Self {
        Sum {
            name,
            quantity: Wide::default(),
            events: 0,
            high: 0,
            low: 0,
            first: part.offset.value(row),
            final_offset: 0,
            largest: part.quantity.value(row),
            last_time: i64::MIN,
            last_offset: 0,
            last_quantity: 0,
            moment: Wide::default(),
        }
    }

    fn add(&mut self, part: &Part<'a>, row: usize) {
        let (quantity, time, offset) = (part.quantity.value(row), part.time.value(row), part.offset.value(row));
        self.quantity.add(quantity, 1);
        self.events += 1;
        self.high ^= part.high.value(row);
        self.low ^= part.low.value(row);
        self.final_offset = offset;
        self.largest = self.largest.max(quantity);
        if time >= self.last_time {
            (self.last_time, self.last_offset, self.last_quantity) = (time, offset, quantity);
        }
        self.moment.add(quantity, time - self.name.3);
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (customer, contract, meter, cell, origin) = self.name;
        let told = (
            (customer, contract, meter, cell, self.quantity.to_python(py)?, self.events),
            (u128::from(self.high) << 64 | u128::from(self.low), origin, self.first, self.final_offset),
            (self.largest, self.last_time, self.last_offset, self.last_quantity, self.moment.to_python(py)?),
        );
        Ok(told.into_pyobject(py)?.into_any())
    }
}
