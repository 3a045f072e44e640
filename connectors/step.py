"""The steps of a run's work: how long each takes, and what CPU it costs, so that a slower run names what has become slower."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from prometheus_client import CollectorRegistry, Counter, Histogram

STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
STEPS = ("fetch", "decode", "identify", "split", "admit", "sum", "book", "commit", "sync", "write")


def standing() -> int:
    """The clock of a run that nobody measures."""
    return 0


Seen = Callable[[str, int, int], None]  # the name of a step, when it began and when it ended by the run's clock
_NOBODY: Seen | None = None


class Step:
    """`with` around what belongs to it; not inside itself, and in one thread."""

    def __init__(
        self, name: str, took: Histogram, worked: Counter, clock: Callable[[], int], cpu: Callable[[], int]
    ) -> None:
        self.name, self.seen = name, _NOBODY
        self._took, self._worked, self._clock, self._cpu = took, worked, clock, cpu
        self._began = self._had = 0
        self.cpu_us = 0

    def __enter__(self) -> None:
        self.begins()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ends()

    def begins(self) -> None:
        """For what may turn out to be nothing: then it is not said to end."""
        self._began, self._had = self._clock(), self._cpu()

    def ends(self) -> None:
        """What has begun last counts."""
        worked = self._cpu() - self._had
        self.cpu_us += worked
        self._worked.inc(worked / 1_000_000)
        now = self._clock()
        self._took.observe((now - self._began) / 1_000_000)
        if self.seen is not None:
            self.seen(self.name, self._began, now)


class Steps:
    """Those of one run; none lies in another. Clocks in microseconds: `cpu` is the process's, with its libraries' threads."""

    def __init__(
        self, registry: CollectorRegistry, clock: Callable[[], int] = standing, cpu: Callable[[], int] = standing
    ) -> None:
        took = Histogram(
            "accrual_step_seconds",
            "Time that one step took: fetch (take messages or bytes), decode (to columns), identify (identity, lateness, "
            "phase), split (a batch into its shards), admit (exact de-duplication), sum (usage into cells), book (close "
            "windows, rate, compare with what is posted), commit (one atomic write of a shard), sync (a shard made "
            "durable), write (a shard's records into the sink, made durable).",
            ["step"],
            registry=registry,
            buckets=STEP_SECONDS,
        )
        worked = Counter(
            "accrual_step_cpu_seconds",
            "CPU seconds of this process in each step, threads of libraries included.",
            ["step"],
            registry=registry,
        )
        made = {name: Step(name, took.labels(step=name), worked.labels(step=name), clock, cpu) for name in STEPS}
        self.fetch, self.decode, self.identify, self.split, self.admit = (made[name] for name in STEPS[:5])
        self.sum, self.book, self.commit, self.sync, self.write = (made[name] for name in STEPS[5:])
        self._made = made

    def watch(self, seen: Seen) -> None:
        """Tell somebody of each step that ends, in the thread of the flow."""
        for one in self._made.values():
            one.seen = seen

    def cpu_seconds(self) -> dict[str, float]:
        """By step, so far."""
        return {name: one.cpu_us / 1_000_000 for name, one in self._made.items()}


UNSEEN = Steps(CollectorRegistry())  # what nobody looks at
