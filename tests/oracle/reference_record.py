"""Reference records: what one record of master data says, and of what since when."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from . import instant, number
from .contract import METHODS
from .topic import Invalid, must

TOPIC = "reference.events"
ENVELOPE = ("event_id", "source", "event_time", "correlation_id", "traceparent")
DATES = ("effective_from", "effective_at", "effective_date")


@dataclass(frozen=True)
class Record:
    """One valid record: its identity is (kind, name, effective); facts are what it says, parsed."""

    position: tuple
    segment: int
    kind: str
    name: Any
    effective: int
    time: int | None
    facts: dict
    content: dict


def parse(row, time, segment):
    """The record a row states; raises Invalid."""
    value, kind = row.value, row.value.get("kind")
    if type(kind) is not str or kind not in KINDS:
        raise Invalid
    name, facts = KINDS[kind](value)
    dates = ("as_of",) if kind == "fx_rate" else DATES
    starts = [_time(value, date) for date in dates if value.get(date) is not None]
    content = {key: item for key, item in value.items() if item is not None and key not in ENVELOPE}
    effective = starts[0] if starts else instant.FAR_PAST
    return Record(row.position, segment, kind, name, effective, time, facts, content)


def _product(value):
    facts = {
        "revenue_account": _text(value, "revenue_account"),
        "method": _text(value, "default_method", "method"),
        "currency": _text(value, "currency"),
        "ssp": _decimal(value, "ssp"),
        "low": _decimal(value, "ssp_low"),
        "high": _decimal(value, "ssp_high"),
        "variable": value.get("highly_variable") or False,
    }
    if facts["method"] not in (None, *METHODS) or type(facts["variable"]) is not bool:
        raise Invalid
    return must(_text(value, "id", "product_id", "product")), facts


def _bundle(value):
    products = value.get("products")
    if not isinstance(products, list) or not products or any(type(one) is not str or not one for one in products):
        raise Invalid
    facts = {
        "products": products,
        "price": must(_decimal(value, "price")),
        "currency": _text(value, "currency"),
    }
    return must(_text(value, "id", "bundle_id", "bundle")), facts


def _account(value):
    name = must(_text(value, "name", "account", "id"))
    return (_text(value, "entity"), name), {"number": must(_text(value, "number", "erp_number"))}


def _entity(value):
    zone = _text(value, "time_zone")
    try:
        facts = {"zone": ZoneInfo(zone or "UTC"), "currency": _text(value, "functional_currency")}
    except (ValueError, OSError, KeyError):
        raise Invalid from None
    return must(_text(value, "id", "entity", "entity_id")), facts


def _fx_rate(value):
    rate = must(_decimal(value, "rate"))
    if rate <= 0:
        raise Invalid
    return (must(_text(value, "base")), must(_text(value, "quote"))), {"rate": rate}


def _exception_owner(value):
    return must(_text(value, "class", "id")), {"owner": must(_text(value, "owner"))}


KINDS = {
    "product": _product,
    "bundle": _bundle,
    "account": _account,
    "entity": _entity,
    "fx_rate": _fx_rate,
    "exception_owner": _exception_owner,
}


def _text(value, *keys):
    """The first of some keys that is there, as a text that is not empty."""
    found = next((value[key] for key in keys if value.get(key) is not None), None)
    if found is not None and (type(found) is not str or not found):
        raise Invalid
    return found


def _decimal(value, key):
    if value.get(key) is None:
        return None
    return must(number.decimal(value[key]))


def _time(value, key):
    if value.get(key) is None:
        return None
    return must(instant.parse(value[key]))
