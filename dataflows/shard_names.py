"""Names of shards, chosen so that Bytewax spreads them evenly over its workers.

Bytewax sends a key to worker SipHash-1-3(key as UTF-8 and 0xff, zero key) modulo the number of workers. A shard's name
is the first one whose hash is the shard's number modulo 64, so that 1, 2, 4, ... workers get equal shares.
"""

from __future__ import annotations

from functools import lru_cache

SPREAD = 64
_MASK = (1 << 64) - 1


def _rotated(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 = (v0 + v1) & _MASK
    v1 = _rotated(v1, 13) ^ v0
    v0 = _rotated(v0, 32)
    v2 = (v2 + v3) & _MASK
    v3 = _rotated(v3, 16) ^ v2
    v0 = (v0 + v3) & _MASK
    v3 = _rotated(v3, 21) ^ v0
    v2 = (v2 + v1) & _MASK
    v1 = _rotated(v1, 17) ^ v2
    return v0, v1, _rotated(v2, 32), v3


def siphash13(data: bytes) -> int:
    """SipHash-1-3 with a zero key (Aumasson and Bernstein, 2012)."""
    state = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    whole = len(data) - len(data) % 8
    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, whole, 8)]
    last = (len(data) & 0xFF) << 56 | int.from_bytes(data[whole:], "little")
    for word in (*words, last):
        v0, v1, v2, v3 = state
        v0, v1, v2, v3 = _round(v0, v1, v2, v3 ^ word)
        state = (v0 ^ word, v1, v2, v3)
    v0, v1, v2, v3 = state
    state = (v0, v1, v2 ^ 0xFF, v3)
    for _ in range(3):
        state = _round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def worker_of(name: str, workers: int) -> int:
    """The worker that Bytewax gives a key to."""
    return siphash13(name.encode() + b"\xff") % workers


@lru_cache(maxsize=64)
def shard_names(shards: int) -> tuple[str, ...]:
    """The names of shards 0 to shards - 1."""
    names = []
    for shard in range(shards):
        attempt = 0
        while worker_of(f"shard-{shard}-{attempt}", SPREAD) != shard % SPREAD:
            attempt += 1
        names.append(f"shard-{shard}-{attempt}")
    return tuple(names)
