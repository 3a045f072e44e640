"""The metrics of the shards are the books: exact counts, kept with the state, of what is durable."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from accounting.currency import digits
from connectors.batch import Emitted
from connectors.files.sink import FileSinkPartition
from connectors.step import STEPS
from connectors.timings import Timings
from dataflows.breakdown import Breakdown, Counts, Kind
from dataflows.shard_facts import SIZE_HOLDS_US, ShardFactsCollector
from ops.job import Job
from ops.run import run
from ops.settings import load
from schemas.instants import parse_instant
from schemas.topics import EXCEPTIONS, JOURNAL, RECALCULATIONS
from state.store import ShardStore
from tests.oracle import compute
from tests.support.driven import DrivenShard
from tests.support.feed import Drawing
from tests.support.judged import cut, problems
from tests.support.judged_metrics import Input, Output
from tests.support.scraped import Scraped, debited, files_say, output_says

# A duplicate, a conflict, late usage, usage that waits for its contract, usage that nothing takes, and a refusal.
STORY = """
    2025-01-01 contract price=2
    2025-01-02T10 usage n=5
    2025-01-02T10 usage n=5 id=a
    2025-01-02T10 usage n=5 id=a
    2025-01-02T10 usage n=6 id=a
    2025-01-02T11 usage n=7 customer=d
    2025-01-02T11 usage n=1 meter=nobodys
    2025-01-05 clock

    2025-01-03 usage n=2
    2025-01-06 contract k=kd price=3 customer=d entity=de
    2025-01-20 policy key=late_usage value=reject
    2025-02-01 close entity=us period=2025-01
    2025-02-02 usage n=1

    2025-01-25 usage n=2
    2025-02-05 usage n=1
"""


@pytest.fixture
def driven(tmp_path):
    """Opens shards on stores of the test's own, and closes them."""
    opened = []

    def drive(story=STORY, as_of=None):
        opened.append(DrivenShard(tmp_path / f"state-{len(opened)}", story, as_of))
        return opened[-1]

    yield drive
    for shard in opened:
        shard.close()


def scraped(shard):
    """What the shard's run says now."""
    return Scraped.of(shard.context.metrics.registry)


def said(shard):
    """What the shard has said, counted."""
    return output_says(output(shard))


def output(shard):
    """The records of the shard, judged."""
    batches = [batch for given in shard.activations for batch in given]
    given = Input((batch.topic, json.loads(one.payload)) for batch in batches for one in batch.records)
    return Output(((topic, json.loads(line)) for topic in shard.lines for line in shard.lines[topic].values()), given)


def test_every_count_is_what_the_shard_has_said_and_done(driven):
    shard = driven()
    for number in range(len(shard.activations)):
        shard.play(start=number, stop=number + 1)
        now = scraped(shard)
        assert said(shard) == now.books()
        assert now.adds_up()
    expected = {"read": 10, "counted": 6, "duplicate": 1, "late": 1, "excepted": 2, "parked": 1, "expired": 0}
    assert expected == {name: sum(counts.values()) for name, counts in now.events().items()}
    refused = {("identity_conflict",): 1, ("period_closed_rejected",): 1}
    assert refused == now.by("accrual_events_excepted_total", "class")
    assert {"contract_unknown", "identity_conflict", "meter_unmapped", "period_closed_rejected"} == {
        cls for _, cls, _ in now.books()["opened"]
    }
    assert {("0", "contract_unknown", "revenue-operations"): 1} == now.books()["resolved"]


def test_a_restart_neither_resets_nor_repeats_a_count(driven):
    shard = driven().play(stop=2)
    before = scraped(shard)
    shard.reopen()
    assert (before.books(), before.events("shard")) == (scraped(shard).books(), scraped(shard).events("shard"))
    shard.play()  # from the start: what is applied is skipped
    assert said(shard) == scraped(shard).books()
    assert 10 == scraped(shard).sum("accrual_events_read_total")


def test_what_is_not_durable_is_not_told(driven):
    shard = driven()
    shard.give(shard.activations[0])
    assert {("0",): 0} == scraped(shard).events("shard")["read"]
    shard.shard.snapshot()
    assert {("0",): 6} == scraped(shard).events("shard")["read"]


def test_the_outbox_holds_what_the_next_batch_proves(driven):
    shard = driven().play(stop=2)
    kept = scraped(shard).by("accrual_outbox_records", "topic")
    assert {(JOURNAL,): 3, (EXCEPTIONS,): 3, (RECALCULATIONS,): 1} == kept
    shard.give([])
    shard.shard.snapshot()
    assert {(JOURNAL,): 0, (EXCEPTIONS,): 0, (RECALCULATIONS,): 0} == scraped(shard).by(
        "accrual_outbox_records", "topic"
    )


