"""Usage: what one usage record says, and whether it is admitted by its own fields and its partition's watermark."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from . import instant, number

EARLIEST = instant.parse("2000-01-01T00:00:00Z")
LATEST = instant.parse("2100-01-01T00:00:00Z")
OUT_OF_ORDERNESS = instant.HOUR
HORIZON = 35 * instant.DAY


@dataclass(frozen=True)
class Usage:
    """A usage record whose fields are valid (events.md, usage.events)."""

    position: tuple
    source: str
    event_id: str
    customer: str
    contract: str | None
    meter: str
    quantity: Fraction
    time: int
    dimensions: tuple
    segment: int = 0
    watermark: Any = None

    @property
    def identity(self):
        """Identity within a customer (architecture.md, Dedupe)."""
        return (self.customer, self.source, self.event_id)

    @property
    def fingerprint(self):
        """The normalised content that a redelivery must repeat (architecture.md, Dedupe)."""
        return (self.customer, self.contract, self.meter, self.quantity, self.time, self.dimensions)


def parse(row):
    """(fields, None) of a valid record or (None, class) (events.md, Fine print)."""
    if row.value is None:
        return None, "undecodable"
    value = _from_cloud_event(row.value)
    fields = {key: value.get(key) for key in ("source", "event_id", "customer_id", "meter")}
    contract = value.get("contract_id")
    quantity = number.decimal(value.get("quantity"))
    time = instant.parse(value.get("event_time"))
    dimensions = _dimensions(value.get("dimensions"))
    strings = all(type(text) is str and text for text in fields.values())
    if not strings or not (contract is None or type(contract) is str):
        return None, "invalid"
    if quantity is None or time is None or dimensions is None:
        return None, "invalid"
    if not EARLIEST <= time < LATEST:
        return None, "too_early"
    return {
        "position": row.position,
        "source": fields["source"],
        "event_id": fields["event_id"],
        "customer": fields["customer_id"],
        "contract": contract,
        "meter": fields["meter"],
        "quantity": quantity,
        "time": time,
        "dimensions": dimensions,
    }, None


def _from_cloud_event(value):
    """A CloudEvents 1.0 object as a usage record (events.md, usage.events)."""
    if "specversion" not in value:
        return value
    data = value.get("data") if isinstance(value.get("data"), dict) else {}
    return {
        "event_id": value.get("id"),
        "source": value.get("source"),
        "customer_id": value.get("subject"),
        "contract_id": data.get("contract_id"),
        "meter": value.get("type"),
        "quantity": data.get("quantity"),
        "event_time": value.get("time"),
        "dimensions": data.get("dimensions"),
    }


def _dimensions(value):
    if value is None:
        return ()
    if not isinstance(value, list):
        return None
    pairs = []
    for item in value:
        if not isinstance(item, dict) or type(item.get("key")) is not str or type(item.get("value")) is not str:
            return None
        pairs.append((item["key"], item["value"]))
    return tuple(sorted(pairs))


def admit_partition(rows, segment_of):
    """(usages, refused, watermark) of one partition in its order (architecture.md, Time).

    The watermark is the maximum event time of the rows before, less the allowed out-of-orderness; refused maps
    a position to undecodable, invalid, too_early or too_late; segment_of(reached) numbers the control records
    that apply before a row.
    """
    usages, refused, reached = [], {}, None
    for row in rows:
        fields, problem = parse(row)
        if problem is not None:
            refused[row.position] = problem
            continue
        watermark = None if reached is None else reached - OUT_OF_ORDERNESS
        reached = fields["time"] if reached is None else max(reached, fields["time"])
        if watermark is not None and fields["time"] < watermark - HORIZON:
            refused[row.position] = "too_late"
            continue
        usages.append(Usage(**fields, segment=segment_of(reached), watermark=watermark))
    return usages, refused, None if reached is None else reached - OUT_OF_ORDERNESS
