"""Random years of contracts and usage: how far a pass has come, restarts and batches change nothing that is said."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dataflows.tally import Tally
from schemas.topics import JOURNAL
from tests.support.driven import HOUR_US, DrivenShard

DAYS_60 = 60 * 24 * HOUR_US
SEEDS = (7, 24, 47, 56, 71, 238)  # each found a defect, with the generator of its day
CONTROLS = ("clock", "policy")

Told = tuple[dict[tuple[str, ...], Decimal], list[str], Tally]


def text(at: datetime) -> str:
    """As a timeline has it."""
    return at.strftime("%Y-%m-%dT%H:%M")


class Years:
    """Draws the activations of a timeline: contracts with and without an end, amended far back, and late usage."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.day = datetime(2024, 1, 1, tzinfo=UTC)
        self.terms: list[str] = []
        self.versions: list[int] = []
        self.ends: list[datetime | None] = []

    def activations(self) -> Iterator[list[str]]:
        """Lines that are given at once."""
        given = [self.contract()]
        for _ in range(100):
            self.day += timedelta(days=self.random.choice((1, 2, 4, 7)))
            given += [self.usage() for _ in range(self.random.randint(0, 4))]
            given += self.record()
            if self.random.random() < 0.25:
                given.append(f"{text(self.day)} clock")
            if self.random.random() < 0.3:
                yield given
                given = []
        yield [*given, f"{text(self.day + timedelta(days=3))} clock"]

    def usage(self) -> str:
        draw = self.random
        at = self.day - timedelta(days=draw.choice((0, 0, 0, 0, 1, 10, 34)), hours=draw.randint(0, 20))
        named = draw.choice(("", f" contract=k{draw.randrange(len(self.terms))}"))
        who = f"customer={draw.choice('cdex')} meter={draw.choice('mmnnq')} on={draw.randint(0, 1)}{named}"
        return f"{text(at)} usage n={draw.randint(1, 9)} {who}"

    def record(self) -> list[str]:
        """Now and then something that changes the books."""
        draw, at = self.random, text(self.day)
        since = text(self.day - timedelta(days=draw.choice((5, 100))))
        records = {
            0.06: self.contract,
            0.16: self.amendment,
            0.18: lambda: f"{at} reference kind=product id=p revenue_account=r{draw.randint(1, 2)}",
            0.19: lambda: f"{at} reference kind=entity id=us time_zone=America/New_York",
            0.21: lambda: f"{at} policy key=usage_window value={draw.choice(('hour', 'month'))} effective_from={since}",
        }
        drawn = draw.random()
        return next(([make()] for bound, make in records.items() if drawn < bound), [])

    def price(self) -> str:
        return self.random.choice((f"price={self.random.randint(1, 5)}", "tiers=10:2,-:1", "tiers=5:3,40:2,-:0.5"))

    def contract(self) -> str:
        draw = self.random
        start = self.day - timedelta(days=draw.choice((0, 0, 30, 100, 200)), minutes=draw.choice((0, 0, 607)))
        end = start + timedelta(days=draw.choice((31, 60, 200))) if draw.random() < 0.4 else None
        fixed = " fixed=f:31" if end and draw.random() < 0.5 else ""
        kind = draw.choice(("sum", "sum", "count", "max", "last", "unique", "weighted_sum"))
        self.terms.append(
            f"k=k{len(self.terms)} customer={draw.choice('cde')} start={text(start)} meter={draw.choice('mn')} "
            f"aggregation={kind} billing={draw.choice(('month', 'month', 'quarter', 'year'))}{fixed}"
        )
        self.versions.append(1)
        self.ends.append(end)
        return self.version(len(self.terms) - 1, start, "activated")

    def amendment(self) -> str:
        draw = self.random
        number = draw.randrange(len(self.terms))
        self.versions[number] += 1
        if "fixed" not in self.terms[number] and draw.random() < 0.2:
            self.ends[number] = None if draw.random() < 0.5 else self.day + timedelta(days=draw.choice((10, 100)))
        effective = self.day - timedelta(days=draw.choice((0, 0, 3, 20, 50, 80, 120, 300)))
        return self.version(number, effective, draw.choice((*["amended"] * 4, "cancelled")))

    def version(self, number: int, effective: datetime, kind: str) -> str:
        end = self.ends[number]
        rest = (
            f"version={self.versions[number]} kind={kind} effective={text(effective)} end={text(end) if end else '-'}"
        )
        return f"{text(self.day)} contract {self.terms[number]} {self.price()} {rest}"


def cut_anew(activations: list[list[str]], rng: random.Random) -> list[list[str]]:
    """The same lines in other batches."""
    found: list[list[str]] = []
    for given in activations:
        if found and rng.random() < 0.7:
            found[-1] = found[-1] + given
        else:
            found.append(given)
    return found


def played(state: Path, activations: list[list[str]], restarts: random.Random | None = None, **course: bool) -> Told:
    """Books by account, contract, line and periods; what is open; what became of the usage."""
    story = "\n\n".join("\n".join(given) for given in activations)
    shard = DrivenShard(state, story, retention_us=DAYS_60, parked_us=DAYS_60, **course)
    for batches in shard.activations:
        shard.give(batches)
        shard.shard.snapshot()
        if restarts is not None and restarts.random() < 0.3:
            shard.reopen()
    sums: Counter[tuple[str, ...]] = Counter()
    for line in shard.lines[JOURNAL].values():
        entry = json.loads(line)
        about = [str(entry[name]) for name in ("entity", "period", "origin_period", "contract_id", "line_id")]
        for one in entry["lines"]:
            sums[(*about, one["account"])] += Decimal(one["amount"]) * (1 if one["side"] == "debit" else -1)  # type: ignore[assignment]
    tally = shard.shard._tally
    shard.close()
    return {name: amount for name, amount in sums.items() if amount}, shard.open, tally  # type: ignore[misc]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pace_of_a_pass_and_restarts_change_nothing(seed: int, tmp_path: Path, monkeypatch) -> None:
    activations = list(Years(seed).activations())
    monkeypatch.setattr("dataflows.retention.KEYS", 1_000_000)
    books, opened, tally = played(tmp_path / "at once", activations, following=True)
    monkeypatch.setattr("dataflows.retention.KEYS", 1)
    monkeypatch.setattr("state.store.WALK_KEYS", 3)
    other_books, other_opened, other = played(
        tmp_path / "little by little", activations, random.Random(seed), following=True
    )
    assert (books, opened) == (other_books, other_opened)
    names = ("read", "counted", "duplicates", "conflicts", "rejected", "unplaced")
    assert [getattr(tally, name) for name in names] == [getattr(other, name) for name in names]
    assert any(one.startswith("beyond_retention") for one in opened)


@pytest.mark.parametrize("seed", SEEDS)
def test_batches_change_nothing(seed: int, tmp_path: Path) -> None:
    activations = list(Years(seed).activations())
    books, opened, tally = played(tmp_path / "as drawn", activations)
    other_books, other_opened, other = played(tmp_path / "cut anew", cut_anew(activations, random.Random(seed)))
    assert (books, opened) == (other_books, other_opened)
    assert (tally.parked + tally.expired + tally.counted - tally.unplaced) == (
        other.parked + other.expired + other.counted - other.unplaced
    )
    assert books
