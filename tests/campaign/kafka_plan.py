"""What a seed of ring R3 draws: the feed, how the work is cut, and the faults."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from pathlib import Path

from ops.books_digest import journal_books
from schemas.topics import CONTRACTS, USAGE
from tests.campaign.disturbed import KINDS
from tests.campaign.invariants import judged
from tests.campaign.left import Left
from tests.oracle import Books, compute
from tests.support.feed import Drawing, Feed
from tests.support.judged import run_feed
from tests.support.kafka_feed import sayable

PARTITIONS, SHARDS = 3, 4
Messages = dict[tuple[str, int], list[bytes]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed draws besides the feed."""

    kind: str
    events: int
    workers: int
    settings: dict[str, int]
    rounds: tuple[tuple[str, ...], ...]  # faults, at random moments

    @classmethod
    def of(cls, seed: int) -> Plan:
        """Ten kills of workers, two restarts or pauses of the broker and some of the rest."""
        rng = random.Random(f"kafka {seed}")
        faults = ["kill of a worker"] * 10 + [rng.choice(("bounce", "kill of the broker", "pause")) for _ in range(2)]
        faults += rng.sample(("cut", "reset", "reset at commit", "stall", "slow"), 2)
        faults += rng.sample(("kill", "rescale", "crash point", "crash point", "zombie", "stopped worker"), 2)
        if seed % 10 == 9:
            faults.append("long pause")
        return cls.drawn(rng, faults)

    @classmethod
    def quick(cls, seed: int) -> Plan:
        """A little of each, for every run of the tests."""
        rng = random.Random(f"quick kafka {seed}")
        return cls.drawn(rng, ["kill of a worker", "bounce", "kill of a worker", "reset at commit", "kill", "zombie"])

    @classmethod
    def drawn(cls, rng: random.Random, faults: list[str]) -> Plan:
        """With these faults, in rounds of one to three."""
        rng.shuffle(faults)
        rounds, left = [], list(faults)
        while left:
            count = rng.choice((1, 1, 2, 3))
            rounds.append(tuple(left[:count]))
            del left[:count]
        settings = {"epoch_ms": rng.choice((20, 50, 100)), "batch_rows": rng.choice((15, 50, 200))}
        return cls(
            rng.choice(("rich", "modified", "billed")),
            rng.randint(600, 1_500),
            rng.choice((1, 2)),
            settings,
            tuple(rounds),
        )

    def __str__(self) -> str:
        """For a line of the results."""
        cuts = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        rounds = "; ".join(" + ".join(one) for one in self.rounds)
        return f"{self.kind} feed of {self.events} events, {self.workers} workers first, {cuts}: {rounds}"


@dataclass
class Sent:
    """A feed as messages, and what an undisturbed run on the same records as files makes of it."""

    feed: Feed
    source: Path
    messages: Messages
    expected: Books = field(repr=False)
    digest: str
    events: int


def drawn(seed: int, root: Path, plan: Plan) -> Sent:
    """The first feed whose books no order of arrival changes; without closes, which do."""
    for number in itertools.count(1_000 * (seed + 1)):
        feed = Drawing(number, events=plan.events, **KINDS[plan.kind]).feed()
        feed.topics.pop("control.events", None)
        if not feed.as_of or len(feed.topics[USAGE]) != PARTITIONS or len(feed.topics[CONTRACTS][0]) < 2:
            continue
        where = root / f"feed-{number}"
        said = where / "said"
        messages = {
            (topic, partition): [sent for _, sent in lines]
            for topic, partition, lines in sayable(feed.write(where / "in"), said)
        }
        expected = compute(str(said), feed.as_of)
        if expected.order_dependent or expected.beyond_horizon or len(expected.sums) < 10:
            continue
        result = run_feed(said, where / "files", feed.as_of, shards=SHARDS)
        peace = Left(said, where / "files", feed.as_of, result.tally, exact=plan.kind == "rich", expected=expected)
        if judged(peace):
            continue  # already the undisturbed run is not the oracle's: a matter of tests/properties
        events = sum(len(sent) for (topic, _), sent in messages.items() if topic == USAGE)
        return Sent(feed, said, messages, expected, journal_books(where / "files").digest(), events)
    raise AssertionError("a count has no end")
