"""Metrics of the journal: entries and amounts by entity and currency, and the balances of the position accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from accounting.currency import digits
from dataflows.breakdown import Told

# The accounts of a contract's position, and what is owed (accounting.md, rule 1).
POSITIONS = ("accounts_receivable", "contract_asset", "deferred_revenue", "unbilled_receivable")

Shards = Sequence[tuple[str, Told]]  # by the shards' names


def major(minor: int, currency: str) -> float:
    """Major units: division of whole numbers gives the nearest value that the format can hold."""
    return minor / 10 ** digits(currency)


def money_metrics(told: Shards) -> Iterator[Metric]:
    """Every metric of the journal."""
    yield from _journal(told)
    yield _postings(told)
    yield _positions(told)
    yield from _closed(told)


def _journal(told: Shards) -> Iterator[Metric]:
    labels = ["shard", "entity", "currency", "kind"]
    entries = CounterMetricFamily("accrual_journal_entries", "Journal entries posted.", labels=labels)
    debits = CounterMetricFamily(
        "accrual_journal_debits",
        "Sum of the debits of the journal entries, in major units of the currency; the credits are the same.",
        labels=labels,
    )
    for shard, one in told:
        for kind, count in sorted(one.counts.entries.items()):
            entries.add_metric([shard, *kind], count)
            debits.add_metric([shard, *kind], major(one.counts.debits[kind], kind.currency))
    yield entries
    yield debits


def _postings(told: Shards) -> Metric:
    counter = CounterMetricFamily(
        "accrual_postings_amount",
        "Sum of the posting amounts, in major units of the currency. account: its default name, also where master data "
        "gives it a number (of several with one number the first by alphabet); revenue stands for every product's account.",
        labels=["shard", "entity", "currency", "account", "kind", "side"],
    )
    for shard, one in told:
        sums = Counter[tuple[str, str, str, str, str]]()
        for kind, sides in one.counts.amounts.items():
            for (account, side), minor in sides.items():
                role = one.roles.of(kind.entity, account)
                sums[kind.entity, kind.currency, role, kind.kind, side] += minor
        for labels, minor in sorted(sums.items()):
            counter.add_metric([shard, *labels], major(minor, labels[1]))
    return counter


def _positions(told: Shards) -> Metric:
    gauge = GaugeMetricFamily(
        "accrual_position_amount",
        "Balance of an account that shows positions, in major units: debits less credits of all that was ever posted. "
        "Of the shards of this process: add the processes up. None where the state is older than this metric: rebuild it.",
        labels=["entity", "currency", "account"],
    )
    if not all(one.counts.whole for _, one in told):
        return gauge
    sums = Counter[tuple[str, str, str]]()
    for _, one in told:
        for kind, sides in one.counts.amounts.items():
            for (account, side), minor in sides.items():
                if (role := one.roles.of(kind.entity, account)) in POSITIONS:
                    sums[kind.entity, kind.currency, role] += minor if side == "debit" else -minor
    for labels, minor in sorted(sums.items()):
        gauge.add_metric(labels, major(minor, labels[1]))
    return gauge


def _closed(told: Shards) -> Iterator[Metric]:
    labels = ["shard", "entity", "currency"]
    entries = CounterMetricFamily(
        "accrual_closed_period_entries",
        "Journal entries of effects that belong to a closed period: they have an origin_period.",
        labels=labels,
    )
    amounts = CounterMetricFamily(
        "accrual_closed_period_amount", "Sum of the debits of these entries, in major units.", labels=labels
    )
    for shard, one in told:
        counts, sums = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for kind, count in one.counts.closed.items():
            counts[kind.entity, kind.currency] += count
            sums[kind.entity, kind.currency] += one.counts.closed_debits[kind]
        for named, count in sorted(counts.items()):
            entries.add_metric([shard, *named], count)
            amounts.add_metric([shard, *named], major(sums[named], named[1]))
    yield entries
    yield amounts
