"""Late arrival: master data, policies, contracts and usage in any order leave the books of an order in which all came first.

Drawn stories of one customer with a usage line, fixed lines and perhaps a second entity. Clock records make time pass in
between, so that what comes late finds windows and periods booked, open or closed. A failure prints the story; its seed is
the test's parameter.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from accounting.window import WindowSize
from schemas.topics import JOURNAL
from tests.support.driven import DrivenShard
from tests.support.timeline import instant

FACTS = (
    "reference kind=entity id=us time_zone=America/New_York",
    "reference kind=entity id=us time_zone=Asia/Tokyo effective_from=2024-12-10",
    "reference kind=entity id=us functional_currency=EUR effective_from=2025-01-15",
    "reference kind=entity id=jp time_zone=Australia/Lord_Howe functional_currency=EUR",
    "reference kind=fx_rate base=USD quote=EUR rate=0.5 as_of=2024-12-01",
    "reference kind=fx_rate base=USD quote=EUR rate=0.37 as_of=2025-01-10",
    "reference kind=fx_rate base=EUR quote=USD rate=3 as_of=2025-01-20",
    "reference kind=product id=p revenue_account=sales",
    "reference kind=product id=p effective_from=2025-01-11",
    "reference kind=product id=a ssp=50 default_method=monthly",
    "reference kind=product id=d highly_variable=yes ssp_low=5 ssp_high=60",
    "reference kind=product id=b",
    "reference kind=bundle id=x products=a,b price=70",
    "reference kind=bundle id=y products=p,q price=70 effective_from=2025-01-08",
    "reference kind=account name=revenue number=4000",
    "reference kind=account name=unbilled_receivable number=1200 entity=us effective_from=2025-01-12",
    "policy key=usage_window value=hour effective_from=2025-01-06T07:30",
    "policy key=usage_window value=month effective_from=2025-01-12T15",
    "policy key=usage_window value=day effective_from=2025-01-18",
    "policy key=recognise value=daily effective_from=2025-01-15",
    "policy key=recognise value=period_end effective_from=2025-01-25T03",
    "policy key=residual value=last_full_period effective_from=2024-12-01",
    "policy key=zero_flat_fee value=no effective_from=2025-01-10",
    "policy key=carry value=yes effective_from=2024-12-01",
)
METERED = (
    "contract price=2 k=k1 line=l1",
    "contract tiers=10:3,-:1 k=k1 line=l1 minimum=40",
    "contract price=2 k=k1 line=l1 aggregation=last",
    "contract price=2 k=k1 line=l1 aggregation=weighted_sum minimum=9",
    "contract price=2 k=k1 line=l1 aggregation=max",
    "contract price=3 k=k1 line=l1 start=2025-01-01T13 effective=2025-01-01T13",
    "contract price=3 k=k1 line=l1 start=2025-01-12T15 effective=2025-01-12T15 minimum=7",
)
# The terms, and the lines as an update or a cancellation states them again.
FIXED = (
    ("a:120~exact,b:40$80,c:60@2025-02-01T03,d:50#1/4", "a:120~exact,b:40$80,c:60@2025-01-09T22,d:50#3/4", ""),
    ("a:121", "a:121", "end=2025-02-20"),
    ("a:60$90,b:60$40", "a:60$91,b:60$40", "end=2025-05-05"),
    ("a:60$90,d:60#0/7", "a:60$90,d:60#5/7", "opening=2025-01-04/10/55"),
    ("a:60,b:10#0/7,d:7@-", "a:60,b:10#5/7,d:7@2025-01-09T22", "entity=jp"),
)
KNOWN, EARLY, END = "2024-12-02", "2024-12-03", "2025-04-03"
Step = tuple[str, str]  # time, the rest


class Story:
    """What there is from the start, and what comes late."""

    def __init__(self, seed: int) -> None:
        self.random = rng = random.Random(f"{seed} late")
        self.window = rng.choice(list(WindowSize))
        self.facts = rng.sample(FACTS, rng.randint(1, 5))
        self.contracts: list[Step] = [(EARLY, rng.choice(METERED)), *self._fixed()]
        taking = ["k1"]
        if rng.random() < 0.5:
            self.contracts.append((EARLY, "contract price=5 k=k3 line=l3 entity=jp"))
            taking.append("k3")
        self.usage: list[Step] = [
            (self.moment(), f"usage n={rng.randint(1, 9)} contract={rng.choice(taking)} id=u{number}")
            for number in range(rng.randint(1, 12))
        ]
        self.clocks: list[Step] = [(f"{self.moment()}:30", "clock") for _ in range(rng.randint(1, 4))]
        self.clocks += [("2025-02-01T04:30", "clock"), (END, "clock")]

    def moment(self) -> str:
        """A quarter of an hour in January: no usage is beyond the horizon of another."""
        rng = self.random
        return f"2025-01-{rng.randint(1, 30):02d}T{rng.randint(0, 23):02d}:{rng.choice(('00', '15', '30'))}"

    def _fixed(self) -> list[Step]:
        rng = self.random
        lines, again, terms = rng.choice(FIXED)
        found = [(EARLY, f"contract k=k2 fixed={lines} {terms}")]
        if rng.random() < 0.5:
            kind = "kind=cancelled" if rng.random() < 0.3 else ""
            terms = "" if terms.startswith("opening") else terms
            effective = f"effective=2025-01-{rng.randint(5, 25):02d}"
            found.append((self.moment(), f"contract k=k2 version=2 fixed={again} {terms} {effective} {kind}"))
        return found

    def late(self) -> list[Step]:
        """The facts, some of them known before all, the others at some time up to March."""
        rng = self.random
        times = [f"2025-0{rng.choice('1123')}-{rng.randint(2, 28):02d}T{rng.randint(0, 23):02d}:11" for _ in self.facts]
        return [(KNOWN if rng.random() < 0.3 else at, fact) for at, fact in zip(times, self.facts, strict=True)]

    def closes(self) -> list[Step]:
        """Months of the entities closed, and perhaps opened again."""
        rng, found = self.random, list[Step]()
        for entity in ("us", "jp"):
            period = rng.choice(("2024-12", "2025-01", "2025-01"))
            if rng.random() < 0.7:
                at = f"2025-0{rng.randint(1, 2)}-{rng.randint(1, 28):02d}T05:05"
                found.append((at, f"close entity={entity} period={period}"))
                if rng.random() < 0.3:
                    found.append(("2025-03-01", f"reopen entity={entity} period={period} actor=ann approver=bob"))
        return found

    def told(self, facts: list[Step], closes: list[Step]) -> str:
        """All of it in the order of its times, in one activation."""
        steps = [*self.contracts, *self.usage, *self.clocks, *facts, *closes]
        return "\n".join(f"{instant(at)[:-1]} {rest}" for at, rest in sorted(steps, key=lambda one: instant(one[0])))

    def first(self) -> list[Step]:
        """The facts, all known before everything else."""
        return [(KNOWN, fact) for fact in self.facts]

    def shuffled(self) -> str:
        """All of it in any order, over some activations; the last clock record at the end."""
        rng = self.random
        steps = [*self.contracts, *self.usage, *self.clocks[:-1], *self.first()]
        rng.shuffle(steps)
        lines = [f"{instant(at)[:-1]} {rest}" + ("\n" if rng.random() < 0.5 else "") for at, rest in steps]
        return "\n".join([*lines, "", f"{END} clock"])


class Freezes:
    """Notes the stretch of the journal in which a period is frozen."""

    def __init__(self, shard: DrivenShard) -> None:
        self._clock, self._outbox = shard.shard._clock, shard.shard._outbox
        self._freeze, self._reopen = self._clock.freeze, self._clock.reopen
        self._clock.freeze, self._clock.reopen = self.freeze, self.reopen  # type: ignore[method-assign]
        self.frozen: dict[tuple[str, str], list[tuple[int, float]]] = {}

    def freeze(self, entity: str, period: Any, actor: str, phase: int) -> None:
        self._freeze(entity, period, actor, phase)
        self.frozen.setdefault((entity, str(period)), []).append((self._sequence, float("inf")))

    def reopen(self, entity: str, period: Any, phase: int) -> None:
        self._reopen(entity, period, phase)
        stretches = self.frozen[entity, str(period)]
        stretches[-1] = stretches[-1][0], self._sequence

    @property
    def _sequence(self) -> int:
        return self._outbox.last.get(JOURNAL, 0)

    def broken(self, shard: DrivenShard) -> list[int]:
        """Sequences of the entries that lie in a period while it was frozen."""
        found = []
        for sequence, line in shard.lines[JOURNAL].items():
            entry = json.loads(line)
            for since, until in self.frozen.get((entry["entity"], entry["period"]), ()):
                if since < sequence <= until:
                    found.append(sequence)
        return found


def books(shard: DrivenShard, by: str) -> dict[tuple[str, ...], Decimal]:
    """Sums by a field of the entry, line, account and functional currency, in both currencies; `period`: the own one."""
    sums: Counter[tuple[str, ...]] = Counter()
    for line in shard.lines[JOURNAL].values():
        entry = json.loads(line)
        own = (entry["origin_period"] or entry["period"]) if by == "period" else entry[by]
        for one in entry["lines"]:
            sign = 1 if one["side"] == "debit" else -1
            sums[own, entry["line_id"], one["account"], entry["currency"]] += sign * Decimal(one["amount"])  # type: ignore[assignment]
            functional = own, entry["line_id"], one["account"], f"in {entry['functional_currency']}"
            sums[functional] += sign * Decimal(one["functional_amount"])  # type: ignore[assignment]
    return {key: Decimal(amount) for key, amount in sums.items() if amount}


def classes(shard: DrivenShard) -> set[str]:
    """The classes of the exceptions that are open."""
    return {one.partition(" ")[0] for one in shard.open}


@pytest.fixture
def driven(tmp_path: Path) -> Any:
    """Plays stories on stores of the test's own."""
    opened: list[DrivenShard] = []

    def drive(story: str, **settings: Any) -> DrivenShard:
        opened.append(DrivenShard(tmp_path / f"state-{len(opened)}", story, **settings))
        return opened[-1]

    yield drive
    for shard in opened:
        shard.close()


