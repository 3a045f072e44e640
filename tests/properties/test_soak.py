"""Years of a small business: what the state holds levels off, and the books are those of a state that keeps everything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from accounting.calendar import add_months
from dataflows.tally import Tally
from ops.books_digest import journal_books
from state import keys
from state.directory import shard_path
from state.store import ShardStore, disk_bytes
from tests.support.judged import open_exceptions, run_feed

pytestmark = pytest.mark.slow

MONTHS = 36
FIRST = datetime(2022, 1, 1, tzinfo=UTC)
KEPT = {"shards": 2, "horizon_days": 35, "retention_days": 60, "parked_days": 60}
ALL = {**KEPT, "retention_days": 36_500, "parked_days": 36_500}
# One small record for each decision or close, which books of any age may depend on.
LOGS = {keys.CLOSED, keys.POLICY, keys.REFERENCE}
SHOPS = ("north", "east", "south")


def month(number: int) -> datetime:
    """Where a month of the business begins."""
    return datetime.combine(add_months(FIRST.date(), number), FIRST.timetz())


def text(at: datetime) -> str:
    """RFC 3339."""
    return at.isoformat().replace("+00:00", "Z")


def rated(line: str, meter: str, aggregation: str = "sum", period: str = "month", **price: Any) -> dict[str, Any]:
    """A usage line."""
    model = price or {"model": "per_unit", "unit_price": "0.5"}
    rate = {"meter": meter, "aggregation": aggregation, "billing_period": period, **model}
    return {"line_id": line, "product_id": "p", "kind": "usage", "rate": rate}


def contract(
    name: str, customer: str, lines: list[dict[str, Any]], start: datetime, end: datetime | None, known: datetime,
    version: int = 1, kind: str = "", entity: str = "us",
) -> dict[str, Any]:  # fmt: skip
    """One contract version, effective when it becomes known."""
    return {
        "event_id": f"{name}-{version}", "source": "crm", "event_time": text(known), "contract_id": name,
        "version": version, "kind": kind or ("activated" if version == 1 else "amended"),
        "effective_at": text(start if version == 1 else known), "customer_id": customer, "entity": entity,
        "currency": "USD", "start": text(start), "end": text(end) if end else None, "lines": lines,
    }  # fmt: skip


TIERS = {"model": "graduated", "tiers": [{"up_to": "100", "unit_price": "1"}, {"up_to": None, "unit_price": "0.1"}]}
EVER = [
    rated("sum", "calls", **TIERS),
    rated("seats", "seats", "unique", "quarter"),
    rated("peak", "peak", "max", "year"),
    rated("store", "store", "weighted_sum", "quarter"),
]


def contracts(number: int) -> Iterator[dict[str, Any]]:
    """What is signed in a month: a contract for each shop that ends with it, and what goes on for longer."""
    begins, ends = month(number), month(number + 1)
    if number == 0:
        yield contract("ever", "ever", EVER, begins, None, begins)
        yield contract(
            "odd", "odd", [rated("sum", "calls", period="year", **TIERS)], begins + timedelta(hours=10.5), None, begins
        )
    if number == 5:
        yield contract(
            "ever", "ever", [rated("sum", "calls"), *EVER[1:]], month(0), None, begins + timedelta(days=9), 2
        )
    fee = {"line_id": "fee", "product_id": "f", "kind": "ratable", "total": "31.00"}
    for shop in SHOPS:
        # A boundary off the quarter of an hour: usage cells are cut there.
        yield contract(
            f"{shop}-{number}",
            shop,
            [rated("calls", "calls", **TIERS), fee],
            begins + timedelta(seconds=7),
            ends,
            begins,
        )
    # Without an end, and cancelled after ten weeks.
    yield contract(f"trial-{number}", f"trial-{number}", [rated("calls", "calls")], begins, None, begins)
    # Nothing of it can be booked: there is no exchange rate, and its first version never comes.
    yield contract(f"held-{number}", "held", [rated("calls", "calls"), fee], begins, ends, begins, entity="uk")
    yield contract(f"gap-{number}", "gap", [rated("calls", "calls")], begins, ends, begins, 2)
    if number >= 2:
        name, known = f"trial-{number - 2}", begins + timedelta(days=10)
        yield contract(name, name, [rated("calls", "calls")], month(number - 2), None, known, 2, "cancelled")


def usage(number: int) -> Iterator[dict[str, Any]]:
    """A month of usage: some of it late, delivered twice, in conflict, or for nobody's contract."""
    customers = (*SHOPS, "ever", "odd", "held", "nobody", *(f"trial-{number - back}" for back in range(2)))
    for day in range((month(number + 1) - month(number)).days):
        for customer in customers:
            meters = ("calls", "seats", "peak", "store") if customer == "ever" else ("calls",)
            for meter in (*meters, *(["unlisted"] if day % 9 == 0 else [])):
                at = month(number) + timedelta(days=day, hours=9 + day % 7, minutes=day)
                late = timedelta(days=20) if day % 11 == 10 else timedelta()
                event = {
                    "event_id": f"{number}-{day}-{customer}-{meter}", "source": "s", "customer_id": customer,
                    "contract_id": None, "meter": meter, "quantity": str(1 + day % 5), "event_time": text(at - late),
                    "dimensions": [{"key": "unique_key", "value": f"u{day % 6}"}],
                }  # fmt: skip
                yield event
                if day % 8 == 0:
                    yield event
                if day % 13 == 0:
                    yield {**event, "quantity": "99"}


