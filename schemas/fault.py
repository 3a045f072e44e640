"""Faults: why a message is no record, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from accounting.trace import UNTRACED, Trace

SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one message.

    `cls` is the class of the exception record: "undecodable" (not a JSON object, no Avro record), "invalid" (an
    object that fails the schema) or "schema_unknown" (a message that names none of the topic's). `reason` names the
    first field at fault, its value (at most 80 characters) and what is allowed. `trace`: what the message was sent under,
    as far as that can be told.
    """

    cls: Literal["undecodable", "invalid", "schema_unknown"]
    reason: str
    trace: Trace = field(default=UNTRACED, compare=False)


def invalid(error: ValidationError) -> Fault:
    """The fault of an object that failed its model."""
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    field = _path(first["loc"])
    if first["type"] == "missing":
        reason = f"{field} is missing: a value is required"
    elif not field:
        reason = first["msg"]
    else:
        reason = f"{field} = {shown(first['input'])}: {first['msg']}"
    if len(problems) > 1:
        reason += f" (and {len(problems) - 1} more)"
    return Fault("invalid", reason)


def _path(location: tuple[int | str, ...]) -> str:
    """("lines", 0, "total") as lines[0].total."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def shown(value: object) -> str:
    """A value for a message: at most 80 characters of it; objects and arrays by name only."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, str):
        return repr(value) if len(value) <= SHOWN_CHARACTERS else repr(value[:SHOWN_CHARACTERS] + "…")
    # str() of an integer of thousands of digits raises ValueError.
    if isinstance(value, int) and value.bit_length() > 256:
        return "a huge integer"
    return repr(value)[:SHOWN_CHARACTERS]
