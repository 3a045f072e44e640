"""What records of the low-volume topics say of what they were sent under. It is no part of what they state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import PlainValidator

from accounting.trace import Trace
from schemas.fields import Record

# W3C Trace Context, level 1, 3.2: what later versions add comes behind a hyphen, and ff is no version.
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.S
)
SAMPLED = 1


def traceparent(value: object) -> str | None:
    """The text of a trace's parent; None for anything else, which is no error: nothing depends on it.

    One of a later version than 00 is carried on as what version 00 knows of it (3.2.2.5 and 4.3 of the standard).
    """
    found = _TRACEPARENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    if version != "00":
        return f"00-{trace}-{parent}-{int(flags, 16) & SAMPLED:02x}"
    return None if more else found.string


def correlation_id(value: object) -> str | None:
    """A name that may be anything but empty; None for what is no text, which is no error either."""
    return value if isinstance(value, str) and value else None


Traceparent = Annotated[str | None, PlainValidator(traceparent)]
CorrelationId = Annotated[str | None, PlainValidator(correlation_id)]


class Traced(Protocol):
    """A record that names what it was sent under."""

    @property
    def correlation_id(self) -> str | None: ...
    @property
    def traceparent(self) -> str | None: ...


_Model = TypeVar("_Model", bound=Record)


def trace_of(record: Traced) -> Trace:
    """What a record was sent under."""
    return Trace(record.correlation_id, record.traceparent)


def trace_in(fields: Mapping[str, Any]) -> Trace:
    """The same of an object that may be no record at all."""
    return Trace(correlation_id(fields.get("correlation_id")), traceparent(fields.get("traceparent")))


def sent_under(fields: Mapping[str, Any], trace: Trace) -> dict[str, Any]:
    """A record's fields with the names of the message that held it: the record's own win, if they are any."""
    found = dict(fields)
    if found.get("correlation_id") is None and trace.correlation_id is not None:
        found["correlation_id"] = trace.correlation_id
    if traceparent(found.get("traceparent")) is None and trace.traceparent is not None:
        found["traceparent"] = trace.traceparent
    return found


def untraced(record: _Model) -> _Model:
    """What a record states: sent again under other names it is the same record."""
    return record.model_copy(update=dict.fromkeys(Trace._fields))
