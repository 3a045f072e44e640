"""Contract versions: the whole contract as one record states it."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from . import instant, number, rate
from .topic import Invalid

TOPIC = "contracts.events"
KINDS = {"activated", "amended", "renewed", "cancelled"}
TREATMENTS = [None, "auto", "separate_contract", "prospective", "cumulative_catch_up"]
LINE_KINDS = {"ratable", "usage", "point_in_time", "milestone", "credits"}
NAMES = ("correlation_id", "traceparent")  # what it was sent under: no part of its content
METHODS = {"daily", "monthly", "monthly_prorated_ends", "month_fraction", "exact"}


@dataclass(frozen=True)
class Line:
    """One line (performance obligation) of a version (events.md, lines[])."""

    line_id: str
    product: str | None
    kind: str
    start: int
    end: int
    quantity: Fraction | None
    total: Fraction
    ssp: Fraction | None
    distinct: bool
    method: str | None
    satisfied_at: int | None
    progress: tuple
    rate: Any


@dataclass(frozen=True)
class Estimate:
    """A variable amount, already constrained, and the lines it belongs to; none: all (events.md, variable[])."""

    name: str
    amount: Fraction
    line_ids: tuple


@dataclass(frozen=True)
class Version:
    """One version of a contract (events.md, contracts.events)."""

    position: tuple
    segment: int
    contract: str
    number: int
    kind: str
    effective: int
    customer: str
    entity: str
    currency: str
    start: int
    end: int
    lines: tuple
    treatment: str
    reason: str | None
    approved_by: str | None
    requested_by: str | None
    past_credit: Fraction
    variable: tuple
    opening: Any
    content: Any

    @property
    def key(self):
        """A contract is known within its customer (architecture.md, The flow)."""
        return (self.customer, self.contract)

    def line(self, line_id):
        """The line of that id, or None."""
        return next((line for line in self.lines if line.line_id == line_id), None)


def parse(row, time, segment):
    """The version a row states; raises Invalid."""
    value = row.value
    for name in ("event_id", "source", "contract_id", "customer_id", "entity", "currency"):
        _text(value.get(name))
    if time is None or _text(value.get("kind")) not in KINDS:
        raise Invalid
    start, end = _time(value.get("start")), _time(value.get("end"))
    lines = value.get("lines")
    if end < start or not isinstance(lines, list):
        raise Invalid
    parsed = tuple(_line(item, start, end) for item in lines)
    if len({line.line_id for line in parsed}) != len(parsed):
        raise Invalid
    modification = {} if value.get("modification") is None else value["modification"]
    if not isinstance(modification, dict) or modification.get("treatment") not in TREATMENTS:
        raise Invalid
    return Version(
        position=row.position,
        segment=segment,
        contract=value["contract_id"],
        number=_version(value.get("version")),
        kind=value["kind"],
        effective=_time(value.get("effective_at")),
        customer=value["customer_id"],
        entity=value["entity"],
        currency=value["currency"],
        start=start,
        end=end,
        lines=parsed,
        treatment=modification.get("treatment") or "auto",
        **{name: _any_text(modification.get(name)) for name in ("reason", "approved_by", "requested_by")},
        past_credit=_decimal(modification.get("past_credit")) or Fraction(0),
        variable=_variable(value.get("variable")),
        opening=_opening(value.get("opening")),
        content={key: item for key, item in _without_nulls(value).items() if key not in NAMES},
    )


def _line(value, start, end):
    if not isinstance(value, dict) or _text(value.get("kind")) not in LINE_KINDS:
        raise Invalid
    if value.get("method") is not None and _text(value["method"]) not in METHODS:
        raise Invalid
    if value.get("product_id") is not None:
        _text(value["product_id"])
    if not isinstance(value.get("distinct"), (bool, type(None))):
        raise Invalid
    line = Line(
        line_id=_text(value.get("line_id")),
        product=value.get("product_id"),
        kind=value["kind"],
        start=_time(value.get("start"), start),
        end=_time(value.get("end"), end),
        quantity=_decimal(value.get("quantity")),
        total=_decimal(value.get("total")) or Fraction(0),
        ssp=_decimal(value.get("ssp")),
        distinct=value["kind"] != "milestone" if value.get("distinct") is None else value["distinct"],
        method=value.get("method"),
        satisfied_at=None if value.get("satisfied_at") is None else _time(value["satisfied_at"]),
        progress=_progress(value.get("progress")),
        rate=None,
    )
    if line.end < line.start:
        raise Invalid
    if line.kind != "usage":
        return line
    parsed = rate.parse(value.get("rate"))
    if parsed is None:
        raise Invalid
    return replace(line, rate=parsed)


def _opening(value):
    """(as_of, recognised, billed) of a contract taken over in mid-life (events.md, opening)."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Invalid
    recognised, billed = (_decimal(value.get(name)) or Fraction(0) for name in ("recognised", "billed"))
    return (_time(value.get("as_of")), recognised, billed)


def _variable(value):
    """The estimates of a version; of one id the last one holds."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Invalid
    found = {}
    for item in value:
        line_ids = item.get("line_ids") or []
        if not isinstance(line_ids, list) or item.get("estimate") is None:
            raise Invalid
        names = tuple(_text(line_id) for line_id in line_ids)
        found[_text(item.get("id"))] = Estimate(item["id"], _decimal(item["estimate"]), names)
    return tuple(found.values())


def _progress(value):
    """(incurred, expected) as they are stated (events.md, progress)."""
    if value is None:
        return (Fraction(0), Fraction(1))
    if not isinstance(value, dict):
        raise Invalid
    incurred, expected = _decimal(value.get("incurred")), _decimal(value.get("expected"))
    if incurred is None or not expected:
        raise Invalid
    return (incurred, expected)


def _version(value):
    if type(value) is str or not str(value).isdecimal() or int(value) < 1:
        raise Invalid
    return int(value)


def _text(value):
    if type(value) is not str or not value:
        raise Invalid
    return value


def _any_text(value):
    if value is not None and type(value) is not str:
        raise Invalid
    return value


def _time(value, default=None):
    if value is None and default is not None:
        return default
    parsed = instant.parse(value)
    if parsed is None:
        raise Invalid
    return parsed


def _decimal(value):
    if value is None:
        return None
    parsed = number.decimal(value)
    if parsed is None:
        raise Invalid
    return parsed


def _without_nulls(value):
    """A record's content, where a missing key equals null (events.md, Fine print)."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
