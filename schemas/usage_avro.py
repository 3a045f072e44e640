"""Usage columns from Avro: what polars decoded with the writer's schema, as the same columns JSON lines give.

A row the columns do not accept is written as the JSON line it would have been, and `decode` decides: so one record has
one outcome, whichever form it came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import polars as pl

from schemas.decimals import decimal_text
from schemas.dimensions import dimensions_text
from schemas.instants import EARLIEST, LATEST, instant_text
from schemas.usage import UsageEvent
from schemas.usage_columns import SCHEMA, UsageColumns, with_decoded

FIELDS = tuple(UsageEvent.model_fields)
PAIR = ("key", "value")
NO_VALUE: dict[str, pl.DataType] = {**SCHEMA, "dimensions": pl.List(pl.Struct(dict.fromkeys(PAIR, pl.String())))}
REQUIRED = ("event_id", "source", "customer_id", "meter")
# What polars' reader takes; the rest (maps, unions of several, null alone, names used twice) is read by rows.
SIMPLE = {"boolean", "int", "long", "float", "double", "bytes", "string", "enum", "fixed"}


def is_columnar(schema: Any) -> bool:
    """Whether polars can read the records of a writer's schema."""
    if isinstance(schema, list):
        return len(schema) == 2 and "null" in schema and all(one == "null" or is_columnar(one) for one in schema)
    if isinstance(schema, str):
        return schema in SIMPLE
    kind = schema["type"]
    if kind == "record":
        return all(is_columnar(field["type"]) for field in schema["fields"])
    return is_columnar(schema["items"]) if kind == "array" else is_columnar(kind)


def usage_fields(frame: pl.DataFrame) -> pl.DataFrame:
    """The fields of usage: texts, event_time in microseconds, quantity as written; what the writer lacks is null."""
    # Series by series: several expressions at once go to another thread and wait for it, which a small batch pays dearly.
    known = []
    for name in FIELDS:
        kind = NO_VALUE[name]
        if name not in frame.columns:
            known.append(pl.Series(name, [None], dtype=kind).new_from_index(0, frame.height))
        elif name == "event_time":
            known.append(_micros(frame[name]))
        elif name in ("dimensions", "quantity") or frame.schema[name] == kind:
            known.append(frame[name])
        else:
            known.append(frame[name].cast(kind, strict=False))
    return pl.DataFrame(known)


def _micros(times: pl.Series) -> pl.Series:
    time = times.cast(pl.Int64)
    if isinstance(times.dtype, pl.Datetime) and times.dtype.time_unit == "ms":
        # Clipped to just outside what is allowed, so that a senseless time does not wrap round to a plausible one.
        return time.clip(EARLIEST // 1_000 - 1, LATEST // 1_000 + 1) * 1_000
    return time


def usage_columns(fields: pl.DataFrame) -> UsageColumns:
    """The columns `decode_usage` gives for the same records, from what `usage_fields` gives."""
    made = {
        "row": pl.Series("row", np.arange(fields.height, dtype=np.uint32)),
        "quantity": fields["quantity"].cast(SCHEMA["quantity"], strict=False),  # null where it has too many digits
        "dimensions": _dimensions(fields["dimensions"]),
    }
    frame = pl.DataFrame([made[name] if name in made else fields[name] for name in SCHEMA])
    if _all_accepted(frame):
        return UsageColumns(frame, [])
    accepted = frame.select(_accepted()).to_series()
    return with_decoded(
        frame.filter(accepted), {row: usage_line(fields.row(row, named=True)) for row in frame["row"].filter(~accepted)}
    )


def usage_line(record: Mapping[str, Any], millis: bool = False) -> bytes:
    """A record as the JSON line that states the same; event_time in microseconds, or in milliseconds."""
    fields = {name: record.get(name) for name in FIELDS}
    if fields["quantity"] is not None:
        fields["quantity"] = decimal_text(fields["quantity"])
    if isinstance(time := fields["event_time"], int):
        time = time * 1_000 if millis else time
        fields["event_time"] = instant_text(time) if EARLIEST <= time <= LATEST else time
    return msgspec.json.encode(fields)


def _all_accepted(frame: pl.DataFrame) -> bool:
    """Whether `_accepted` holds of every row."""
    if not frame.height:
        return True
    if any(frame[name].null_count() for name in (*REQUIRED, "quantity", "dimensions", "event_time")):
        return False
    times = frame["event_time"].to_numpy()
    return bool(times.min() >= EARLIEST and times.max() <= LATEST) and not any(
        (frame[name] == "").any() for name in REQUIRED
    )


def _accepted() -> pl.Expr:
    """Whether a row is wholly what the model would make of it."""
    present = [pl.col(name).is_not_null() for name in ("quantity", "dimensions")]
    texts = [pl.col(name).fill_null("") != "" for name in REQUIRED]
    return pl.all_horizontal(*present, *texts, pl.col("event_time").is_between(EARLIEST, LATEST).fill_null(False))


def _dimensions(pairs: pl.Series) -> pl.Series:
    """Canonical texts; null where a key is empty or half of a pair is missing, which the model refuses."""
    # Feeds repeat few sets: only those, each as it was written, are sorted and quoted.
    sets = pairs.to_frame("pairs").with_row_index("row").group_by("pairs").agg("row")
    texts = pl.Series("dimensions", [_text(one) for one in sets["pairs"].to_list()], dtype=pl.String)
    if sets.height == 1:
        return texts.new_from_index(0, len(pairs))
    which = np.empty(len(pairs), dtype=np.uint32)
    which[sets["row"].explode().to_numpy()] = np.repeat(np.arange(sets.height), sets["row"].list.len().to_numpy())
    return texts.gather(which)


def _text(pairs: list[dict[str, Any] | None] | None) -> str | None:
    if any(pair is None or not pair["key"] or pair["value"] is None for pair in pairs or ()):
        return None
    return dimensions_text((pair["key"], pair["value"]) for pair in pairs or () if pair is not None)
