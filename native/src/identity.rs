//! What usage is told apart by: 128 bits of its identity and of its content, and the number its customer's shard follows from.
//!
//! xxh3 over texts that begin with the lengths in bytes of all parts but the last, so that no two records share one. State on
//! disk and digests in the journal hold these numbers: they must never change.

use std::io::Write as _;
use std::sync::Arc;

use arrow_array::builder::UInt64Builder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::columns::{Columns, batch_of, batches_of, column, quantities, text, text_or_null};

const ONE: u128 = 10_u128.pow(18); // a whole unit of a quantity
const FIVES: u64 = 5_u64.pow(18); // and without its factors of two

/// The content of a usage record: what a redelivery must repeat.
pub struct Content<'a> {
    pub customer: &'a str,
    pub contract: Option<&'a str>,
    pub meter: &'a str,
    pub quantity: i128,
    pub time: i64,
    pub dimensions: &'a str,
}

/// Makes the numbers; keeps the room for the texts.
#[derive(Default)]
pub struct Marks {
    text: Vec<u8>,
}

impl Marks {
    pub fn identity(&mut self, customer: &str, source: &str, event_id: &str) -> u128 {
        self.text.clear();
        self.number(customer.len() as u128);
        self.text.push(b',');
        self.number(source.len() as u128);
        self.text.push(b';');
        self.text.extend_from_slice(customer.as_bytes());
        self.text.extend_from_slice(source.as_bytes());
        self.text.extend_from_slice(event_id.as_bytes());
        xxh3_128(&self.text)
    }

    pub fn fingerprint(&mut self, content: &Content<'_>) -> u128 {
        self.text.clear();
        self.number(content.customer.len() as u128);
        self.text.push(b',');
        match content.contract {
            Some(contract) => self.number(contract.len() as u128),
            None => self.text.push(b'-'), // no contract is not the contract ""
        }
        self.text.push(b',');
        self.number(content.meter.len() as u128);
        self.text.push(b';');
        self.quantity(content.quantity);
        self.text.push(b';');
        if content.time < 0 {
            self.text.push(b'-');
        }
        self.number(u128::from(content.time.unsigned_abs()));
        self.text.push(b';');
        self.text.extend_from_slice(content.customer.as_bytes());
        self.text.extend_from_slice(content.contract.unwrap_or("").as_bytes());
        self.text.extend_from_slice(content.meter.as_bytes());
        self.text.extend_from_slice(content.dimensions.as_bytes());
        xxh3_128(&self.text)
    }

    /// Always with 18 fraction digits.
    fn quantity(&mut self, units: i128) {
        if units < 0 {
            self.text.push(b'-');
        }
        let size = units.unsigned_abs();
        // Most sizes fit a machine word without their last 18 bits, and to divide one takes a tenth of the time.
        let whole = u64::try_from(size >> 18).map_or_else(|_| size / ONE, |short| u128::from(short / FIVES));
        self.number(whole);
        let mut digits = [b'0'; 19];
        fill((size - whole * ONE) as u64, &mut digits);
        digits[0] = b'.';
        self.text.extend_from_slice(&digits);
    }

    fn number(&mut self, value: u128) {
        if value < 10 {
            return self.text.push(b'0' + value as u8);
        }
        let Ok(value) = u64::try_from(value) else {
            write!(self.text, "{value}").expect("memory takes what is written to it");
            return;
        };
        let mut digits = [b'0'; 20];
        let at = fill(value, &mut digits);
        self.text.extend_from_slice(&digits[at..]);
    }
}

/// Digits from the right, two at a time; gives where they begin. The standard way of it took half of the time of all this.
fn fill(mut rest: u64, digits: &mut [u8]) -> usize {
    let mut at = digits.len();
    while rest >= 10 {
        let pair = (rest % 100) as u8;
        rest /= 100;
        at -= 2;
        digits[at] = b'0' + pair / 10;
        digits[at + 1] = b'0' + pair % 10;
    }
    if rest > 0 {
        at -= 1;
        digits[at] = b'0' + rest as u8;
    }
    at
}

