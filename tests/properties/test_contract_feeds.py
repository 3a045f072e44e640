"""Random feeds of amended and billed contracts: the oracle's books, in any order, and what must hold in all of them."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.books_digest import journal_books
from tests.support.feed import Drawing, Feed
from tests.support.judged import cut, problems, run_feed

MODIFIED = range(7_200, 7_216)
BILLED = range(7_300, 7_316)
MIXED = range(7_400, 7_408)
# Seeds that once found a difference between the books and the oracle, one or two for each rule that was settled with them.
FOUND_MODIFIED = (116, 51_029)
FOUND_BILLED = (
    103, 120, 122, 50_001, 50_006, 50_025, 50_026, 50_042, 50_046, 50_053, 50_066, 50_069, 50_073, 50_076, 50_102,
    50_129, 50_154, 51_007,
)  # fmt: skip
# What is open, see tests/campaign/README.md.
OPEN_BILLED = {
    50_023: "a void that is dated before its invoice: booked at its own date, or nothing to void yet",
    50_105: "a credit on a line that a version took back before it began, beside an opening larger than the contract",
    50_114: "what a non-refundable cancellation leaves over, when billing comes ahead of the business date",
    50_124: "a cent in what two credits take of one line",
}


def drawn(seed: int, root: Path, **kinds: bool) -> tuple[Feed, Path]:
    """A seed's feed, written to a directory."""
    feed = Drawing(seed, rich=True, **kinds).feed()
    (source := root / "in").mkdir(parents=True)
    return feed, feed.write(source)


def judged(seed: int, root: Path, **kinds: bool) -> list[str]:
    """What the oracle finds wrong with the run of a feed."""
    feed, source = drawn(seed, root, **kinds)
    result = run_feed(source, root / "out", feed.as_of, **cut(seed))
    return problems(source, root / "out", feed.as_of, result)


@pytest.mark.parametrize("seed", MODIFIED, ids=lambda seed: f"modified-{seed}")
def test_the_books_of_amended_contracts_are_those_of_the_oracle(seed: int, tmp_path: Path) -> None:
    assert judged(seed, tmp_path, modified=True) == []


@pytest.mark.parametrize("seed", BILLED, ids=lambda seed: f"billed-{seed}")
def test_the_books_of_billed_contracts_are_those_of_the_oracle(seed: int, tmp_path: Path) -> None:
    assert judged(seed, tmp_path, billed=True, modified=bool(seed % 2)) == []


@pytest.mark.parametrize("seed", FOUND_MODIFIED)
def test_a_modified_feed_that_once_found_something_gives_the_oracles_books(seed: int, tmp_path: Path) -> None:
    assert judged(seed, tmp_path, modified=True) == []


@pytest.mark.parametrize("seed", FOUND_BILLED)
def test_a_billed_feed_that_once_found_something_gives_the_oracles_books(seed: int, tmp_path: Path) -> None:
    assert judged(seed, tmp_path, modified=True, billed=True) == []


@pytest.mark.parametrize(
    "seed",
    [pytest.param(seed, marks=pytest.mark.xfail(strict=True, reason=why)) for seed, why in OPEN_BILLED.items()],
)
def test_an_open_finding_of_a_billed_feed(seed: int, tmp_path: Path) -> None:
    assert judged(seed, tmp_path, modified=True, billed=True) == []


# -- order


def orderless(seed: int) -> Feed:
    """A feed without closes and policies on late usage, whose meaning is the order, and without contradictions."""
    feed = Drawing(seed, rich=True, modified=True, billed=True).feed()
    controls = [json.loads(line) for line in feed.topics.pop("control.events", {}).get(0, [])]
    kept = [one for one in controls if one["kind"] == "policy" and one["key"] != "late_usage"]
    if kept:
        feed.topics["control.events"] = {0: [json.dumps(one).encode() for one in kept]}
    for topic, name in (("contracts.events", ("contract_id", "version")), ("billing.events", ("source", "event_id"))):
        feed.topics[topic] = {0: list(_firsts(feed.topics.get(topic, {}), name))}
    feed.topics["reference.events"] = {0: list(_firsts(feed.topics.get("reference.events", {}), ("kind", "id")))}
    return feed


