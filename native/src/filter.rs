//! Which identities were certainly never seen: it only ever spares look-ups, it never answers one.

use hashbrown::HashSet;
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

const KEYS_PER_WORD: usize = 4; // 16 bits a key when it is full
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15; // odd: spreads the bits of a half over the whole word

/// A Bloom filter over the heads of identities: numbers below 2^32.
#[pyclass]
pub struct HeadFilter {
    words: Vec<u64>,
}

impl HeadFilter {
    /// Of a head the word and the two bits in it: one word is one access to memory.
    fn marks(&self, head: u64) -> (usize, u64) {
        let head = head & u64::from(u32::MAX);
        let spread = head.wrapping_mul(GOLDEN);
        let bits = 1_u64 << (spread >> 58) | 1_u64 << ((spread >> 52) & 63);
        (((head * self.words.len() as u64) >> 32) as usize, bits)
    }
}

#[pymethods]
impl HeadFilter {
    /// With room for so many heads.
    #[new]
    fn new(capacity: usize) -> Self {
        HeadFilter { words: vec![0; (capacity / KEYS_PER_WORD).max(1)] }
    }

    /// Remember heads (UInt64, contiguous).
    fn add(&mut self, py: Python<'_>, heads: PyBuffer<u64>) -> PyResult<()> {
        for head in heads.to_vec(py)? {
            let (word, bits) = self.marks(head);
            self.words[word] |= bits;
        }
        Ok(())
    }

    /// Remember heads, and tell the rows (UInt32, ascending) of all of them but some that are there once only, among them and
    /// among all that were remembered before; and of those rows the ones whose head may have been remembered before.
    fn suspects<'py>(
        &mut self,
        py: Python<'py>,
        heads: PyBuffer<u64>,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let heads = heads.to_vec(py)?;
        let has = |filter: &Self, head| {
            let (word, bits) = filter.marks(head);
            filter.words[word] & bits == bits
        };
        let before: Vec<usize> = (0..heads.len()).filter(|row| has(self, heads[*row])).collect();
        let mut met: HashSet<u64> = HashSet::new();
        for head in &heads {
            let (word, bits) = self.marks(*head);
            if self.words[word] & bits == bits {
                met.insert(*head);
            } else {
                self.words[word] |= bits;
            }
        }
        // Of heads that are there twice the first one too: with it the second is compared.
        let suspects = (0..heads.len()).filter(|row| !met.is_empty() && met.contains(&heads[*row]));
        Ok((told(py, suspects), told(py, before)))
    }
}

/// Rows as UInt32.
fn told(py: Python<'_>, rows: impl IntoIterator<Item = usize>) -> Bound<'_, PyBytes> {
    let numbers: Vec<u8> = rows.into_iter().flat_map(|row| (row as u32).to_le_bytes()).collect();
    PyBytes::new(py, &numbers)
}