def controls(number: int) -> Iterator[dict[str, Any]]:
    """The month before is closed on the fifth, and the clock tells the middle and the end of the month."""
    if number:
        closed = {"entity": "us", "period": text(month(number - 1))[:7], "actor": "ann"}
        yield {"kind": "period_close", "event_time": text(month(number) + timedelta(days=5)), **closed}
    for at in (month(number) + timedelta(days=15), month(number + 1)):
        yield {"kind": "clock", "event_time": text(at), "as_of": text(at)}


def send(source: Path, number: int) -> None:
    """Add a month to the topics."""
    source.mkdir(exist_ok=True)
    entity = {"kind": "entity", "id": "uk", "functional_currency": "GBP"}
    topics = {
        "contracts.events": contracts(number), "usage.events": usage(number), "control.events": controls(number),
        "reference.events": iter([entity] if number == 0 else []),
    }  # fmt: skip
    for topic, records in topics.items():
        with (source / f"{topic}.jsonl").open("a") as file:
            file.writelines(json.dumps(one) + "\n" for one in records)


def holds(out: Path) -> tuple[Counter[bytes], int, int]:
    """Keys by table, bytes of keys and values that are alive (the outbox left out), and bytes on disk, compacted."""
    tables: Counter[bytes] = Counter()
    alive = size = 0
    for shard in range(2):
        path = shard_path(out / ".state", shard)
        store = ShardStore(path)
        for key, value in store.scan(b""):
            tables[key[:1]] += 1
            alive += len(key) + len(value) if key[:1] != keys.OUTBOX else 0
        # How much RocksDB has yet to compact depends on the pace of the runs: here it is done.
        store._db.flush()
        store._db.compact_range(None, None)
        store.close()
        size += disk_bytes(path)
    return tables, alive, size


def run(source: Path, out: Path, **settings: object) -> tuple[Tally, str, set[tuple[str, str, int, int]]]:
    """What became of the usage, the books and what is open."""
    result = run_feed(source, out, None, **settings)
    # How many entries the same books take depends on the batches: two changes seen at once are one revision.
    return msgspec.structs.replace(result.tally, entries=0), journal_books(out).digest(), open_exceptions(out)


NAMES = ("read", "counted", "duplicates", "conflicts", "rejected", "parked", "late", "unplaced", "expired")


def counts(tally: Tally) -> dict[str, int]:
    """What became of the usage; not how many entries, as a window may be posted in two steps."""
    return {name: getattr(tally, name) for name in NAMES}


def test_the_state_levels_off_and_the_books_are_those_of_one_that_keeps_everything(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    tables: dict[int, Counter[bytes]] = {}
    alive: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for number in range(1, MONTHS + 1):
        send(source, number - 1)
        tally, digest, opened = run(source, out, **KEPT)
        tables[number], alive[number], sizes[number] = holds(out)
    halves = {year: range(12 * year - 5, 12 * year + 1) for year in (1, 2, 3)}
    living, largest = ({year: max(of[month] for month in halves[year]) for year in halves} for of in (alive, sizes))
    keys_of = {year: sum((tables[month] for month in halves[year]), Counter()) for year in halves}
    for year in (2, 3):
        for table, found in keys_of[year].items():
            # Records leave the outbox with the next epoch's first batch: how many wait depends on the pace of a run
            # (tests/dataflows/test_outbox.py proves that they leave).
            if table not in LOGS | {keys.OUTBOX}:
                # A month has three days more than another.
                assert found <= 1.15 * keys_of[1][table] + 12, f"table {table!r} grows: {keys_of}"
        assert living[year] <= 1.25 * living[1], f"what is kept grows: {living}"
        assert largest[year] <= 2 * largest[1], f"bytes on disk grow: {largest}"

    whole, whole_digest, whole_opened = run(source, tmp_path / "whole", **ALL)
    assert (whole_digest, whole_opened) == (digest, opened)
    assert counts(whole) | {"parked": 0, "expired": 0} == counts(tally) | {"parked": 0, "expired": 0}
    assert (whole.parked, 0) == (tally.parked + tally.expired, whole.expired)
    everything, _, _ = holds(tmp_path / "whole")
    for table in (keys.CONTRACT, keys.CELL, keys.BOOKED, keys.EFFECT, keys.PARKED, keys.OPEN, keys.HELD):
        assert everything[table] > 4 * tables[MONTHS][table] > 0, f"table {table!r} has nothing to let go"

    once, once_digest, once_opened = run(source, tmp_path / "once", **KEPT, batch_rows=700)
    assert (digest, opened, counts(tally)) == (once_digest, once_opened, counts(once))
    at_once, _, _ = holds(tmp_path / "once")
    kept = LOGS | {
        keys.CONTRACT,
        keys.FEED,
        keys.CELL,
        keys.BOOKED,
        keys.BASE,
        keys.EFFECT,
        keys.PARKED,
        keys.OPEN,
        keys.HELD,
    }
    assert {table: tables[MONTHS][table] for table in kept} == {table: at_once[table] for table in kept}