def _firsts(parts: dict[int, list[bytes]], names: tuple[str, ...]) -> Iterator[bytes]:
    """The first record of each identity: of two with other content the first that is read holds."""
    seen = set()
    for line, record in ((raw, found) for part in parts.values() for raw in part for found in _records([raw])):
        identity = tuple(str(record.get(name)) for name in names)
        if identity not in seen:
            seen.add(identity)
            yield line


def shuffled(feed: Feed, number: int) -> Feed:
    """The same records of master data, contracts and billing in another order."""
    rng, topics = random.Random(f"{feed.seed} {number}"), dict(feed.topics)
    for topic in ("reference.events", "contracts.events", "billing.events"):
        lines = list(topics[topic][0])
        rng.shuffle(lines)
        topics[topic] = {0: lines}
    return Feed(feed.seed, topics, feed.as_of)


@pytest.mark.parametrize("seed", MIXED)
def test_the_books_are_the_same_in_any_order_of_versions_and_billing(seed: int, tmp_path: Path) -> None:
    feed = orderless(seed)
    digests = set()
    for name, shape in (("as drawn", feed), ("one", shuffled(feed, 1)), ("other", shuffled(feed, 2))):
        (source := tmp_path / name / "in").mkdir(parents=True)
        run_feed(shape.write(source), tmp_path / name / "out", feed.as_of, **cut(seed + len(name)))
        digests.add(journal_books(tmp_path / name / "out").digest())
    assert 1 == len(digests)


# -- what holds in all books


@pytest.mark.parametrize("seed", MIXED)
def test_no_position_is_deferred_and_unbilled_at_once_and_neither_is_below_zero(seed: int, tmp_path: Path) -> None:
    feed = Drawing(seed, rich=True, modified=True, billed=True).feed()
    for number, part in feed.topics["reference.events"].items():
        # With numbers for names an account may be both.
        feed.topics["reference.events"][number] = [line for line in part if b'"account"' not in line]
    (source := tmp_path / "in").mkdir()
    names = {"unbilled_receivable": "unbilled", "contract_asset": "unbilled", "deferred_revenue": "deferred"}
    run_feed(feed.write(source), tmp_path / "out", feed.as_of, **cut(seed))
    usage = {
        (record["contract_id"], line["line_id"])
        for part in feed.topics["contracts.events"].values()
        for record in _records(part)
        for line in record.get("lines", ())
        if line.get("kind") == "usage"
    }
    positions: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    # Contracts whose position the journal does not have alone: it began with an opening, or one event concerned several.
    several = {
        record["contract_id"]
        for part in feed.topics["contracts.events"].values()
        for record in _records(part)
        if record.get("opening")
    }
    for path in sorted((tmp_path / "out" / "revenue.journal").glob("*.jsonl")):
        for entry in _records(path.read_bytes().splitlines()):
            contract, line = entry["contract_id"], entry["line_id"] or ""
            if not line and any(name == contract for name, _ in usage):
                several.add(contract)
            position = (contract, line if (contract, line) in usage else "")
            for one in entry["lines"]:
                if one["account"] in names:
                    sign = 1 if one["side"] == "debit" else -1
                    positions[position][names[one["account"]]] += sign * Decimal(one["amount"])  # type: ignore[assignment]
    assert positions
    for (contract, line), balances in positions.items():
        if contract in several:
            continue
        unbilled, deferred = balances["unbilled"], -balances["deferred"]
        assert 0 <= unbilled, (contract, line)
        assert 0 <= deferred, (contract, line)
        assert not (unbilled and deferred), (contract, line)


def _records(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record
