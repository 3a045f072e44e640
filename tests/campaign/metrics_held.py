"""What the state of a run counts for its metrics, beside what its files and the oracle say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from dataflows import tally
from dataflows.breakdown import Breakdown, Told
from dataflows.change_metrics import change_metrics
from dataflows.exception_metrics import exception_metrics
from dataflows.master_data import ROLES
from dataflows.money_metrics import money_metrics
from dataflows.roles import Roles
from dataflows.tally import Tally
from schemas.topics import JOURNAL, OUTPUTS
from state.directory import last_sequences
from state.store import ShardStore
from tests.campaign.left import Left
from tests.support.judged_metrics import Input, Output, moment
from tests.support.scraped import Scraped, output_says

REFUSED = ("undecodable", "invalid", "too_early", "too_late", "period_closed_rejected")


def metrics_held(left: Left) -> list[str]:
    """Every difference; nothing where there is no state beside the sink."""
    if left.state is None or not left.state.exists():
        return []
    tallies: list[Tally] = []
    excepted, sequences = Counter[str](), Counter[str]()
    told: list[tuple[str, Told]] = []
    for path in sorted(left.state.glob("shard-*")):
        store = ShardStore(path)
        tallies.append(tally.load(store))
        told.append((str(int(path.name.rpartition("-")[2])), Breakdown(store).copy(Roles.read(store.get(ROLES)))))
        excepted.update(told[-1][1].counts.excepted)
        sequences.update(last_sequences(store))
        store.close()
    whole = tally.total(tallies)
    found = [] if left.tally in (None, whole) else [f"the state counts {whole}, the run says {left.tally}"]
    mine: dict[str, object] = {"entries in all": whole.entries, "refused in all": whole.rejected}
    says: dict[str, object] = {
        "entries in all": len(left.said[JOURNAL]),
        "refused in all": sum(excepted.values()),
    }
    for topic in OUTPUTS:
        mine[topic], says[topic] = sequences[topic], len(left.said[topic])
    oracle = Counter(outcome for outcome in left.expected.outcomes.values() if outcome in REFUSED)
    free = Counter(one[0] for one in left.expected.doubtful)
    for name in sorted({*excepted, *oracle}):
        if not 0 <= excepted[name] - oracle[name] <= free[name]:
            mine[f"refused as {name}"], says[f"refused as {name}"] = excepted[name], oracle[name]
    found += of_the_metrics(left, told)
    return found + [
        f"{name}: the state counts {mine[name]}, there are {says[name]}" for name in mine if mine[name] != says[name]
    ]


LONG_AGO = timedelta(days=200)  # less than retention_days behind any watermark of a feed


class _Told(Collector):
    """What the shards would tell of their states, as it would be scraped."""

    def __init__(self, told: list[tuple[str, Told]], now: datetime) -> None:
        self._told, self._now = told, int(now.timestamp()) * 1_000_000

    def collect(self) -> Iterator[Metric]:
        yield from money_metrics(self._told)
        yield from change_metrics(self._told)
        yield from exception_metrics(self._told, self._now)


def of_the_metrics(left: Left, told: list[tuple[str, Told]]) -> list[str]:
    """Every sum that the metrics tell differently than input and output files."""
    files = Output(((topic, one) for topic in OUTPUTS for one in left.records(topic)), Input.of(left.source))
    dues = sorted(moment(one["due_at"]) for one in files.open.values())
    now = (dues[len(dues) // 2] if dues else datetime(2025, 1, 1, tzinfo=UTC)).replace(microsecond=0)
    registry = CollectorRegistry()
    registry.register(_Told(told, now))
    scraped = Scraped.of(registry)
    mine, says = {**scraped.books(), **scraped.waiting()}, {**output_says(files), **files.waiting(now)}
    del mine["records"], says["records"]  # the state's own sequences
    # What was raised long ago, as events with a senseless time are, is waiting no longer than books are kept.
    old = {(one["class"], one["owner"]) for one in files.open.values() if moment(one["raised_at"]) < now - LONG_AGO}
    for name in ("past_due", "oldest"):
        for found_by in (mine, says):
            found_by[name] = {key: value for key, value in found_by[name].items() if key not in old}
    found = [
        f"{name} {key}: the metrics say {mine[name].get(key)}, the files {says[name].get(key)}"
        for name in mine
        for key in sorted({*mine[name], *says[name]})
        if mine[name].get(key) != says[name].get(key)
    ]
    count, least, most = files.first_revenue()
    name = "accrual_contract_to_first_revenue_seconds"
    if (counted := scraped.sum(f"{name}_count")) != count:
        found.append(f"{counted} contracts have come to revenue by the metrics, {count} by the files")
    elif not least <= scraped.by(f"{name}_sum").get((), Decimal(0)) <= most:
        found.append(f"first revenue took {scraped.by(f'{name}_sum')} s by the metrics, {least} to {most} by the files")
    return found
