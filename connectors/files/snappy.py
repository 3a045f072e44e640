"""Snappy by its format description, for the few blocks that polars does not read (small topics, odd schemas)."""

from __future__ import annotations


def expand(data: bytes, most: int) -> bytes:
    """The bytes that were compressed. Raises ValueError or IndexError when they do not expand."""
    size, at = _length(data)
    if size > most:
        raise ValueError(f"it expands to {size} bytes")
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length, at = _literal(data, tag >> 2, at)
            out += _taken(data, at, length)
            at += length
            continue
        extra = (1, 2, 4)[(tag & 3) - 1]
        offset = int.from_bytes(_taken(data, at, extra), "little")
        at += extra
        if tag & 3 == 1:
            length, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | offset
        else:
            length = (tag >> 2) + 1
        if not 0 < offset <= len(out):
            raise ValueError("it refers to what is not there")
        piece = out[-offset:][:length]
        # A copy may reach into what it writes: then it repeats.
        out += (piece * (length // len(piece) + 1))[:length]
        if len(out) > size:
            break
    if len(out) != size:
        raise ValueError(f"it expands to another size than the {size} bytes it states")
    return bytes(out)


def _length(data: bytes) -> tuple[int, int]:
    """The size it states, and where the content begins."""
    size = 0
    for at in range(5):
        size |= (data[at] & 0x7F) << (7 * at)
        if data[at] < 0x80:
            return size, at + 1
    raise ValueError("its size is no number")


def _literal(data: bytes, code: int, at: int) -> tuple[int, int]:
    """The length of a literal, and where it begins."""
    if code < 60:
        return code + 1, at
    extra = code - 59
    return int.from_bytes(_taken(data, at, extra), "little") + 1, at + extra


def _taken(data: bytes, at: int, count: int) -> bytes:
    if at + count > len(data):
        raise ValueError("it is cut off")
    return data[at : at + count]
