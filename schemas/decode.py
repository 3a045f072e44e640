"""Decoding: one JSON line into the typed record of its topic, or into the fault that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from schemas.cloudevents import is_cloud_event, usage_fields
from schemas.fault import Fault, invalid
from schemas.fields import Record
from schemas.topics import TOPICS, TRACED, USAGE
from schemas.trace import trace_in


def decode(topic: str, line: bytes, meters: Mapping[str, str] | None = None) -> Record | Fault:
    """The record that a JSON line of `topic` states, or a Fault; no bytes make it raise.

    undecodable: not one JSON object in UTF-8, nested deeper than 200, or with an integer of more than 4,300
    digits. invalid: an object that fails the topic's model. Of a key given twice the last one counts.
    KeyError for an unknown topic. `meters` maps types of CloudEvents to meters.
    """
    model = TOPICS[topic].model
    try:
        # NaN and Infinity are not JSON; model_validate_json alone would let them pass.
        value = from_json(line, allow_inf_nan=False)
    except ValueError as error:
        return Fault("undecodable", f"not JSON: {error}")
    if not isinstance(value, dict):
        return Fault("undecodable", "not a JSON object")
    if topic == USAGE and is_cloud_event(value):
        # An infinite number is one written too large, such as 1e400: it stays a number and the model
        # refuses it.
        line = to_json(usage_fields(value, meters), inf_nan_mode="constants")
    try:
        # From JSON, not from `value`: only so do the models know that a number is not a Decimal or an
        # instant.
        return model.model_validate_json(line)
    except ValidationError as error:
        fault = invalid(error)
        return replace(fault, trace=trace_in(value)) if topic in TRACED else fault