SEEDS = range(25)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_late_leaves_the_books_of_an_order_in_which_it_came_first(driven: Any, seed: int) -> None:
    story = Story(seed)
    told = story.told(story.late(), [])
    first = driven(story.told(story.first(), []), window=story.window).play()
    late = driven(told, window=story.window).play()
    assert books(first, "accounting_date") == books(late, "accounting_date"), told
    assert classes(first) == classes(late), told
    replayed = driven(told, window=story.window).play().reopen().play()
    assert late.lines == replayed.lines, told


@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_after_a_close_belongs_to_its_own_period_and_lands_in_an_open_one(driven: Any, seed: int) -> None:
    story = Story(seed)
    closes = story.closes()
    told = story.told(story.late(), closes)
    first = driven(story.told(story.first(), closes), window=story.window).play()
    late = driven(told, window=story.window)
    freezes = Freezes(late)
    late.play()
    assert [] == freezes.broken(late), told
    assert books(first, "period") == books(late, "period"), told
    assert classes(first) == classes(late), told


@pytest.mark.parametrize("seed", SEEDS)
def test_while_following_the_order_of_arrival_does_not_matter(driven: Any, seed: int) -> None:
    story = Story(seed)
    told = story.shuffled()
    first = driven(story.told(story.first(), []), window=story.window).play()
    mixed = driven(told, window=story.window, following=True).play()
    assert books(first, "accounting_date") == books(mixed, "accounting_date"), told
    assert classes(first) == classes(mixed), told
