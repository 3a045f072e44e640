//! Our own records as Avro, straight from their JSON form.
//!
//! A model would check again what the same process has just made. What is not of the schema's types is refused all the same;
//! patterns and ranges are the models' business, which read what others send.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Map, Value};
use std::collections::HashMap;

use crate::leaves;

/// How a value of the JSON form is put.
#[derive(Clone)]
enum Form {
    Text,
    Whole,
    Flag,
    /// Base64 in the JSON form.
    Payload,
    /// Text in the JSON form, units of ten to the minus so many in Avro.
    Decimal(i32),
    Instant,
    Day,
    Enum(HashMap<String, i64>),
    /// A union with null, which comes first.
    Optional(Box<Form>),
    /// Whether an empty one is its default.
    Array(Box<Form>, bool),
    Record(Vec<(String, Form)>),
}

/// Writes the records of one schema.
#[pyclass(frozen)]
pub struct RecordWriter {
    form: Form,
}

#[pymethods]
impl RecordWriter {
    /// `schema`: Avro's, as JSON. ValueError where it has a type that none of our own topics has.
    #[new]
    fn new(schema: &str) -> PyResult<RecordWriter> {
        let told: Value = serde_json::from_str(schema).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let form = form(&told, &mut HashMap::new()).map_err(PyValueError::new_err)?;
        Ok(RecordWriter { form })
    }

    /// `head`, and behind it the Avro of a record that is given as JSON. ValueError says what is not of the schema's types.
    fn write<'py>(&self, py: Python<'py>, head: &[u8], line: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let record: Value = serde_json::from_slice(line).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let mut out = Vec::with_capacity(head.len() + line.len());
        out.extend_from_slice(head);
        put(&mut out, &self.form, &record).map_err(PyValueError::new_err)?;
        Ok(PyBytes::new(py, &out))
    }
}

fn form(told: &Value, named: &mut HashMap<String, Form>) -> Result<Form, String> {
    match told {
        Value::String(name) => named.get(name).cloned().map_or_else(|| plain(name), Ok),
        Value::Array(kinds) => match kinds.as_slice() {
            [Value::String(null), kind] if null == "null" => Ok(Form::Optional(Box::new(form(kind, named)?))),
            _ => Err(format!("no union with null: {told}")),
        },
        Value::Object(parts) => complex(parts, named),
        _ => Err(format!("no type of Avro: {told}")),
    }
}

fn complex(parts: &Map<String, Value>, named: &mut HashMap<String, Form>) -> Result<Form, String> {
    let lacks = || format!("no type of Avro: {parts:?}");
    match parts.get("logicalType").and_then(Value::as_str) {
        Some("decimal") => {
            let scale = parts.get("scale").and_then(Value::as_i64).and_then(|scale| i32::try_from(scale).ok());
            return Ok(Form::Decimal(scale.ok_or_else(lacks)?));
        }
        Some("timestamp-micros") => return Ok(Form::Instant),
        Some("date") => return Ok(Form::Day),
        Some(_) => return Err(lacks()),
        None => {}
    }
    let made = match parts.get("type").and_then(Value::as_str).ok_or_else(lacks)? {
        "array" => return Ok(Form::Array(Box::new(form(parts.get("items").ok_or_else(lacks)?, named)?), false)),
        "enum" => {
            let symbols = parts.get("symbols").and_then(Value::as_array).ok_or_else(lacks)?.iter();
            let numbered = symbols.zip(0..).map(|(symbol, number)| Some((symbol.as_str()?.to_owned(), number)));
            Form::Enum(numbered.collect::<Option<_>>().ok_or_else(lacks)?)
        }
        "record" => {
            let fields = parts.get("fields").and_then(Value::as_array).ok_or_else(lacks)?.iter();
            Form::Record(fields.map(|field| field_of(field, named)).collect::<Result<_, _>>()?)
        }
        name => return plain(name),
    };
    let name = parts.get("name").and_then(Value::as_str).ok_or_else(lacks)?;
    named.insert(name.to_owned(), made.clone());
    Ok(made)
}

fn field_of(field: &Value, named: &mut HashMap<String, Form>) -> Result<(String, Form), String> {
    let name = field["name"].as_str().ok_or_else(|| format!("no field of Avro: {field}"))?;
    let mut kind = form(&field["type"], named)?;
    if let Form::Array(_, empty) = &mut kind {
        *empty = field.get("default").is_some_and(|default| default.as_array().is_some_and(Vec::is_empty));
    }
    Ok((name.to_owned(), kind))
}

fn plain(name: &str) -> Result<Form, String> {
    match name {
        "string" => Ok(Form::Text),
        "int" | "long" => Ok(Form::Whole),
        "boolean" => Ok(Form::Flag),
        "bytes" => Ok(Form::Payload),
        _ => Err(format!("our own topics have no {name}")),
    }
}

fn put(out: &mut Vec<u8>, form: &Form, value: &Value) -> Result<(), String> {
    match (form, value) {
        (Form::Record(fields), Value::Object(parts)) => {
            for (name, kind) in fields {
                put(out, kind, parts.get(name).unwrap_or(&Value::Null)).map_err(|error| format!("{name}: {error}"))?;
            }
        }
        (Form::Optional(_), Value::Null) => out.push(0),
        (Form::Optional(kind), _) => {
            out.push(2);
            put(out, kind, value)?;
        }
        // Not of any that lacks: an entry whose lines are missing must not pass for one that has none.
        (Form::Array(_, true), Value::Null) => out.push(0),
        (Form::Array(kind, _), Value::Array(items)) => {
            if !items.is_empty() {
                zigzag(out, items.len() as i64);
                items.iter().try_for_each(|item| put(out, kind, item))?;
            }
            out.push(0);
        }
        (Form::Text, Value::String(text)) => bytes(out, text.as_bytes()),
        (Form::Enum(symbols), Value::String(symbol)) => zigzag(out, *symbols.get(symbol).ok_or_else(|| wrong(value))?),
        (Form::Decimal(scale), Value::String(text)) => {
            let units = leaves::decimal(text, *scale).ok_or_else(|| wrong(value))?;
            let whole = units.to_be_bytes();
            // The fewest bytes that hold it and its sign, but that a number's own size decides and not its complement's.
            let length = (136 - units.unsigned_abs().leading_zeros() as usize) / 8;
            bytes(out, &whole[whole.len() - length.min(whole.len())..]);
        }
        (Form::Instant, Value::String(text)) => zigzag(out, leaves::instant(text).ok_or_else(|| wrong(value))?),
        (Form::Day, Value::String(text)) => zigzag(out, leaves::day(text).ok_or_else(|| wrong(value))?),
        (Form::Payload, Value::String(text)) => bytes(out, &leaves::payload(text).ok_or_else(|| wrong(value))?),
        (Form::Whole, Value::Number(number)) => zigzag(out, number.as_i64().ok_or_else(|| wrong(value))?),
        (Form::Flag, Value::Bool(flag)) => out.push(u8::from(*flag)),
        _ => return Err(wrong(value)),
    }
    Ok(())
}

fn wrong(value: &Value) -> String {
    format!("{value} is not what the schema has there")
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    zigzag(out, value.len() as i64);
    out.extend_from_slice(value);
}

fn zigzag(out: &mut Vec<u8>, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    while left > 0x7f {
        out.push(left as u8 & 0x7f | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}
