"""A Bloom filter over identities, vectorised: it only ever spares look-ups, it never answers one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KEYS_PER_WORD = 4  # 16 bits a key when it is full
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # odd: spreads the bits of a half over the whole word
_ONE, _SIX, _32, _52, _58 = (np.uint64(number) for number in (1, 63, 32, 52, 58))


class Filter:
    """Says "certainly new" for most new identities by the first 32 bits of each; anything else is looked up exactly."""

    def __init__(self, capacity: int) -> None:
        """With room for `capacity` identities."""
        self.capacity = max(1 << 14, capacity)
        self.count = 0
        self._words = np.zeros(self.capacity // KEYS_PER_WORD, dtype=np.uint64)

    def _marks(self, heads: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Of each head the word and the two bits in it: one word is one access to memory."""
        spread = heads * _GOLDEN
        bits = (_ONE << (spread >> _58)) | (_ONE << ((spread >> _52) & _SIX))
        return heads * np.uint64(len(self._words)) >> _32, bits

    def add(self, heads: NDArray[np.uint64]) -> None:
        """Remember identities by their heads, which are numbers below 2^32."""
        words, bits = self._marks(heads)
        self.count += len(heads)
        while len(words):
            self._words[words] |= bits
            # A word that was named twice took one of the two.
            missing = (self._words[words] & bits != bits).nonzero()[0]
            words, bits = words[missing], bits[missing]

    def maybe(self, heads: NDArray[np.uint64]) -> NDArray[np.intp]:
        """The indices of all heads except some that were certainly never added."""
        words, bits = self._marks(heads)
        return (self._words[words] & bits == bits).nonzero()[0]
