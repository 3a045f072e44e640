"""A Bloom filter over 128-bit identities, vectorised: it only ever spares look-ups, it never answers one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS_PER_KEY = 16
PROBES = 4


class Filter:
    """Says "certainly new" for most new identities; anything else is looked up exactly."""

    def __init__(self, capacity: int) -> None:
        """Sized for `capacity` identities, rounded up to a power of two bits."""
        bits = max(1 << 16, 1 << (capacity * BITS_PER_KEY - 1).bit_length())
        self.capacity = bits // BITS_PER_KEY
        self.count = 0
        self._mask = np.uint64(bits - 1)
        self._bytes = np.zeros(bits // 8, dtype=np.uint8)

    def _positions(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.uint64]:
        # Double hashing: the identity is a hash already, its halves are independent.
        steps = np.arange(PROBES, dtype=np.uint64)[:, None]
        return (high + steps * (low | np.uint64(1))) & self._mask

    def add(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> None:
        """Remember identities."""
        positions = self._positions(high, low).ravel()
        slots, bits = positions >> np.uint64(3), (positions & np.uint64(7)).astype(np.uint8)
        # One bit at a time: inside a pass a slot that is named twice is written twice with the same value.
        for bit in range(8):
            self._bytes[slots[bits == bit]] |= np.uint8(1 << bit)
        self.count += len(high)

    def maybe(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """False where an identity was certainly never added."""
        positions = self._positions(high, low)
        bits = self._bytes[positions >> np.uint64(3)] >> (positions & np.uint64(7)).astype(np.uint8)
        found: NDArray[np.bool_] = np.all(bits & np.uint8(1), axis=0)
        return found