/// The number of a customer: modulo the shards it is the customer's shard.
pub fn home(customer: &str) -> u64 {
    xxh3_64(customer.as_bytes())
}

/// The columns of the numbers, filled row by row.
pub struct MarkColumns {
    columns: [UInt64Builder; 5],
    marks: Marks,
}

pub const MARK_NAMES: [&str; 5] = ["high", "low", "print_high", "print_low", "home"];

impl MarkColumns {
    pub fn new(most: usize) -> Self {
        MarkColumns { columns: std::array::from_fn(|_| UInt64Builder::with_capacity(most)), marks: Marks::default() }
    }

    pub fn push(&mut self, source: &str, event_id: &str, content: &Content<'_>) {
        let identity = self.marks.identity(content.customer, source, event_id);
        let print = self.marks.fingerprint(content);
        let numbers =
            [(identity >> 64) as u64, identity as u64, (print >> 64) as u64, print as u64, home(content.customer)];
        for (column, number) in self.columns.iter_mut().zip(numbers) {
            column.append_value(number);
        }
    }

    pub fn finish(mut self) -> Vec<(&'static str, ArrayRef)> {
        let columns = self.columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        MARK_NAMES.into_iter().zip(columns).collect()
    }
}

/// The numbers of rows that were decoded elsewhere: columns high, low, print_high, print_low and home.
///
/// Reads customer_id, source, event_id, contract_id, meter, quantity (decimal(38,18)), event_time and dimensions of a frame;
/// KeyError without one of them, TypeError where one is of another type. Only contract_id may have nulls.
#[pyfunction]
pub fn identify(frame: &Bound<'_, PyAny>) -> PyResult<Columns> {
    let batches = batches_of(frame)?;
    let mut found = MarkColumns::new(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in &batches {
        let [customer, source, event_id] =
            [text(batch, "customer_id")?, text(batch, "source")?, text(batch, "event_id")?];
        let [contract, meter, dimensions] =
            [text_or_null(batch, "contract_id")?, text(batch, "meter")?, text(batch, "dimensions")?];
        let quantity = quantities(batch)?;
        let time = column(batch, "event_time")?
            .as_primitive_opt::<Int64Type>()
            .filter(|time| time.null_count() == 0)
            .ok_or_else(|| PyTypeError::new_err("event_time is no number"))?;
        for row in 0..batch.num_rows() {
            let content = Content {
                customer: customer.value(row),
                contract: (!contract.is_null(row)).then(|| contract.value(row)),
                meter: meter.value(row),
                quantity: quantity.value(row),
                time: time.value(row),
                dimensions: dimensions.value(row),
            };
            found.push(source.value(row), event_id.value(row), &content);
        }
    }
    batch_of(found.finish())
}

/// The identity of one record, as `identify` has it in halves.
#[pyfunction]
pub fn identity(customer_id: &str, source: &str, event_id: &str) -> u128 {
    Marks::default().identity(customer_id, source, event_id)
}

/// The fingerprint of one record, as `identify` has it in halves. `quantity` in 1e-18, `event_time` in microseconds.
#[pyfunction]
pub fn fingerprint(
    customer_id: &str,
    contract_id: Option<&str>,
    meter: &str,
    quantity: i128,
    event_time: i64,
    dimensions: &str,
) -> u128 {
    let content =
        Content { customer: customer_id, contract: contract_id, meter, quantity, time: event_time, dimensions };
    Marks::default().fingerprint(&content)
}

/// The number of one customer, as `identify` has it.
#[pyfunction]
pub fn home_of(customer_id: &str) -> u64 {
    home(customer_id)
}

/// 128 bits of any text.
#[pyfunction]
pub fn hashed(text: &str) -> u128 {
    xxh3_128(text.as_bytes())
}
