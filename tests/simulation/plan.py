"""What a seed draws: a feed, how it is cut, and every fault of every life."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from tests.support.feed import Drawing, Feed

# Steps of the simulated world between which a process may die; the named points of the product come on top.
MOMENTS = (
    "store opens", "before commit", "after commit", "before sync", "after sync", "batch-read", "batch-applied",
    "batch-written", "outbox-forgotten", "unsent-again", "epoch-to-sync", "epoch-synced", "retention-worked",
)  # fmt: skip
OF_FILES = ("file synced", "file-to-write", "file-half-written", "file-written", "file-synced")
OF_KAFKA = (
    "record sent", "before transaction commit", "after transaction commit", "kafka-initialised", "kafka-to-begin",
    "kafka-begun", "kafka-half-produced", "kafka-produced", "kafka-flushed", "kafka-committed",
)  # fmt: skip
BETWEEN = ("nothing", "old state", "old shard", "no state", "sink cut", "all new", "rewind")
HOURS_US = 8 * 3_600_000_000


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a life: at the n-th passing of a moment ("": of any)."""

    moment: str
    passing: int
    power: bool  # what was not synced may be lost; else only the process is gone
    survivors: int = 0  # steps that the other workers do before they are stopped


@dataclass(frozen=True, slots=True)
class LifePlan:
    """One run of the program."""

    workers: int = 1
    follow: bool = False
    grow: float = 1.0  # the part of the log that is there when it begins
    grows_to: float = 1.0  # and, where it follows, when it ends
    closing: float = 0.3  # chance that a partition's epoch ends with a batch
    death: Death | None = None
    unknown: int | None = None  # the commit of which nobody learns the outcome
    jump_us: int = 0  # of the wall clock, at the start
    before: str = "nothing"  # what is done to the machine before it starts
    zombie: int = 0  # steps that the group of the life before does after this one has begun
    bytewax: bool = False  # run by Bytewax itself

    @property
    def words(self) -> str:
        """In short."""
        said = [f"{self.workers}w", f"close {self.closing:g}"]
        said += [f"follow {self.grow:.2f}-{self.grows_to:.2f}"] if self.follow else [f"log {self.grow:.2f}"]
        said += ["bytewax"] if self.bytewax else []
        if self.death:
            how = "power cut" if self.death.power else f"kill, survivors do {self.death.survivors}"
            said.append(f"{how} at {self.death.moment or 'any moment'}:{self.death.passing}")
        said += [f"commit {self.unknown} unknown"] if self.unknown else []
        said += [f"clock {self.jump_us // 3_600_000_000:+d} h"] if self.jump_us else []
        said += [f"before: {self.before}"] if self.before != "nothing" else []
        return ", ".join([*said, *([f"zombie {self.zombie}"] if self.zombie else [])])


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a seed."""

    seed: int
    events: int
    kind: str
    shards: int
    batch_rows: int
    kafka: bool
    redelivered: bool
    judged: bool  # by the oracle, too
    lives: tuple[LifePlan, ...] = field(default_factory=tuple)

    @property
    def words(self) -> str:
        """As it is printed."""
        head = (
            f"{self.kind} feed of {self.events} events, {self.shards} shards, {self.batch_rows} rows, "
            f"{'kafka' if self.kafka else 'file'} sink{', redelivery' if self.redelivered else ''}"
        )
        return "; ".join([head, *(f"life {number}: {life.words}" for number, life in enumerate(self.lives, 1))])

    def feed(self) -> Feed:
        """The records."""
        more = {"modified": self.kind in ("modified", "all"), "billed": self.kind in ("billed", "all")}
        feed = Drawing(self.seed, events=self.events, rich=self.kind != "simple", **more).feed()
        if self.redelivered:
            _redeliver(feed, random.Random(f"redelivery {self.seed}"))
        return feed


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    rng = random.Random(f"simulation {seed}")
    kafka = rng.random() < 0.55
    plan = Plan(
        seed, events=rng.choice((20, 30, 40, 40, 60, 120)),
        kind=rng.choice(("simple", "simple", "simple", "simple", "rich", "modified", "billed", "all")),
        shards=rng.choice((1, 1, 2, 2, 3)), batch_rows=rng.choice((7, 20, 20, 60, 10_000)), kafka=kafka,
        redelivered=rng.random() < 0.4, judged=rng.random() < 0.2,
    )  # fmt: skip
    grows = rng.random() < 0.4
    shares = sorted(rng.random() for _ in range(8)) if grows else []
    lives: list[LifePlan] = []
    for number in range(rng.choice((1, 1, 2, 2, 3))):
        share = shares.pop(0) if shares else 1.0
        life = _life(rng, kafka, first=number == 0, recovering=bool(lives) and lives[-1].death is not None)
        if grows:
            follow = rng.random() < 0.6
            life = replace(life, grow=share, grows_to=shares.pop(0) if follow else share, follow=follow)
        lives.append(life)
    last = LifePlan(workers=rng.choice((1, 1, 2, 4)), closing=rng.choice((0.1, 0.5, 1.0)), jump_us=_jump(rng))
    if lives[-1].death is not None or lives[-1].unknown is not None:
        last = replace(last, before=rng.choice(("nothing", "nothing", "rewind")))
        last = replace(last, zombie=_zombie(rng, kafka))
    lives.append(last)
    for number, life in enumerate(lives[1:]):
        if life.zombie:  # the one before hangs between two steps
            lives[number] = replace(lives[number], death=Death("step", int(1.5 ** rng.uniform(6, 13)), False))
    return replace(plan, lives=tuple(lives))


def _life(rng: random.Random, kafka: bool, first: bool, recovering: bool) -> LifePlan:
    workers = rng.choice((1, 1, 2, 2, 4))
    return LifePlan(
        workers=workers, closing=rng.choice((0.05, 0.2, 0.2, 0.5, 1.0)),
        death=_death(rng, kafka, recovering) if rng.random() < 0.85 else None,
        unknown=rng.choice((1, 1, 2, 3, 5)) if kafka and rng.random() < 0.3 else None,
        jump_us=_jump(rng), before="nothing" if first or rng.random() < 0.6 else rng.choice(BETWEEN),
        zombie=0 if first else _zombie(rng, kafka), bytewax=rng.random() < 0.05,
    )  # fmt: skip


def _jump(rng: random.Random) -> int:
    return rng.choice((0, 0, HOURS_US, -HOURS_US))


def _zombie(rng: random.Random, kafka: bool) -> int:
    return rng.choice((5, 20, 60, 150)) if kafka and rng.random() < 0.4 else 0


def _death(rng: random.Random, kafka: bool, recovering: bool) -> Death:
    if recovering and rng.random() < 0.4:  # while it recovers
        return Death("", rng.randint(1, 25), rng.random() < 0.5, rng.choice((0, 0, 10)))
    power, survivors = rng.random() < 0.5, rng.choice((0, 0, 3, 20))
    if rng.random() < 0.5:
        return Death("", int(1.5 ** rng.uniform(3, 15)), power, survivors)
    return Death(
        rng.choice(MOMENTS + (OF_KAFKA if kafka else OF_FILES)), int(1.5 ** rng.uniform(0, 6)), power, survivors
    )


def _redeliver(feed: Feed, rng: random.Random) -> None:
    """A producer sends a range of a partition once more, behind it, as it does when it has missed the answer."""
    for lines in feed.topics["usage.events"].values():
        if len(lines) > 5 and rng.random() < 0.7:
            at = rng.randrange(5, len(lines))
            lines[at:at] = lines[max(0, at - rng.randint(1, 12)) : at]


def peaceful(plan: Plan) -> Plan:
    """The same feed, with nothing done to it and cut as little as can be."""
    return replace(plan, shards=1, batch_rows=10_000, kafka=True, lives=(LifePlan(closing=0.0),))