def unix(text):
    """Seconds."""
    return Decimal(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()))


def test_positions_and_times_are_those_of_the_partitions(driven):
    shard = driven("""
        2025-01-01 contract price=2
        2025-01-02 clock
        2025-01-03 usage n=5
        2025-01-04 usage n=5 on=1
        2025-01-04 usage n=5 on=1
    """).play()
    now = scraped(shard)
    expected = {
        ("contracts.events", "0"): 1,
        ("control.events", "0"): 1,
        ("usage.events", "0"): 1,
        ("usage.events", "1"): 2,
    }
    assert expected == now.by("accrual_applied_offset", "topic", "partition")
    assert {
        ("usage.events", "0"): unix("2025-01-02T23:00"),
        ("usage.events", "1"): unix("2025-01-03T23:00"),
    } == now.by("accrual_watermark_seconds", "topic", "partition")
    assert {(): unix("2025-01-02T00:00")} == now.by("accrual_business_date_seconds")


def test_a_time_that_nobody_knows_yet_is_no_sample(driven):
    now = scraped(driven())
    assert {} == now.by("accrual_business_date_seconds")
    assert {} == now.by("accrual_watermark_seconds")


def test_the_partition_furthest_behind_speaks_for_the_process(driven):
    ahead, behind, collector = driven().play(), driven().play(stop=2), ShardFactsCollector(lambda: 0)
    registry = CollectorRegistry()
    registry.register(collector)
    for number, shard in enumerate((ahead, behind)):
        collector.tell(replace(shard.context.metrics.shards.facts[0], shard=number))
    alone = scraped(behind)
    for name in ("accrual_applied_offset", "accrual_watermark_seconds"):
        assert alone.by(name, "topic", "partition") == Scraped.of(registry).by(name, "topic", "partition")


def test_the_size_of_the_state_is_that_of_its_files_and_holds_for_a_while(driven):
    shard, now = driven().play(), [0]
    collector = ShardFactsCollector(lambda: now[0])
    registry = CollectorRegistry()
    registry.register(collector)
    collector.tell(shard.context.metrics.shards.facts[0])
    before = Scraped.of(registry).sum("accrual_state_bytes")
    assert before == sum(path.stat().st_size for path in (shard.state / "0").iterdir())
    (shard.state / "0" / "more").write_bytes(b"x" * 1_000)
    now[0] = SIZE_HOLDS_US
    assert before == Scraped.of(registry).sum("accrual_state_bytes")
    now[0] += 1
    assert before + 1_000 == Scraped.of(registry).sum("accrual_state_bytes")


def test_a_state_that_is_gone_is_empty_and_the_rest_is_still_told(tmp_path, driven):
    shard = driven().play()
    shard.close()
    (shard.state / "0").rename(tmp_path / "elsewhere")
    assert 0 == scraped(shard).sum("accrual_state_bytes")
    assert 10 == scraped(shard).sum("accrual_events_read_total")


def test_runs_in_one_process_do_not_mix(driven):
    one, other = driven().play(), driven().play(stop=1)
    assert (10, 6) == tuple(scraped(shard).sum("accrual_events_read_total") for shard in (one, other))


def test_amounts_beyond_64_bits_are_kept_exactly(tmp_path):
    store = ShardStore(tmp_path / "store")
    kept, kind = Breakdown(store), Kind("us", "KWD", "usage")
    sides = [
        {"side": "debit", "account": "unbilled_receivable", "amount": f"{10**20}.001"},
        {"side": "credit", "account": "revenue", "amount": f"{10**20}.001"},
    ]
    entry = {"entity": "us", "currency": "KWD", "kind": "usage", "lines": sides, "origin_period": "2025-01"}
    for _ in range(2):
        kept.note(JOURNAL, {**entry, "customer_id": "c", "contract_id": None})
    kept.save()
    store.commit()
    found, twice = Breakdown(store).counts, 2 * (10**23 + 1)
    assert (2, twice, 2, twice) == (
        found.entries[kind],
        found.debits[kind],
        found.closed[kind],
        found.closed_debits[kind],
    )
    assert {("unbilled_receivable", "debit"): twice, ("revenue", "credit"): twice} == found.amounts[kind]
    assert all(getattr(kept.counts, name) == getattr(found, name) for name in Counts.__slots__)
    store.close()


def test_names_and_types_are_what_the_format_asks_for(driven):
    """The strict parser of OpenMetrics refuses counters without _total, histograms with holes, and the like."""
    text = generate_latest(driven().play().context.metrics.registry).decode()
    families = list(text_string_to_metric_families(text))
    assert len(families) > 15
    for family in families:
        assert family.name.startswith("accrual_"), family.name
        assert family.documentation.endswith("."), family.name
        allowed = {
            "shard", "class", "owner", "entity", "currency", "kind", "account", "side", "cause", "treatment", "direction",
            "topic", "partition", "step", "le",
        }  # fmt: skip
        assert {label for one in family.samples for label in one.labels} <= allowed, family.name


