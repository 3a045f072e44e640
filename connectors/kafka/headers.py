"""What the headers of a message say of what it was sent under."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import Message

from accounting.trace import UNTRACED, Trace
from schemas.trace import traceparent

TRACEPARENT = "traceparent"
CORRELATION_IDS = ("correlation_id", "correlation-id", "x-correlation-id")  # the first that is there
LONGEST_BYTES = 1_024  # of a correlation id: it is repeated in every entry that the message causes


def trace_of(headers: Sequence[tuple[str, object]] | None) -> Trace:
    """Names are compared without case; of one given twice the last valid one counts. What is malformed is left out."""
    if not headers:
        return UNTRACED
    found: dict[str, str] = {}
    for name, value in headers:
        if (text := _text(value)) is None:
            continue
        key = name.lower()
        if key != TRACEPARENT:
            found[key] = text
        elif (parent := traceparent(text)) is not None:
            found[key] = parent
    correlation = next((found[name] for name in CORRELATION_IDS if name in found), None)
    return Trace(correlation, found.get(TRACEPARENT))


def traces(messages: Sequence[Message]) -> list[Trace]:
    """Of each message. Only of topics that have few: usage is not looked at one by one."""
    return [trace_of(_headers(message)) for message in messages]


def headers_of(trace: Trace) -> dict[str, str]:
    """The headers that say the same."""
    names = {CORRELATION_IDS[0]: trace.correlation_id, TRACEPARENT: trace.traceparent}
    return {name: value for name, value in names.items() if value is not None}


def _headers(message: Message) -> Sequence[tuple[str, object]] | None:
    try:
        found = message.headers()
        return list(found.items()) if isinstance(found, dict) else found
    except Exception:  # whatever a name that is no text makes the client say: the record is there all the same
        return None


def _text(value: object) -> str | None:
    if not isinstance(value, bytes) or not 0 < len(value) <= LONGEST_BYTES:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
