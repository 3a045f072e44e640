"""Instants from text and contracts with few words, for the tests of the rules."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from accounting.aggregation import Reading
from accounting.calendar import to_datetime, to_instant
from accounting.contract import (
    Aggregation,
    BillingPeriod,
    ContractVersion,
    Line,
    LineKind,
    Rate,
    RateModel,
    Tier,
    VersionKind,
)
from accounting.coverage import FOREVER, Cover
from accounting.policy import Policies, PolicyRecord

UNIT = 10**18
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"
# Offsets of 30 and 45 minutes, DST by half an hour, DST at midnight, days that came twice or not at all.
ZONES = [
    "UTC", NEW_YORK, "Australia/Sydney", LORD_HOWE, "Asia/Kolkata", "Asia/Kathmandu", "Australia/Eucla",
    "Pacific/Chatham", "America/St_Johns", "America/Sao_Paulo", "Africa/Cairo", "America/Havana",
    "Asia/Beirut", "Asia/Tehran", "Asia/Pyongyang", "Pacific/Apia", "Pacific/Kiritimati",
    "Antarctica/Casey", "Europe/Dublin", "America/Nuuk",
]  # fmt: skip


class Cell(NamedTuple):
    """Summed usage (accounting.aggregation.UsageCell)."""

    start: int
    quantity: int
    events: int
    largest: int
    last: Reading
    moment: int
    distinct: frozenset[bytes] = frozenset()


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    """The instant of a wall-clock time, such as "2024-03-10 01:30"; fold=1 for the second of two."""
    return to_instant(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold))


def wall(instant: int, zone: str = "UTC") -> str:
    """The wall-clock time of an instant, with its offset where the zone is not UTC."""
    text = to_datetime(instant, ZoneInfo(zone)).isoformat(sep=" ")
    return text.removesuffix(":00+00:00") if zone == "UTC" else text


def day(text: str) -> date:
    """A calendar day."""
    return date.fromisoformat(text)


def units(text: str | int) -> int:
    """A quantity in 1e-18."""
    return int(Decimal(text).scaleb(18))


def price_of(text: str | int) -> int:
    """A price in 1e-12."""
    return int(Decimal(text).scaleb(12))


def money(text: str | int) -> int:
    """An exact amount in 1e-30."""
    return int(Decimal(text) * 10**30)


def tier(up_to: str | int | None, unit: str | int = 0, flat: str | int = 0) -> Tier:
    """A tier from decimal texts."""
    return Tier(None if up_to is None else units(up_to), price_of(unit), price_of(flat))


def per_unit(price: str | int, period: BillingPeriod = BillingPeriod.MONTH, **terms: object) -> Rate:
    """A rate of so much for each unit."""
    return Rate("calls", Aggregation.SUM, period, RateModel.PER_UNIT, unit_price=price_of(price), **terms)  # type: ignore[arg-type]


def tiered(*tiers: Tier, model: RateModel = RateModel.GRADUATED, **terms: object) -> Rate:
    """A graduated rate, or another one of tiers."""
    return Rate("calls", Aggregation.SUM, BillingPeriod.MONTH, model, tiers=tiers, **terms)  # type: ignore[arg-type]


def cover(
    rate: Rate,
    start: int = 0,
    end: int = FOREVER,
    currency: str = "USD",
    line_start: int | None = None,
    version: int = 1,
) -> Cover:
    """A cover of line L of contract K."""
    anchor = start if line_start is None else line_start
    return Cover(start, end, "K", "L", "P", version, "E", currency, rate, anchor, None)


def decided(*records: tuple[str, str, int], **defaults: str) -> Policies:
    """Policies by records (key, value, effective from), in the order of their positions."""
    found = Policies(defaults)
    for number, (key, value, since) in enumerate(records):
        found.add(PolicyRecord(key, value, since, number))
    return found


def usage_line(name: str, start: int, end: int | None = None, price: str | int = 1, **terms: object) -> Line:
    """A usage line at so much for each unit."""
    kind = terms.pop("kind", LineKind.USAGE)
    rate = terms.pop("rate", per_unit(price))
    return Line(name, "P", kind, start, end, rate=rate, **terms)  # type: ignore[arg-type]


def version(
    number: int,
    effective: int,
    lines: tuple[Line, ...],
    start: int = 0,
    end: int | None = None,
    kind: VersionKind | None = None,
) -> ContractVersion:
    """One version of contract K."""
    if kind is None:
        kind = VersionKind.ACTIVATED if number == 1 else VersionKind.AMENDED
    return ContractVersion(
        "K", number, kind, known_at=effective, effective_at=effective, customer_id="C", entity="E",
        currency="USD", start=start, end=end, lines=lines,
    )  # fmt: skip