# -- durations


def test_the_way_to_the_journal_ends_when_an_entry_is_durable_and_counts_once(tmp_path):
    registry, now = CollectorRegistry(), [10_000_000]
    sink = FileSinkPartition(tmp_path, 0, Timings(registry, lambda: now[0]))

    def write(item):
        sink.write_batch([item])
        sink.snapshot()
        return {
            name: Scraped.of(registry).by(f"accrual_event_to_journal_seconds_{name}")[()] for name in ("count", "sum")
        }

    entry = (b'{"sequence":1}', b'{"sequence":2}')
    assert {"count": 1, "sum": Decimal("2.5")} == write(Emitted(0, JOURNAL, 1, entry, 7_500_000))
    assert {"count": 1, "sum": Decimal("2.5")} == write(Emitted(0, JOURNAL, 1, entry, 7_500_000))  # it has them
    assert {"count": 1, "sum": Decimal("2.5")} == write(Emitted(0, JOURNAL, 3, (b'{"sequence":3}',)))  # a restart's
    assert {"count": 1, "sum": Decimal("2.5")} == write(Emitted(0, EXCEPTIONS, 1, entry, 7_500_000))
    assert {"count": 2, "sum": Decimal("4.5")} == write(Emitted(0, JOURNAL, 4, (b'{"sequence":4}',), 8_000_000))
    sink.close()


def test_an_entry_is_on_its_way_since_the_oldest_batch_that_it_took(driven):
    shard = driven("""
        2025-01-01 contract price=2
        2025-01-02 usage n=5
        2025-01-05 usage n=1
    """)
    stamped = [
        replace(batch, read_at=1 if batch.topic == "control.events" else 100 - number)
        for number, batch in enumerate(shard.activations[0])
    ]
    oldest = min(batch.read_at for batch in stamped if batch.topic != "control.events")
    assert [oldest] == [item.read_at for item in shard.give(stamped) if item.topic == JOURNAL]
    shard.shard.snapshot()
    # What a restart says again was on its way for as long as nobody ran.
    assert [None] == [item.read_at for item in shard.reopen().give([]) if item.topic == JOURNAL]


# -- whole runs


@pytest.mark.parametrize("seed", [1_003, 1_010, 1_017, 1_024, 1_031])
def test_metrics_are_the_counts_of_the_oracle(seed, tmp_path):
    feed = Drawing(seed, rich=False).feed()
    (source := tmp_path / "in").mkdir()
    feed.write(source)
    as_of = parse_instant(feed.as_of) if feed.as_of else None
    job = Job.of(f"files:{source}", f"files:{tmp_path / 'out'}", None, as_of, load(**cut(seed) | {"workers": 1}))
    result = run(job)
    assert [] == problems(source, tmp_path / "out", feed.as_of, result)
    now, expected = Scraped.of(job.metrics.registry), compute(str(source), feed.as_of)
    assert files_say(tmp_path / "out", source) == now.books()
    assert now.adds_up()
    assert debited(tmp_path / "out") == {  # exactly, beyond what the format can hold
        (str(one.shard), *kind): Decimal(minor).scaleb(-digits(kind.currency))
        for one in job.metrics.shards.facts
        for kind, minor in one.breakdown.counts.debits.items()
    }
    outcomes = Counter(expected.outcomes.values())
    assert outcomes["counted"] == now.sum("accrual_events_counted_total") - now.sum("accrual_events_unplaced")
    assert outcomes["duplicate"] == now.sum("accrual_events_duplicate_total")
    refusals = {"identity_conflict", "undecodable", "invalid", "too_early", "too_late", "period_closed_rejected"}
    assert {cls: count for cls, count in outcomes.items() if cls in refusals} == {
        cls: count for (cls,), count in now.by("accrual_events_excepted_total", "class").items() if count
    }
    steps = now.by("accrual_step_seconds_count", "step")
    assert set(STEPS) == {step for (step,), count in steps.items() if count}
    assert all(spent > 0 for spent in now.by("accrual_step_cpu_seconds_total", "step").values())
    assert now.sum("accrual_event_to_journal_seconds_count") > 0
    assert now.by("accrual_event_to_journal_seconds_sum")[()] < Decimal(repr(result.seconds)) * 1_000


def test_the_feeds_tell_amounts_apart(tmp_path):
    """Otherwise the test above compares little."""
    kinds = set()
    for seed in (1_003, 1_010, 1_017, 1_024, 1_031):
        for record in Drawing(seed, rich=False).contracts():
            kinds.add((record["entity"], record["currency"]))
    assert len(kinds) >= 5
