//! Usage messages to columns: each accepted row is wholly what the typed model would make of it.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{Decimal128Builder, Int64Builder, StringViewBuilder, UInt32Builder};
use hashbrown::hash_map::EntryRef;
use hashbrown::{HashMap, HashSet};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::avro::{Cursor, Kind};
use crate::columns::{Columns, batch_of, broken};
use crate::identity::{Content, MarkColumns};

const PRECISION: u8 = 38;
const SCALE: u32 = 18;
const LARGEST: i128 = 10_i128.pow(PRECISION as u32) - 1;
const DECIMAL_BYTES_MAX: usize = 16;

/// What a field of the writer's schema is to us.
enum Wanted {
    EventId,
    Source,
    Customer,
    Contract,
    Meter,
    Time { factor: i64 },
    Quantity { factor: i128 },
    Dimensions,
    Nothing,
}

/// Reads the messages of one writer's schema.
#[pyclass(frozen)]
pub struct UsageReader {
    fields: Vec<(Wanted, Kind)>,
    earliest: i64,
    latest: i64,
    canonical: Py<PyAny>,
}

#[pymethods]
impl UsageReader {
    /// `fields`: (name, argument, kind) in the writer's order. The name is one of usage's, or "" for what is stepped over;
    /// the argument of event_time is how many microseconds its unit has, of quantity its scale, else 0. event_time is
    /// accepted from `earliest` to `latest`, microseconds. `canonical` gives the text of a list of (key, value).
    /// Raises ValueError for a field that is not told of in this way.
    #[new]
    fn new(fields: &Bound<'_, PyList>, earliest: i64, latest: i64, canonical: Py<PyAny>) -> PyResult<Self> {
        let fields = fields.iter().map(|field| wanted(field.cast::<PyTuple>()?)).collect::<PyResult<_>>()?;
        Ok(UsageReader { fields, earliest, latest, canonical })
    }

    /// (columns of the accepted records, rows of the values that are not accepted) of values that are `head` and a record.
    ///
    /// The columns: row, event_id, source, customer_id, contract_id, meter, event_time, quantity, dimensions, and those of
    /// `identify`. None, another head and bytes that are no record are not accepted, nor is what the model may refuse.
    fn read<'py>(&self, py: Python<'py>, values: &Bound<'py, PyList>, head: &[u8]) -> PyResult<(Columns, Vec<u32>)> {
        let mut rows = Rows::new(values.len(), self.canonical.bind(py));
        let mut refused = Vec::new();
        for (at, value) in values.iter().enumerate() {
            let accepted = match value.cast::<PyBytes>() {
                Ok(bytes) => bytes.as_bytes().strip_prefix(head).and_then(|body| self.row(body)),
                Err(_) => None,
            };
            let kept = match accepted {
                Some(row) => rows.push(at as u32, &row)?,
                None => false,
            };
            if !kept {
                refused.push(at as u32);
            }
        }
        Ok((rows.finish()?, refused))
    }

    /// The records that stand one behind the other in a block; None unless they are so many and nothing else.
    fn split<'py>(&self, py: Python<'py>, block: &[u8], count: usize) -> Option<Vec<Bound<'py, PyBytes>>> {
        let mut cursor = Cursor::new(block);
        // No room is made for what a block says it has: each record is seen first.
        let mut found = Vec::new();
        for _ in 0..count {
            let start = cursor.position();
            for (_, kind) in &self.fields {
                cursor.skip(kind)?;
            }
            found.push(PyBytes::new(py, cursor.since(start)));
        }
        cursor.at_end().then_some(found)
    }
}

/// What the values begin with, each once, with the first row that does: (head, row) in order of the rows.
///
/// A value that is shorter than `size` is its own head, None has the head b"".
#[pyfunction]
pub fn heads<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyList>,
    size: usize,
) -> PyResult<Vec<(Bound<'py, PyBytes>, usize)>> {
    let mut known = HashSet::new();
    let mut found: Vec<(Bound<'py, PyBytes>, usize)> = Vec::new();
    let mut last = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let bytes = value.cast::<PyBytes>().map_or(&[][..], |bytes| bytes.as_bytes());
        let head = &bytes[..size.min(bytes.len())];
        if at > 0 && head == last {
            continue; // mostly all are of one schema
        }
        last = head.to_vec();
        if known.insert(last.clone()) {
            found.push((PyBytes::new(py, head), at));
        }
    }
    Ok(found)
}

