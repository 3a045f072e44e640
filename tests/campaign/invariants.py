"""The invariants of the books, each by its name: whatever was done to the processes, they hold when the run has ended.

A function takes what a run has left and gives what does not hold; `judged` puts the name of the invariant before it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from functools import cache, reduce
from itertools import pairwise
from operator import xor
from typing import Any

from ops.books_digest import journal_books
from schemas.identity import id128_of
from schemas.topics import EXCEPTIONS, JOURNAL, OUTPUTS, RECALCULATIONS, USAGE
from tests.campaign.left import Left
from tests.campaign.metrics_held import metrics_held
from tests.oracle.difference import compare
from tests.oracle.instant import parse
from tests.oracle.usage import Usage
from tests.support.judged import roundings, unlike_the_books, unlike_the_counts, unlike_the_exceptions

HEALED_S = 60
OPEN_OUTCOMES = ("counted", "duplicate", "waiting")
BALANCE = ("balance", "debits and credits", "digits", ": side is")
Check = Callable[[Left], list[str]]
INVARIANTS: dict[str, Check] = {}


def invariant(name: str) -> Callable[[Check], Check]:
    """Add a check to the list."""

    def add(check: Check) -> Check:
        INVARIANTS[name] = check
        return check

    return add


def judged(left: Left) -> tuple[str, ...]:
    """Everything that does not hold, each beginning with the name of the invariant."""
    found = []
    for name, check in INVARIANTS.items():
        try:
            found += [f"{name}: {one}" for one in check(left)]
        except (AssertionError, KeyError, TypeError, ValueError) as error:  # records that no check can read
            found.append(f"{name}: cannot be judged: {error!r}")
    return tuple(found)


def names(problems: tuple[str, ...]) -> set[str]:
    """The invariants that do not hold."""
    return {one.partition(":")[0] for one in problems}


@invariant("inputs are counted, duplicate or excepted")
def inputs_accounted_for(left: Left) -> list[str]:
    """(1) Each usage record is one of the three; the excepted ones as a set of positions."""
    excepted: Counter[tuple[int, int]] = Counter()
    for one in left.records(EXCEPTIONS):
        if one["source"]["topic"] == USAGE:
            at = (one["source"]["partition"], one["source"]["offset"])
            excepted[at] += 1 if one["status"] == "open" else -1
    mine = {at for at, count in excepted.items() if count > 0}
    oracle = {position[1:] for position, outcome in left.expected.outcomes.items() if outcome not in OPEN_OUTCOMES}
    free = {one[2:] for one in left.expected.doubtful if one[1] == USAGE}
    found = [f"{at} of {USAGE} is no exception" for at in sorted(oracle - mine - free)]
    found += [f"{at} of {USAGE} is an exception" for at in sorted(mine - oracle - free)]
    if left.tally is not None:
        sent = sum(len(lines) for (topic, _), lines in left.input_lines.items() if topic == USAGE)
        if left.tally.read != sent:
            found.append(f"{left.tally.read} usage records were read of {sent}")
        found += unlike_the_counts(left.expected, left.tally)
    return found


@invariant("debits are credits")
def balanced(left: Left) -> list[str]:
    """(2) In every entry, and by entity, currency and period."""
    return [str(one) for one in left.journal.problems if any(sign in str(one) for sign in BALANCE)]


@invariant("the books are the oracle's")
def oracle_books(left: Left) -> list[str]:
    """(3) By entity, account, currency, period, contract and line, in both currencies."""
    found = [f"the oracle does not cover {one}" for one in sorted(left.expected.not_covered)]
    found += [str(one) for one in left.journal.problems if "period is" in str(one) or "JSON" in str(one)]
    return found + unlike_the_books(left.expected, left.journal, roundings(left.source))


@invariant("ids are unique and sequences gapless")
def ids_and_sequences(left: Left) -> list[str]:
    """(4) In every output topic; the same id has the same bytes, and comes once."""
    found = []
    ids = {JOURNAL: ("entry_id",), RECALCULATIONS: ("recalculation_id",), EXCEPTIONS: ("exception_id", "status")}
    for topic in OUTPUTS:
        last: dict[str, int] = defaultdict(int)
        known: dict[tuple[str, ...], bytes] = {}
        for file, line, one in left.said[topic]:
            last[file] += 1
            if (one["sequence"], f"{one['shard']}.jsonl") != (last[file], file):
                found.append(f"{topic}/{file} has sequence {one['sequence']} where {last[file]} belongs")
                last[file] = one["sequence"]
            name = tuple(str(one[part]) for part in ids.get(topic, ("offset", "shard")))
            if topic == EXCEPTIONS and name in known:
                continue  # raised, resolved and raised again: "exceptions come once" judges their course
            if name in known:
                same = "the same" if known[name] == line else "other"
                found.append(f"{topic}: {' '.join(name)} comes twice, with {same} bytes")
            known[name] = line
    return found


@invariant("what was read stays")
def still_there(left: Left) -> list[str]:
    """(5) Every whole line that a reader had seen is there, byte for byte, in its place."""
    found = []
    steps = [reading.files for reading in left.readings]
    steps.append(
        {f"{topic}/{path.name}": path.read_bytes() for topic in OUTPUTS for path in left.out.glob(f"{topic}/*")}
    )
    for number, (before, after) in enumerate(pairwise(steps)):
        for name, text in before.items():
            if text != after.get(name, b"")[: len(text)]:
                found.append(f"{name} is not what it was at reading {number}")
    return found


@invariant("recalculations tell the contract")
def recalculations(left: Left) -> list[str]:
    """(6) Each delta is after less before; those of a fixed line sum to what its last record says, which is the oracle's.

    The sums are judged where contract versions alone move a schedule: what credits or new master data do to months that
    are not posted yet is in no record.
    """
    found = []
    sums: dict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
    moved_otherwise = set(left.billed_contracts)
    for one in left.records(RECALCULATIONS):
        contract, name = (one["customer_id"], one["contract_id"]), one["recalculation_id"]
        if one["cause"] != "amendment":
            moved_otherwise.add(contract)
        rows = {part: {(row["line_id"], row["period"]): Decimal(row["amount"]) for row in one[part]}
                for part in ("before", "after", "delta")}  # fmt: skip
        for at in sorted(rows["before"].keys() | rows["after"].keys() | rows["delta"].keys()):
            was, now, delta = (rows[part].get(at, Decimal(0)) for part in ("before", "after", "delta"))
            if now - was != delta:
                found.append(f"{name}: {at} moves by {delta} from {was} to {now}")
            if (*contract, at[0]) not in left.fixed_lines or contract in moved_otherwise:
                continue
            if sums[*contract, *at] != was:
                told = f"and deltas before it sum to {sums[*contract, *at]}"
                found.append(f"{name}: {at} of {contract[1]} was {was}, {told}")
            sums[*contract, *at] = now
    for key in sorted(sums.keys() | left.schedules.keys()):
        mine, oracle = sums.get(key, Decimal(0)), left.schedules.get(key, Decimal(0))
        if mine == oracle or key[:2] in moved_otherwise:
            continue
        if abs(mine - oracle) > left.tolerance(*key[:3]):
            found.append(f"{key} is {mine} after the last of them, the oracle has {oracle}")
    return found


@invariant("closed periods are frozen")
def closed_periods(left: Left) -> list[str]:
    """(7) No usage that came after a close is in an entry of the closed period, and its sums are the oracle's.

    A period that is opened again takes what came while it was closed.
    """
    closed_after: dict[tuple[str, str], set[int]] = defaultdict(set)  # segments in which a period is closed for good
    closed: set[tuple[str, str]] = set()
    for segment, cut in enumerate(left.cuts, start=1):
        name = (cut.entity, cut.period)
        if cut.kind == "period_close":
            closed.add(name)
        else:
            closed.discard(name)
            closed_after.pop(name, None)
        for one in closed:
            closed_after[one].add(segment)
    segments = {usage.position: usage.segment for events in left.expected.counted.values() for usage in events}
    found = []
    for one in left.records(JOURNAL):
        frozen = closed_after.get((one["entity"], one["period"]))
        if not frozen or one["kind"] != "usage":
            continue
        for place in one["lineage"]["sources"]:
            last = segments.get((place["topic"], place["partition"], place["to_offset"] - 1))
            if last in frozen:
                found.append(f"entry {one['entry_id']} in {one['period']} has usage of after its close: {place}")
    mine, oracle = (
        {key: amount for key, amount in sums.items() if (key[0], key[2]) in closed}
        for sums in (left.journal.sums, left.expected.sums)
    )
    return found + [str(one) for one in compare(oracle, mine, roundings(left.source))]


@invariant("exceptions come once")
def exceptions_once(left: Left) -> list[str]:
    """(8) Each with the coordinates of a record that is there, its bytes, an owner and a due time."""
    found = []
    for one in left.records(EXCEPTIONS):
        at, name = one["source"], f"exception {one['exception_id']}"
        lines = left.input_lines.get((at["topic"], at["partition"]), [])
        if not 0 <= at["offset"] < len(lines):
            found.append(f"{name} has no record at {at}")
        if not (one["owner"] and one["due_at"] and one["reason"]):
            found.append(f"{name} has no owner, due time or reason")
    return found + unlike_the_exceptions(left.expected, left.out)


@invariant("entries name their sources")
def lineage(left: Left) -> list[str]:
    """(9) Each entry has some; the usage that its ranges hold is that of its window, by count and digest."""
    found = []
    for one in left.records(JOURNAL):
        for place in one["lineage"]["sources"]:
            lines = left.input_lines.get((place["topic"], place["partition"]), [])
            if not 0 <= place["from_offset"] < place["to_offset"] <= len(lines):
                found.append(f"entry {one['entry_id']} names {place}, which is not there")
    counted = {
        (*contract, line): list(events) for (contract, line), events in left.expected.counted.items()
    }  # fmt: skip
    for key, one in last_revisions(left).items():
        events = [usage for usage in counted.get(key[:3], []) if _within(usage, one["window"])]
        held = [usage for usage in events if _in_ranges(usage, one["lineage"]["sources"])]
        digest = f"{reduce(xor, (identity(*usage.identity) for usage in held), 0):032x}"
        stated = (one["lineage"]["event_count"], one["lineage"]["event_digest"])
        if (one["lineage"]["sources"] or events) and stated != (len(held), digest):
            found.append(f"entry {one['entry_id']} of {key} says {stated}, its ranges hold {len(held)}, {digest}")
    return found


def last_revisions(left: Left) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """The last entry of each customer, contract, line and window."""
    last: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for one in left.records(JOURNAL):
        if one["kind"] == "usage":
            last[one["customer_id"], one["contract_id"], one["line_id"], one["window"]["start"]] = one
    return last


def _within(usage: Usage, window: dict[str, Any]) -> bool:
    return usage.meter == window["meter"] and parse(window["start"]) <= usage.time < parse(window["end"])


def _in_ranges(usage: Usage, ranges: list[dict[str, Any]]) -> bool:
    topic, partition, offset = usage.position
    return any(
        (one["topic"], one["partition"]) == (topic, partition) and one["from_offset"] <= offset < one["to_offset"]
        for one in ranges
    )


@cache
def identity(customer: str, source: str, event_id: str) -> int:
    """What the lineage's digest is made of."""
    return id128_of(customer, source, event_id)


