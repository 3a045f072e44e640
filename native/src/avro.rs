//! Avro's binary form, as the writer's schema puts it: what is wanted is read, the rest is stepped over.
//!
//! Nothing here says why bytes are no record: `None` means that somebody slower has to look (the Avro specification,
//! "Binary encoding"). It is stricter than it must be, so that what it accepts has one meaning only.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

/// A type of the writer's schema. It contains itself nowhere, and the items of an array take a byte at least: the caller
/// refuses other schemas, with which a few bytes could claim any depth or size.
pub enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(i64),
    Union(Vec<Kind>),
    Record(Vec<Kind>),
    Array(Box<Kind>),
    Map(Box<Kind>),
}

impl Kind {
    /// From nested tuples: (name, argument...).
    pub fn of(told: &Bound<'_, PyTuple>) -> PyResult<Kind> {
        let name: String = told.get_item(0)?.extract()?;
        let one = || -> PyResult<Box<Kind>> { Ok(Box::new(Kind::of(told.get_item(1)?.cast::<PyTuple>()?)?)) };
        let several = || -> PyResult<Vec<Kind>> {
            told.get_item(1)?.cast::<PyList>()?.iter().map(|kind| Kind::of(kind.cast::<PyTuple>()?)).collect()
        };
        Ok(match name.as_str() {
            "null" => Kind::Null,
            "boolean" => Kind::Boolean,
            "int" => Kind::Int,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "bytes" => Kind::Bytes,
            "string" => Kind::Text,
            "fixed" => Kind::Fixed(told.get_item(1)?.extract()?),
            "enum" => Kind::Enum(told.get_item(1)?.extract()?),
            "union" => Kind::Union(several()?),
            "record" => Kind::Record(several()?),
            "array" => Kind::Array(one()?),
            "map" => Kind::Map(one()?),
            other => return Err(PyValueError::new_err(format!("{other} is no type of Avro"))),
        })
    }
}

/// Bytes, and how far they have been read.
pub struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Cursor { data, at: 0 }
    }

    pub fn at_end(&self) -> bool {
        self.at == self.data.len()
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes since a position.
    pub fn since(&self, position: usize) -> &'a [u8] {
        &self.data[position..self.at]
    }

    pub fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(size)?;
        let found = self.data.get(self.at..end)?;
        self.at = end;
        Some(found)
    }

    fn byte(&mut self) -> Option<u8> {
        let found = *self.data.get(self.at)?;
        self.at += 1;
        Some(found)
    }

    /// A zigzag number of at most ten bytes.
    pub fn long(&mut self) -> Option<i64> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(i64::from(first >> 1) ^ -i64::from(first & 1));
        }
        let mut raw = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return None; // more than 64 bits
            }
            raw |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some((raw >> 1) as i64 ^ -((raw & 1) as i64));
            }
        }
        None
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let size = usize::try_from(self.long()?).ok()?;
        self.take(size)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// Which branch of a union comes; `None` where the schema has no such branch.
    pub fn branch<'k>(&mut self, branches: &'k [Kind]) -> Option<&'k Kind> {
        branches.get(usize::try_from(self.long()?).ok()?)
    }

    /// How many items the next block of an array or a map has; 0 ends it.
    pub fn block(&mut self) -> Option<u64> {
        let count = self.long()?;
        if count < 0 {
            self.long()?; // the bytes of the block, for who wants to step over it unread
        }
        Some(count.unsigned_abs())
    }

    pub fn skip(&mut self, kind: &Kind) -> Option<()> {
        match kind {
            Kind::Null => {}
            Kind::Boolean => {
                if self.byte()? > 1 {
                    return None;
                }
            }
            Kind::Int => {
                i32::try_from(self.long()?).ok()?;
            }
            Kind::Long => {
                self.long()?;
            }
            Kind::Float => {
                self.take(4)?;
            }
            Kind::Double => {
                self.take(8)?;
            }
            Kind::Bytes => {
                self.bytes()?;
            }
            Kind::Text => {
                self.text()?;
            }
            Kind::Fixed(size) => {
                self.take(*size)?;
            }
            Kind::Enum(symbols) => {
                if !(0..*symbols).contains(&self.long()?) {
                    return None;
                }
            }
            Kind::Union(branches) => {
                let branch = self.branch(branches)?;
                self.skip(branch)?;
            }
            Kind::Record(fields) => {
                for field in fields {
                    self.skip(field)?;
                }
            }
            Kind::Array(items) => loop {
                match self.block()? {
                    0 => break,
                    count => (0..count).try_for_each(|_| self.skip(items))?,
                }
            },
            Kind::Map(values) => loop {
                match self.block()? {
                    0 => break,
                    count => (0..count).try_for_each(|_| {
                        self.text()?;
                        self.skip(values)
                    })?,
                }
            },
        }
        Some(())
    }
}