struct Row<'a> {
    event_id: &'a str,
    source: &'a str,
    customer: &'a str,
    contract: Option<&'a str>,
    meter: &'a str,
    time: i64,
    quantity: i128,
    dimensions: &'a [u8],
}

impl UsageReader {
    /// A body that is exactly one record, and one that the model takes but for its dimensions.
    fn row<'a>(&self, body: &'a [u8]) -> Option<Row<'a>> {
        let mut cursor = Cursor::new(body);
        let mut row = Row {
            event_id: "",
            source: "",
            customer: "",
            contract: None,
            meter: "",
            time: i64::MIN,
            quantity: 0,
            dimensions: &[],
        };
        for (wanted, kind) in &self.fields {
            match wanted {
                Wanted::EventId => row.event_id = required(&mut cursor, kind)?,
                Wanted::Source => row.source = required(&mut cursor, kind)?,
                Wanted::Customer => row.customer = required(&mut cursor, kind)?,
                Wanted::Meter => row.meter = required(&mut cursor, kind)?,
                Wanted::Contract => {
                    row.contract = match present(&mut cursor, kind)? {
                        Kind::Null => None,
                        Kind::Text | Kind::Bytes => Some(cursor.text()?),
                        _ => return None,
                    }
                }
                Wanted::Time { factor } => {
                    let Kind::Long = present(&mut cursor, kind)? else {
                        return None;
                    };
                    row.time = cursor.long()?.checked_mul(*factor)?;
                }
                Wanted::Quantity { factor } => {
                    let raw = match present(&mut cursor, kind)? {
                        Kind::Bytes => cursor.bytes()?,
                        Kind::Fixed(size) => cursor.take(*size)?,
                        _ => return None,
                    };
                    row.quantity = unscaled(raw)?.checked_mul(*factor)?;
                }
                Wanted::Dimensions => row.dimensions = pairs(&mut cursor, kind)?,
                Wanted::Nothing => cursor.skip(kind)?,
            }
        }
        let whole = cursor.at_end()
            && (self.earliest..=self.latest).contains(&row.time)
            && (-LARGEST..=LARGEST).contains(&row.quantity)
            && ![row.event_id, row.source, row.customer, row.meter].contains(&"");
        whole.then_some(row)
    }
}

fn wanted(field: &Bound<'_, PyTuple>) -> PyResult<(Wanted, Kind)> {
    let name: String = field.get_item(0)?.extract()?;
    let argument: i64 = field.get_item(1)?.extract()?;
    let kind = Kind::of(field.get_item(2)?.cast::<PyTuple>()?)?;
    let wanted = match name.as_str() {
        "event_id" => Wanted::EventId,
        "source" => Wanted::Source,
        "customer_id" => Wanted::Customer,
        "contract_id" => Wanted::Contract,
        "meter" => Wanted::Meter,
        "event_time" => Wanted::Time { factor: argument },
        "quantity" => match u32::try_from(argument) {
            Ok(scale) if scale <= SCALE => Wanted::Quantity { factor: 10_i128.pow(SCALE - scale) },
            _ => {
                return Err(PyValueError::new_err(format!("a quantity of scale {argument} is not read in columns")));
            }
        },
        "dimensions" => Wanted::Dimensions,
        "" => Wanted::Nothing,
        other => {
            return Err(PyValueError::new_err(format!("{other} is no field of usage")));
        }
    };
    Ok((wanted, kind))
}

/// The kind of the value that comes, its branch read where it is a union.
fn present<'k>(cursor: &mut Cursor<'_>, kind: &'k Kind) -> Option<&'k Kind> {
    match kind {
        Kind::Union(branches) => cursor.branch(branches),
        plain => Some(plain),
    }
}

/// A text that must be there; bytes are one too (the Avro specification, "Schema Resolution").
fn required<'a>(cursor: &mut Cursor<'a>, kind: &Kind) -> Option<&'a str> {
    match present(cursor, kind)? {
        Kind::Text | Kind::Bytes => cursor.text(),
        _ => None,
    }
}

/// A number in two's complement, the highest byte first.
fn unscaled(raw: &[u8]) -> Option<i128> {
    if raw.is_empty() || raw.len() > DECIMAL_BYTES_MAX {
        return None;
    }
    let start = if raw[0] & 0x80 == 0 { 0 } else { -1 };
    Some(raw.iter().fold(start, |number: i128, byte| number << 8 | i128::from(*byte)))
}