@invariant("it heals by itself")
def healed(left: Left) -> list[str]:
    """(10) Within a minute of each fault the run went on."""
    return [f"{one:.1f} s passed before it went on" for one in left.recovery_s if one > HEALED_S]


@invariant("the same books")
def same_books(left: Left) -> list[str]:
    """(11) The digest is that of the journal, of an undisturbed run and, where every rounding has its order, the oracle's."""
    found = []
    digests = {"the journal": journal_books(left.out).digest(), "an undisturbed run": left.peace}
    if left.exact:
        digests["the oracle"] = left.expected.digest()
    said = left.digest or digests["the journal"]
    for who, digest in digests.items():
        if digest is not None and digest != said:
            found.append(f"the run says {said}, {who} has {digest}")
    return found


@invariant("generations follow one another")
def generations(left: Left) -> list[str]:
    """(12) Each life that took the state had a newer one, and what an older one had said was not cut or overtaken."""
    found = []
    for before, after in pairwise(left.readings):
        if after.generation < before.generation:
            found.append(f"generation {after.generation} follows {before.generation}")
        if after.generation == before.generation and any(
            len(text) > len(before.files.get(name, b"")) for name, text in after.files.items()
        ):
            found.append(f"generation {before.generation} wrote after it had died")
    return found


@invariant("metrics are the counts")
def metrics(left: Left) -> list[str]:
    """(13) What the state counts for the metrics is what the files hold and what the oracle counts."""
    return metrics_held(left)
