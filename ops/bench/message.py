"""Usage events as messages of the Confluent wire format, written straight to bytes: a feed must not take longer than its run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ops.bench.feed import DIMENSIONS, Draw

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HUNDREDTH = 10**16  # of a unit, in the 18 places that quantities have


def encoder(schema_number: int) -> Callable[[Draw], bytes]:
    """Gives the message of a draw, as fastavro would write its record."""
    head = b"\x00" + schema_number.to_bytes(4, "big")
    source = _text(b"meter-a")
    pairs = b"".join(_text(one["key"].encode()) + _text(one["value"].encode()) for one in DIMENSIONS)
    tail = zigzag(len(DIMENSIONS)) + pairs + zigzag(0)
    customers: dict[int, bytes] = {}

    def message(draw: Draw) -> bytes:
        customer = customers.get(draw.customer)
        if customer is None:
            customer = customers[draw.customer] = source + _text(b"cust-%d" % draw.customer) + zigzag(0)
        quantity = draw.hundredths * HUNDREDTH
        digits = quantity.to_bytes(quantity.bit_length() // 8 + 1, "big", signed=True)
        return b"".join(
            (
                head, b"\x1c", b"evt-%010d" % draw.number, customer, b"\x08", b"api%d" % draw.meter,
                zigzag(len(digits)), digits, zigzag((draw.at - EPOCH) // MICROSECOND), tail,
            )
        )  # fmt: skip

    return message


def _text(value: bytes) -> bytes:
    return zigzag(len(value)) + value


def zigzag(value: int) -> bytes:
    """Avro's number of at most 64 bits."""
    left, out = (value << 1) ^ (value >> 63), bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)