/// An array of records of a key and a value, as it was written. What these are is looked at where it is read, once for all rows
/// that have the same ones.
fn pairs<'a>(cursor: &mut Cursor<'a>, kind: &Kind) -> Option<&'a [u8]> {
    let Kind::Array(_) = present(cursor, kind)? else {
        return None;
    };
    let start = cursor.position();
    each_pair(cursor, |_, _| true)?;
    Some(cursor.since(start))
}

/// Calls for every pair until one is refused, which makes it `None`.
fn each_pair<'a>(cursor: &mut Cursor<'a>, mut call: impl FnMut(&'a [u8], &'a [u8]) -> bool) -> Option<()> {
    loop {
        match cursor.block()? {
            0 => return Some(()),
            count => {
                for _ in 0..count {
                    let (key, value) = (cursor.bytes()?, cursor.bytes()?);
                    if !call(key, value) {
                        return None;
                    }
                }
            }
        }
    }
}

struct Rows<'py> {
    row: UInt32Builder,
    texts: [StringViewBuilder; 6], // all but event ids repeat: kept once, they stay in the processor's cache
    time: Int64Builder,
    quantity: Decimal128Builder,
    marks: MarkColumns,
    canonical: &'py Bound<'py, PyAny>,
    known: HashMap<Vec<u8>, String>, // feeds repeat few sets of dimensions
}

impl<'py> Rows<'py> {
    fn new(most: usize, canonical: &'py Bound<'py, PyAny>) -> Self {
        Rows {
            row: UInt32Builder::with_capacity(most),
            texts: std::array::from_fn(|column| {
                let made = StringViewBuilder::with_capacity(most);
                if column == 0 { made } else { made.with_deduplicate_strings() }
            }),
            time: Int64Builder::with_capacity(most),
            quantity: Decimal128Builder::with_capacity(most),
            marks: MarkColumns::new(most),
            canonical,
            known: HashMap::new(),
        }
    }

    /// Whether the row is taken: its dimensions may be no texts.
    fn push(&mut self, at: u32, row: &Row<'_>) -> PyResult<bool> {
        let dimensions: &str = match self.known.entry_ref(row.dimensions) {
            EntryRef::Occupied(known) => known.into_mut(),
            EntryRef::Vacant(room) => match canonical_text(self.canonical, row.dimensions)? {
                Some(text) => room.insert(text),
                None => return Ok(false),
            },
        };
        self.row.append_value(at);
        let [event_ids, sources, customers, contracts, meters, texts] = &mut self.texts;
        event_ids.append_value(row.event_id);
        sources.append_value(row.source);
        customers.append_value(row.customer);
        contracts.append_option(row.contract);
        meters.append_value(row.meter);
        texts.append_value(dimensions);
        self.time.append_value(row.time);
        self.quantity.append_value(row.quantity);
        let content = Content {
            customer: row.customer,
            contract: row.contract,
            meter: row.meter,
            quantity: row.quantity,
            time: row.time,
            dimensions,
        };
        self.marks.push(row.source, row.event_id, &content);
        Ok(true)
    }

    fn finish(mut self) -> PyResult<Columns> {
        let quantity = self.quantity.finish().with_precision_and_scale(PRECISION, SCALE as i8).map_err(broken)?;
        let [event_id, source, customer, contract, meter, dimensions] =
            self.texts.each_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("row", Arc::new(self.row.finish())),
            ("event_id", event_id),
            ("source", source),
            ("customer_id", customer),
            ("contract_id", contract),
            ("meter", meter),
            ("event_time", Arc::new(self.time.finish())),
            ("quantity", Arc::new(quantity)),
            ("dimensions", dimensions),
        ];
        columns.extend(self.marks.finish());
        batch_of(columns)
    }
}

/// The text of pairs as they were written; None where one is no pair of texts, or its key is empty.
fn canonical_text(canonical: &Bound<'_, PyAny>, raw: &[u8]) -> PyResult<Option<String>> {
    let mut set = Vec::new();
    let mut keep = |key, value| match (std::str::from_utf8(key), std::str::from_utf8(value)) {
        (Ok(key), Ok(value)) if !key.is_empty() => {
            set.push((key.to_owned(), value.to_owned()));
            true
        }
        _ => false,
    };
    if !raw.is_empty() && each_pair(&mut Cursor::new(raw), &mut keep).is_none() {
        return Ok(None);
    }
    canonical.call1((set,))?.extract().map(Some)
}
