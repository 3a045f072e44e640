"""What the metrics must be, by the records of a run alone: its input and its output files."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from schemas.topics import OUTPUTS

Labels = tuple[str, ...]
Records = Iterable[tuple[str, dict[str, Any]]]

JOURNAL, EXCEPTIONS, RECALCULATIONS = "revenue.journal", "revenue.exceptions", "revenue.recalculations"
POSITIONS = ("accounts_receivable", "contract_asset", "deferred_revenue", "unbilled_receivable")
ZONES = timedelta(hours=14)  # no midnight is further from that of UTC


class Input:
    """What has to be known of the input: roles of accounts, currencies and signing of contracts."""

    def __init__(self, records: Records = ()) -> None:
        self.numbers: dict[Labels, set[str]] = defaultdict(set)
        self.revenue = {"revenue"}
        self.currencies: dict[Labels, str] = {}
        self.signed: dict[Labels, set[datetime]] = defaultdict(set)
        for topic, one in records:
            if topic == "reference.events":
                self._reference(one)
            elif topic == "contracts.events" and isinstance(one.get("contract_id"), str):
                self._contract(one)

    @classmethod
    def of(cls, source: Path) -> Input:
        """From the files of a source."""
        return cls(_lines(source))

    def _reference(self, one: dict[str, Any]) -> None:
        if one.get("kind") == "product" and isinstance(one.get("revenue_account"), str):
            self.revenue.add(one["revenue_account"])
        if one.get("kind") == "account" and isinstance(one.get("number"), str):
            name = one.get("id") or one.get("name") or one.get("account")
            self.numbers[one.get("entity") or "", one["number"]].add(str(name))

    def _contract(self, one: dict[str, Any]) -> None:
        name = (str(one.get("customer_id")), one["contract_id"])
        self.currencies.setdefault(name, str(one.get("currency")))
        if one.get("version") == 1 and isinstance(one.get("event_time"), str):
            self.signed[name].add(moment(one["event_time"]))

    def role(self, entity: str, account: str) -> str:
        """The default name of an account of the journal."""
        names = self.numbers.get((entity, account)) or self.numbers.get(("", account)) or {account}
        return "revenue" if min(names) in self.revenue else min(names)


def _lines(source: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in ("reference.events", "contracts.events"):
        for path in sorted([*source.glob(f"{topic}.jsonl"), *source.glob(f"{topic}/*.jsonl")]):
            for line in path.read_bytes().split(b"\n"):
                try:
                    one = json.loads(line)
                except ValueError:
                    continue
                if isinstance(one, dict):
                    yield topic, one


def records(sink: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(topic, record) of a sink, up to the last whole lines of its files."""
    for path in sorted(path for topic in OUTPUTS for path in sink.glob(f"{topic}/*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            yield path.parent.name, json.loads(line)


def moment(text: str) -> datetime:
    """Of an RFC 3339 text."""
    return datetime.fromisoformat(text).astimezone(UTC)


class Output:
    """The counts and sums of some output records; amounts exactly."""

    def __init__(self, records: Records, given: Input) -> None:
        self._given = given
        self.counts: dict[str, Counter[Labels]] = defaultdict(Counter)
        self.sums: dict[str, dict[Labels, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self.open: dict[str, dict[str, Any]] = {}
        self._first: dict[Labels, dict[str, Any]] = {}
        judges: dict[str, Callable[[str, dict[str, Any]], None]] = {
            JOURNAL: self._entry, EXCEPTIONS: self._exception, RECALCULATIONS: self._recalculation,
        }  # fmt: skip
        for topic, one in records:
            self.counts["records"][str(one["shard"]), topic] += 1
            if topic in judges:
                judges[topic](str(one["shard"]), one)
        for one in self.open.values():
            self.counts["open"][str(one["shard"]), one["class"], one["owner"]] += 1

    def _entry(self, shard: str, one: dict[str, Any]) -> None:
        entity, currency = one["entity"], one["currency"]
        self.counts["entries"][shard, entity, currency, one["kind"]] += 1
        debits = Decimal(0)
        for side in one["lines"]:
            amount, role = Decimal(side["amount"]), self._given.role(entity, side["account"])
            self.sums["postings"][shard, entity, currency, role, one["kind"], side["side"]] += amount
            sign = 1 if side["side"] == "debit" else -1
            debits += amount if sign > 0 else 0
            if role in POSITIONS:
                self.sums["positions"][entity, currency, role] += sign * amount
            if sign < 0 and role == "revenue":
                self._first.setdefault((one["customer_id"], one["contract_id"]), one)
        self.sums["debits"][shard, entity, currency, one["kind"]] += debits
        if one.get("origin_period"):
            self.counts["closed"][shard, entity, currency] += 1
            self.sums["closed"][shard, entity, currency] += debits

    def _exception(self, shard: str, one: dict[str, Any]) -> None:
        name = (shard, one["class"], one["owner"])
        if one["status"] == "open":
            self.counts["opened"][name] += 1
            self.open[one["exception_id"]] = one
        else:
            self.counts["resolved"][name] += 1
            del self.open[one["exception_id"]]

    def _recalculation(self, shard: str, one: dict[str, Any]) -> None:
        self.counts["recalculations"][shard, one["cause"], one["treatment"] or "none"] += 1
        currency = self._given.currencies.get((one["customer_id"], one["contract_id"]), "?")
        for delta in one["delta"]:
            amount = Decimal(delta["amount"])
            direction = "up" if amount > 0 else "down"
            self.sums["recalculated"][shard, currency, one["cause"], direction] += abs(amount)

    def waiting(self, now: datetime) -> dict[str, dict[Labels, Decimal]]:
        """Past due and oldest by class and owner, to the hour, as the metrics tell them."""
        past, oldest = Counter[Labels](), dict[Labels, Decimal]()
        this_hour = now.replace(minute=0, second=0, microsecond=0)
        for one in self.open.values():
            name = (one["class"], one["owner"])
            past[name] += moment(one["due_at"]) < this_hour
            raised = moment(one["raised_at"]).replace(minute=0, second=0, microsecond=0)
            age = Decimal((now - raised) // timedelta(microseconds=1)) / 1_000_000
            oldest[name] = max(oldest.get(name, Decimal(0)), age)
        return {
            "past_due": {key: Decimal(count) for key, count in past.items() if count},
            "oldest": {key: age for key, age in oldest.items() if age},
        }

    def first_revenue(self) -> tuple[int, Decimal, Decimal]:
        """How many contracts have revenue, and the least and the most seconds in all that it took: zones are left open."""
        count, least, most = 0, Decimal(0), Decimal(0)
        for name, one in self._first.items():
            if name not in self._given.signed:
                continue
            count += 1
            if one["window"] is not None:
                early = late = moment(one["window"]["end"])
            else:
                day = date.fromisoformat(one["accounting_date"]) + timedelta(days=1)
                midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
                early, late = midnight - ZONES, midnight + ZONES
            least += _seconds(early - max(self._given.signed[name]))
            most += _seconds(late - min(self._given.signed[name]))
        return count, least, most


def _seconds(took: timedelta) -> Decimal:
    return max(Decimal(0), Decimal(took // timedelta(microseconds=1)) / 1_000_000)


def nearest(amount: Decimal) -> Decimal:
    """What the format can hold of an amount: a 64-bit float."""
    return Decimal(repr(float(amount)))
