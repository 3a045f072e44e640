"""CloudEvents 1.0: the other JSON form in which usage is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def is_cloud_event(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a CloudEvent rather than a usage record.

    CloudEvents attribute names have no underscore, so an object with an `event_id` is a usage record
    whatever else it carries.
    """
    return value.get("specversion") is not None and value.get("event_id") is None


def usage_fields(event: Mapping[str, Any], meters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The fields of a usage record that a CloudEvent states (events.md, usage.events), not checked.

    `meters` maps a CloudEvents type to a meter; a type it does not name is the meter.
    """
    data = event.get("data")
    if not isinstance(data, dict):
        data = {}
    kind = event.get("type")
    return {
        "event_id": event.get("id"),
        "source": event.get("source"),
        "customer_id": event.get("subject"),
        "contract_id": data.get("contract_id"),
        "meter": meters.get(kind, kind) if meters and isinstance(kind, str) else kind,
        "quantity": data.get("quantity"),
        "event_time": event.get("time"),
        "dimensions": data.get("dimensions"),
    }


class CloudData(msgspec.Struct, gc=False):
    """What a CloudEvent of usage carries."""

    quantity: str
    contract_id: str | None = None
    dimensions: msgspec.Raw = msgspec.Raw(b"null")


class CloudLine(msgspec.Struct, gc=False):
    """A line that is certainly a CloudEvent of usage, for the fast path; `event_id` must be missing or null."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    data: CloudData
    event_id: None = None


# Where the fields of usage are in it: the same places as in `usage_fields`.
PLACES = {
    "event_id": "id",
    "source": "source",
    "customer_id": "subject",
    "contract_id": "data.contract_id",
    "meter": "type",
    "event_time": "time",
    "quantity": "data.quantity",
    "dimensions": "data.dimensions",
}
