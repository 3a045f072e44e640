"""Usage columns: thousands of JSON lines of usage.events decoded into one frame, without a loop per line.

The fast path accepts a strict subset of what the model accepts, with the same values. Whatever it does not
accept goes to `decode`, line by line, which alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import TypeVar

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic_core import from_json

from accounting.contract import QUANTITY_SCALE
from schemas.cloudevents import PLACES, CloudLine
from schemas.decimals import PRECISION, decimal_text
from schemas.decode import decode
from schemas.dimensions import DimensionTexts, dimensions_text
from schemas.fault import Fault
from schemas.identity import identified
from schemas.topics import USAGE
from schemas.usage import UsageEvent

T = TypeVar("T")

SCHEMA: dict[str, pl.DataType] = {
    "row": pl.UInt32(),
    "event_id": pl.String(),
    "source": pl.String(),
    "customer_id": pl.String(),
    "contract_id": pl.String(),
    "meter": pl.String(),
    "event_time": pl.Int64(),
    "quantity": pl.Decimal(PRECISION, QUANTITY_SCALE),
    "dimensions": pl.String(),
}

# A line this short cannot hold what msgspec skips unseen and JSON proper refuses: 200 levels of nesting or
# an integer of 4,300 digits, beside the fields that every record must have.
SHORT_LINE_BYTES_MAX = 500

# Parsed lines are turned into columns a slice at a time, while they are still in the processor's cache:
# half the time.
SLICE_LINES = 1_000

_TEXTS = ("event_id", "source", "customer_id", "contract_id", "meter", "event_time", "quantity")
_OWN = {name: name for name in (*_TEXTS, "dimensions")}
_REQUIRED_TEXT = ("event_id", "source", "customer_id", "meter")
# Stricter than the model, so that polars never sees what it would read differently: second 60, excess digits.
_QUANTITY = r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$"
_EVENT_TIME = (
    r"^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,6})?(Z|\+00:00)$"
)


class _Line(msgspec.Struct, gc=False):
    event_id: str
    source: str
    customer_id: str
    meter: str
    quantity: str
    event_time: str
    contract_id: str | None = None
    dimensions: msgspec.Raw = msgspec.Raw(b"null")


_decoder = msgspec.json.Decoder(_Line)
_cloud_decoder = msgspec.json.Decoder(CloudLine)
_canonical = DimensionTexts()


@dataclass(frozen=True, slots=True)
class UsageColumns:
    """A decoded batch.

    `rows`: one row per accepted line, in line order: row (UInt32, index in the batch's lines), event_id,
    source, customer_id, contract_id (null allowed), meter: String; event_time Int64, microseconds UTC;
    quantity Decimal(38, 18); dimensions String, canonical text ("" for none); and MARKS of schemas.identity where
    they were made at once. `faults`: (index, fault) of every other line, in line order.
    """

    rows: pl.DataFrame
    faults: list[tuple[int, Fault]]


NOTHING = pl.DataFrame(schema=SCHEMA)


def merged(parts: Sequence[tuple[NDArray[np.int64], UsageColumns]]) -> UsageColumns:
    """Parts of a batch as one, in the order of its records; each part's rows are indexes of the records it is given with."""
    frames, faults = [identified(NOTHING)], list[tuple[int, Fault]]()
    for places, part in parts:
        row = pl.Series("row", places[part.rows["row"].to_numpy()], dtype=pl.UInt32)
        frames.append(identified(part.rows).with_columns(row))
        faults += [(int(places[at]), fault) for at, fault in part.faults]
    return UsageColumns(pl.concat(frames).sort("row"), sorted(faults, key=itemgetter(0)))


def decode_usage(lines: Sequence[bytes], meters: Mapping[str, str] | None = None) -> UsageColumns:
    """Decode a batch of usage lines; each one ends up in `rows` or in `faults`. Never raises on any bytes.

    Each line has the outcome and the values of `decode("usage.events", line, meters)`.
    """
    texts, refused = _texts(lines, meters or {})
    frame = texts.with_columns(_instants(), _quantities()).select(*SCHEMA)
    accepted = frame.select(_accepted()).to_series()
    unsafe = _unsafe(lines)
    if unsafe:
        accepted = accepted & ~frame["row"].is_in(unsafe)
    if not refused and accepted.all():
        return UsageColumns(frame, [])
    slow = sorted([*refused, *frame["row"].filter(~accepted).to_list()])
    return with_decoded(frame.filter(accepted), {row: lines[row] for row in slow}, meters)


def _texts(lines: Sequence[bytes], meters: Mapping[str, str]) -> tuple[pl.DataFrame, list[int]]:
    """The lines msgspec takes as columns of text and their index, and the indexes of those it refuses."""
    frames: list[pl.DataFrame] = []
    refused: list[int] = []
    for start in range(0, max(len(lines), 1), SLICE_LINES):
        part = lines[start : start + SLICE_LINES]
        parsed, bad = _parse(_decoder, part)
        frame = _slice_frame(parsed).with_columns(_indexes(len(part), bad) + start)
        if bad:
            clouds, worse = _parse(_cloud_decoder, [part[index] for index in bad])
            at = pl.Series("row", bad, dtype=pl.UInt32) + start
            cloud = _slice_frame(clouds, PLACES).with_columns(at.gather(_indexes(len(bad), worse)))
            frame = pl.concat([frame, cloud.with_columns(pl.col("meter").replace(meters))]).sort("row")
            refused += [start + bad[index] for index in worse]
        frames.append(frame)
    return pl.concat(frames, rechunk=True), refused


def _parse(decoder: msgspec.json.Decoder[T], lines: Sequence[bytes]) -> tuple[list[T], list[int]]:
    """The lines msgspec takes, and the indexes of those it refuses."""
    parsed: list[T] = []
    refused: list[int] = []
    stream: Iterator[T] = map(decoder.decode, lines)
    while True:
        try:
            # extend keeps what came before an exception and its iterator goes on after it: neighbours stay.
            parsed.extend(stream)
            return parsed, refused
        except (ValueError, RecursionError):
            refused.append(len(parsed) + len(refused))


def _slice_frame(parsed: Sequence[object], places: Mapping[str, str] = _OWN) -> pl.DataFrame:
    # map and attrgetter, column by column: the loop runs in C, and no row of tuples wakes the collector.
    columns = {name: list(map(attrgetter(places[name]), parsed)) for name in _TEXTS}
    dimensions = map(attrgetter(places["dimensions"]), parsed)
    columns["dimensions"] = list(map(_canonical.__getitem__, map(bytes, dimensions)))
    return pl.DataFrame([pl.Series(name, values, dtype=pl.String) for name, values in columns.items()])


def _indexes(count: int, refused: list[int]) -> pl.Series:
    """The indexes of the lines that were parsed: all of `count` but those refused."""
    index = pl.int_range(count, dtype=pl.UInt32, eager=True).alias("row")
    return index.filter(~index.is_in(refused)) if refused else index


def _unsafe(lines: Sequence[bytes]) -> list[int]:
    """Indexes of the lines whose skipped parts msgspec did not check and JSON proper may refuse.

    msgspec skips unknown keys and raw values without looking at their encoding or their depth.
    """
    unsafe: list[int] = []
    if not all(map(bytes.isascii, lines)):
        unsafe += [index for index, line in enumerate(lines) if not _is_utf8(line)]
    if max(map(len, lines), default=0) > SHORT_LINE_BYTES_MAX:
        long = [index for index, line in enumerate(lines) if len(line) > SHORT_LINE_BYTES_MAX]
        unsafe += [index for index in long if not _is_json(lines[index])]
    return unsafe


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_json(line: bytes) -> bool:
    try:
        from_json(line, allow_inf_nan=False)
    except ValueError:
        return False
    return True


def _instants() -> pl.Expr:
    """event_time in microseconds: whole seconds by a fixed format, which polars reads fastest."""
    text = pl.col("event_time")
    text = pl.when(text.str.contains(_EVENT_TIME)).then(text)
    seconds = text.str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    fraction = text.str.slice(19).str.strip_suffix("Z").str.strip_suffix("+00:00").str.strip_prefix(".")
    return seconds.cast(pl.Int64) + fraction.str.pad_end(6, "0").cast(pl.Int64, strict=False)


def _quantities() -> pl.Expr:
    text = pl.col("quantity")
    return pl.when(text.str.contains(_QUANTITY)).then(text).cast(SCHEMA["quantity"], strict=False)


def _accepted() -> pl.Expr:
    """Whether a row of the frame is wholly what the model would make of its line."""
    present = [pl.col(name).is_not_null() for name in ("quantity", "event_time", "dimensions")]
    return pl.all_horizontal(*present, *(pl.col(name) != "" for name in _REQUIRED_TEXT))


def with_decoded(
    fast: pl.DataFrame, slow: Mapping[int, bytes], meters: Mapping[str, str] | None = None
) -> UsageColumns:
    """The fast rows merged, in line order, with what the model makes of the other lines, which come by index."""
    faults: list[tuple[int, Fault]] = []
    events: list[tuple[int, UsageEvent]] = []
    for index, line in slow.items():
        outcome = decode(USAGE, line, meters)
        if isinstance(outcome, UsageEvent):
            events.append((index, outcome))
        elif isinstance(outcome, Fault):
            faults.append((index, outcome))
    if not events:
        return UsageColumns(fast, faults)
    return UsageColumns(pl.concat([fast, _slow_frame(events)]).sort("row"), faults)


def _slow_frame(events: list[tuple[int, UsageEvent]]) -> pl.DataFrame:
    columns: dict[str, list[object]] = {
        "row": [index for index, _ in events],
        "event_id": [event.event_id for _, event in events],
        "source": [event.source for _, event in events],
        "customer_id": [event.customer_id for _, event in events],
        "contract_id": [event.contract_id for _, event in events],
        "meter": [event.meter for _, event in events],
        "event_time": [event.event_time for _, event in events],
        "quantity": [decimal_text(event.quantity) for _, event in events],
        "dimensions": [
            dimensions_text((dimension.key, dimension.value) for dimension in event.dimensions) for _, event in events
        ],
    }
    schema = {**SCHEMA, "quantity": pl.String()}
    return pl.DataFrame(columns, schema=schema).with_columns(pl.col("quantity").cast(SCHEMA["quantity"]))
