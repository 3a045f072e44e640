"""Versioned byte codecs: one version byte, then MessagePack arrays. No pickle: bytes are data, never code."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from state.errors import StateDamaged

VERSION = 1
_HEAD = bytes([VERSION])

T = TypeVar("T", bound=msgspec.Struct)

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type, msgspec.msgpack.Decoder] = {}


def encode(record: msgspec.Struct) -> bytes:
    """A record as bytes."""
    return _HEAD + _encoder.encode(record)


def decode(kind: type[T], data: bytes) -> T:
    """A record of `kind` back; StateDamaged when the bytes are of another version or torn."""
    if data[:1] != _HEAD:
        raise StateDamaged(
            f"a {kind.__name__} in the state has format version {data[:1].hex() or 'none'}, not {VERSION}"
        )
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    try:
        record: T = decoder.decode(data[1:])
    except msgspec.DecodeError as error:
        raise StateDamaged(f"a {kind.__name__} in the state does not read: {error}") from error
    return record


def from_int(value: int) -> bytes:
    """An integer of any size as bytes (amounts in 1e-30 pass 64 bits)."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def to_int(data: bytes) -> int:
    """The integer back."""
    return int.from_bytes(data, "big", signed=True)
