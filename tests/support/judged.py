"""A run of the product on a feed, judged by the oracle."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from dataflows.tally import Tally
from ops.job import Job
from ops.run import Result, run
from ops.settings import load
from schemas.instants import parse_instant
from tests.oracle import Books, Journal, compare, compute

ROUNDINGS = 2
FUNCTIONAL_ROUNDINGS = 12


def run_feed(root: Path, out: Path, as_of: str | None, **settings: object) -> Result:
    """Run to the end of the input."""
    job = Job.of(f"files:{root}", f"files:{out}", None, parse_instant(as_of) if as_of else None, load(**settings))
    return run(job)


def cut(seed: int) -> dict[str, object]:
    """How a seed's run is cut into batches, shards and epochs."""
    rng = random.Random(f"cut {seed}")
    return {
        "batch_rows": rng.choice((3, 7, 50, 10_000)),
        "shards": rng.choice((1, 2, 3, 8)),
        "epoch_ms": rng.choice((10, 10, 200)),
    }


def open_exceptions(out: Path) -> set[tuple[str, str, int, int]]:
    """(class, topic, partition, offset) of every exception that is not resolved; each is open at most once."""
    found: dict[str, tuple[str, str, int, int]] = {}
    for path in sorted((out / "revenue.exceptions").glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            record = json.loads(line)
            name, at = record["exception_id"], record["source"]
            if record["status"] == "resolved":
                assert found.pop(name, None), f"{name} is resolved but was not open"
            else:
                assert name not in found, f"{name} is open twice"
                found[name] = (record["class"], at["topic"], at["partition"], at["offset"])
    return set(found.values())


def roundings(root: Path) -> Callable[[tuple[object, ...]], int]:
    """Minor units that the order of roundings leaves open, by sum.

    No rule says in which order parts of parts are rounded: the share of lines in a changed estimate, the tax in a part of
    what is left of an invoice, the functional amounts of the layers that a position gives away. Everything else is exact.
    """
    estimates: dict[str, set[str]] = {}
    for path in [*root.glob("contracts.events*.jsonl"), *root.glob("contracts.events/*.jsonl")]:
        for line in path.read_bytes().splitlines():
            try:
                record = json.loads(line)
                estimates.setdefault(str(record["contract_id"]), set()).add(json.dumps(record["variable"]))
            except (ValueError, KeyError, TypeError):
                continue
    changed = {contract for contract, stated in estimates.items() if len(stated) > 1}
    billed = any(root.glob("billing.events*"))

    def near(key: tuple[object, ...]) -> int:
        if billed and len(key) > 8:
            return FUNCTIONAL_ROUNDINGS
        return ROUNDINGS if key[6] in changed or (billed and key[7] is None) else 0

    return near


def problems(root: Path, out: Path, as_of: str | None, result: Result) -> list[str]:
    """Every way in which the run differs from what the oracle says it must give.

    Exceptions are compared as a set of classes and coordinates: several lines of one contract version have the same.
    """
    expected = compute(str(root), as_of)
    if expected.order_dependent or expected.beyond_horizon:
        return []
    journal = Journal.read(str(out), expected.functional_currency)
    found = [str(one) for one in journal.problems]
    found += unlike_the_books(expected, journal, roundings(root))
    found += unlike_the_exceptions(expected, out)
    found += [f"the oracle does not cover: {one}" for one in sorted(expected.not_covered)]
    return found + unlike_the_counts(expected, result.tally)


def unlike_the_books(expected: Books, journal: Journal, near: Callable[[tuple[object, ...]], int]) -> list[str]:
    """Sums that are not the oracle's, in both currencies."""
    found = [str(one) for one in compare(expected.sums, journal.sums, near)]
    return found + [str(one) for one in compare(expected.functional, journal.functional, near)]


def unlike_the_exceptions(expected: Books, out: Path) -> list[str]:
    """Open exceptions that the oracle does not have, and the other way round."""
    # The oracle has no opinion on estimates of volume prices: tests/cases/test_estimated_prices.py has.
    mine = {one for one in open_exceptions(out) if one[0] != "estimate_missing"}
    found = [f"exception missing: {one}" for one in sorted(expected.exceptions - mine)]
    return found + [f"exception too many: {one}" for one in sorted(mine - expected.exceptions - expected.doubtful)]


def unlike_the_counts(expected: Books, tally: Tally) -> list[str]:
    """What became of the usage, in numbers."""
    found = []
    outcomes = expected.counts()
    for name, count in (
        ("counted", tally.counted - tally.unplaced),
        ("duplicate", tally.duplicates),
        ("identity_conflict", tally.conflicts),
    ):
        if outcomes.get(name, 0) != count:
            found.append(f"{name}: expected {outcomes.get(name, 0)}, was {count}")
    kept_or_not = tally.parked + tally.expired
    if tally.read != tally.counted + tally.duplicates + tally.conflicts + tally.rejected + kept_or_not:
        found.append(f"usage does not add up: {tally}")
    return found
