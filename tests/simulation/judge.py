"""What must hold of a seed when it has ended, each by its name: judged by a run of the same feed that nobody disturbed.

The names are those of tests/campaign/invariants.py, which judges by the oracle what a part of the seeds leaves; the rest of
them need the oracle: the recalculations of fixed lines, closed periods (here part of the sums by period and period of
origin), the metrics (here the tallies, which they show).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from accounting.books import BookKey, Books
from accounting.contract import QUANTITY_SCALE
from accounting.currency import digits
from dataflows.tally import Tally
from schemas.topics import CONTROL, EXCEPTIONS, JOURNAL, OUTPUTS, RECALCULATIONS
from tests.simulation.log import Log
from tests.simulation.simulation import Told

# Usage that has lost its line to an amendment is counted and out of the books where it came first, else it is parked.
OUTCOMES: dict[str, Callable[[Tally], int]] = {
    "read": lambda one: one.read,
    "counted and in the books": lambda one: one.counted - one.unplaced,
    "duplicates": lambda one: one.duplicates,
    "conflicts": lambda one: one.conflicts,
    "rejected": lambda one: one.rejected,
    "without a line": lambda one: one.parked + one.unplaced,
    "late": lambda one: one.late,
}
NO_OPINION = ("estimate_missing",)  # depends on what is known when: see tests/support/judged.py
IDS = {JOURNAL: ("entry_id",), RECALCULATIONS: ("recalculation_id",)}


@dataclass
class Both:
    """What a seed came to, and what it comes to in peace."""

    told: Told
    peace: Told
    log: Log
    records: dict[str, list[dict[str, Any]]]  # by topic, in the order of shards and sequences
    books: Books

    @classmethod
    def of(cls, told: Told, peace: Told, log: Log) -> Both:
        """With what was said in both."""
        return cls(told, peace, log, records(told), books(records(told)[JOURNAL]))


Check = Callable[[Both], Iterator[str]]
CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Add an invariant."""

    def add(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return add


def judged(told: Told, peace: Told, log: Log) -> list[str]:
    """Everything that does not hold."""
    both = Both.of(told, peace, log)
    return told.problems + [f"{name}: {one}" for name, find in CHECKS.items() for one in find(both)]


def records(told: Told) -> dict[str, list[dict[str, Any]]]:
    """What was said, by topic."""
    found: dict[str, list[dict[str, Any]]] = {topic: [] for topic in OUTPUTS}
    for (topic, _), lines in sorted(told.lines.items()):
        found[topic] += [json.loads(line) for line in lines]
    return found


def units(text: str) -> int:
    """An amount in 1e-18."""
    whole, _, rest = text.partition(".")
    return int(whole + rest.ljust(QUANTITY_SCALE, "0"))


def books(entries: list[dict[str, Any]]) -> Books:
    """The sums of entries."""
    found = Books()
    for one in entries:
        places = 10 ** (QUANTITY_SCALE - digits(one["currency"]))
        for line in one["lines"]:
            key = BookKey(
                one["entity"], one["currency"], one["period"], one["origin_period"] or "", line["account"],
                one["customer_id"] or "", one["contract_id"] or "", one["line_id"] or "",
            )  # fmt: skip
            minor = units(line["amount"]) // places
            found.add(key, minor if line["side"] == "debit" else -minor)
    return found


@check("inputs are counted, duplicate or excepted")
def accounted_for(both: Both) -> Iterator[str]:
    """(1, 13) By count, and what was counted as a set: its identities are those that are counted in peace."""
    mine, peace = both.told.tally, both.peace.tally
    for name, count in OUTCOMES.items():
        if count(mine) != count(peace):
            yield f"{name} is {count(mine)}, in peace {count(peace)}"
    if mine.read != mine.counted + mine.duplicates + mine.conflicts + mine.rejected + mine.parked + mine.expired:
        yield f"they do not add up: {mine}"
    if both.told.cells != both.peace.cells and not mine.unplaced:
        yield "other usage is counted than in peace"


@check("debits are credits")
def balanced(both: Both) -> Iterator[str]:
    """(2) In every entry, in both currencies; so in every sum of entries."""
    for one in both.records[JOURNAL]:
        for name in ("amount", "functional_amount"):
            net = sum(units(line[name]) * (1 if line["side"] == "debit" else -1) for line in one["lines"])
            if net or not one["lines"]:
                yield f"entry {one['entry_id']} has a net {name} of {net}e-18"


@check("ids are unique and sequences gapless")
def numbered(both: Both) -> Iterator[str]:
    """(4) In every output topic."""
    ids: dict[str, Counter[str]] = {topic: Counter() for topic in IDS}
    for (topic, shard), lines in both.told.lines.items():
        for number, line in enumerate(lines, 1):
            one = json.loads(line)
            if (one["shard"], one["sequence"]) != (shard, number):
                yield f"{topic}/{shard} has {one['shard']}/{one['sequence']} where {number} belongs"
            for name in IDS.get(topic, ()):
                ids[topic][one[name]] += 1
    for topic, found in ids.items():
        yield from (f"{topic}: {name} comes {count} times" for name, count in found.items() if count > 1)


@check("exceptions come once")
def exceptions(both: Both) -> Iterator[str]:
    """(8) Each is open at most once, and those that stay open are those of peace."""
    mine, problems = still_open(both.records[EXCEPTIONS])
    peace, _ = still_open(records(both.peace)[EXCEPTIONS])
    yield from problems
    for name, at in mine.items():
        lines = both.log.lines.get(f"{at[1]}/{at[2]}", [])
        if not 0 <= at[3] < len(lines):
            yield f"{name} names {at}, which is not there"
    yield from (f"{at} is missing" for at in sorted(set(peace.values()) - set(mine.values())))
    yield from (f"{at} is too many" for at in sorted(set(mine.values()) - set(peace.values())))


def still_open(found: list[dict[str, Any]]) -> tuple[dict[str, tuple[str, str, int, int]], list[str]]:
    """(class, topic, partition, offset) of the exceptions that are not resolved, and what is wrong with their course."""
    held: dict[str, tuple[str, str, int, int]] = {}
    problems = []
    for one in found:
        name, at = one["exception_id"], one["source"]
        if one["status"] == "resolved":
            if held.pop(name, None) is None:
                problems.append(f"{name} is resolved but was not open")
        elif name in held:
            problems.append(f"{name} is open twice")
        else:
            held[name] = (one["class"], at["topic"], at["partition"], at["offset"])
    return {name: at for name, at in held.items() if at[0] not in NO_OPINION}, problems


@check("entries name their sources")
def lineage(both: Both) -> Iterator[str]:
    """(9) Ranges that are there; a window's revisions follow one another, and its usage never becomes less."""
    revisions: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for one in both.records[JOURNAL]:
        for place in one["lineage"].get("sources") or ():
            lines = both.log.lines.get(f"{place['topic']}/{place['partition']}", [])
            if not 0 <= place["from_offset"] < place["to_offset"] <= len(lines):
                yield f"entry {one['entry_id']} names {place}, which is not there"
        if one["kind"] == "usage":
            window = one["window"]
            if one["lineage"]["event_count"] and not one["lineage"]["sources"]:
                yield f"entry {one['entry_id']} has usage and names none"
            at = (one["customer_id"], one["contract_id"], one["line_id"], window["meter"], window["start"])
            revisions[at].append(window["revision"])
    for at, found in revisions.items():
        wanted = range(1, max(found) + 1)
        if sorted(set(found)) != list(wanted) or found != sorted(found):
            yield f"{at} has revisions {found}"


@check("it heals by itself")
def healed(both: Both) -> Iterator[str]:
    """(10) Every shard has applied every partition to its end, and the outbox holds nothing that the sink lacks."""
    for name, lines in both.log.lines.items():
        if name.startswith(CONTROL):
            continue
        for shard, applied in both.told.applied.items():
            if applied.get(name, 0) != len(lines):
                yield f"shard {shard} has applied {applied.get(name, 0)} of {len(lines)} of {name}"
    for (topic, shard), last in both.told.said.items():
        if len(both.told.lines.get((topic, shard), ())) != last:
            yield f"{topic}/{shard} has {len(both.told.lines.get((topic, shard), ()))} records, {last} were said"


@check("the same books")
def same_books(both: Both) -> Iterator[str]:
    """(3, 7, 11) By entity, currency, period, period of origin, account, customer, contract and line."""
    peace = books(records(both.peace)[JOURNAL])
    if both.books.digest() != peace.digest():
        for key in sorted(both.books.sums.keys() | peace.sums.keys()):
            mine, other = both.books.sums.get(key, 0), peace.sums.get(key, 0)
            if mine != other:
                yield f"{key} is {mine}, in peace {other}"


@check("generations follow one another")
def generations(both: Both) -> Iterator[str]:
    """(12) In every partition nothing of an older run comes after a newer one's."""
    for (topic, shard), writers in both.told.writers.items():
        if writers != sorted(writers):
            yield f"{topic}/{shard} was written by generations {writers}"
