"""What a shard counts of what it says: by account, owner, cause and contract, and what older states lack of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from prometheus_client import CollectorRegistry

from connectors.batch import Emitted
from connectors.files.sink import FileSinkPartition
from connectors.timings import Timings
from dataflows import first_revenue
from dataflows.breakdown import Breakdown, Counts, Kind
from dataflows.first_revenue import UPTO_US
from dataflows.open_exceptions import OpenExceptions
from dataflows.roles import Roles
from dataflows.shard_facts import ShardFactsCollector
from schemas.instants import parse_instant
from schemas.reference import ReferenceEvent
from schemas.topics import APPLIED, CONTRACTS, EXCEPTIONS, JOURNAL, RECALCULATIONS
from state import codec, keys
from state.store import ShardStore
from tests.support.driven import DrivenShard
from tests.support.judged_metrics import Input, Output
from tests.support.scraped import Scraped, output_says

DAY_S = 86_400


@pytest.fixture
def store(tmp_path) -> Iterator[ShardStore]:
    found = ShardStore(tmp_path / "store")
    yield found
    found.close()


@pytest.fixture
def driven(tmp_path):
    """Opens shards on stores of the test's own, and closes them."""
    opened = []

    def drive(story, **settings):
        opened.append(DrivenShard(tmp_path / f"state-{len(opened)}", story, following=True, **settings))
        return opened[-1]

    yield drive
    for shard in opened:
        shard.close()


def judged(shard) -> Output:
    """Its records."""
    batches = [batch for given in shard.activations for batch in given]
    given = Input((batch.topic, json.loads(one.payload)) for batch in batches for one in batch.records)
    return Output(((topic, json.loads(line)) for topic in shard.lines for line in shard.lines[topic].values()), given)


def scraped(shard, now: datetime = datetime(2025, 1, 1, tzinfo=UTC)) -> Scraped:
    """What is told of it at an instant."""
    collector = ShardFactsCollector(lambda: 0, lambda: int(now.timestamp()) * 1_000_000)
    collector.tell(shard.context.metrics.shards.facts[0])
    registry = CollectorRegistry()
    registry.register(collector)
    return Scraped.of(registry)


# -- accounts

NUMBERED = """
    2024-12-01 reference kind=account name=unbilled_receivable number=1200
    2024-12-01 reference kind=account name=unbilled_receivable number=1210 effective_from=2025-01-03
    2024-12-01 reference kind=account name=sales number=4000 entity=us
    2024-12-01 reference kind=product id=p revenue_account=sales
    2025-01-01 contract price=2
    2025-01-02T10 usage n=5
    2025-01-03T10 usage n=1
    2025-01-05 clock
"""


def test_an_account_is_told_by_its_default_name_whatever_its_number(driven):
    shard = driven(NUMBERED).play()
    now = scraped(shard)
    assert {"1200", "1210", "4000"} == {side["account"] for one in shard.entries for side in one["lines"]}
    assert {
        ("unbilled_receivable", "debit"): Decimal(12),
        ("revenue", "credit"): Decimal(12),
    } == now.by("accrual_postings_amount_total", "account", "side")
    assert {("us", "USD", "unbilled_receivable"): Decimal(12)} == now.by(
        "accrual_position_amount", "entity", "currency", "account"
    )
    assert output_says(judged(shard)) == shard_books(shard)


def shard_books(shard) -> dict:
    """All of it."""
    return Scraped.of(shard.context.metrics.registry).books()


def test_a_number_that_master_data_does_not_name_any_more_keeps_its_role(driven):
    again = "2024-12-02 reference kind=account name=unbilled_receivable number=1300"
    shard = driven(NUMBERED + "\n\n    " + again + "\n").play(stop=1)
    shard.reopen().play(start=1)
    accounts = {side["account"] for one in shard.entries for side in one["lines"]}
    assert {"1200", "1210", "1300", "4000"} == accounts
    balances = {("us", "USD", "unbilled_receivable"): Decimal(12)}
    assert balances == scraped(shard).by("accrual_position_amount", "entity", "currency", "account")
    shard.reopen()
    assert balances == scraped(shard).by("accrual_position_amount", "entity", "currency", "account")


def test_of_names_with_one_number_the_first_by_alphabet_stands_for_it_in_any_order():
    records = [
        ReferenceEvent(kind="account", id=name, number="1250") for name in ("unbilled_receivable", "contract_asset")
    ]
    for order in (records, records[::-1]):
        roles = Roles()
        for one in order:
            roles = roles.with_record(one)
        assert "contract_asset" == roles.of("us", "1250")
        assert roles == Roles.read(roles.written())
    assert "1250" == Roles().of("us", "1250")


def test_an_account_of_one_entity_is_not_that_of_another():
    roles = Roles().with_record(ReferenceEvent(kind="account", id="revenue", number="4000", entity="us"))
    roles = roles.with_record(ReferenceEvent(kind="account", id="cash", number="4000"))
    assert ("revenue", "cash") == (roles.of("us", "4000"), roles.of("de", "4000"))


def test_effects_that_belong_to_a_closed_period_are_counted(driven):
    shard = driven("""
        2025-01-01 contract price=2
        2025-01-05 usage n=5
        2025-02-01 close entity=us period=2025-01

        2025-01-20 usage n=3
        2025-02-03 usage n=1
        2025-02-06 clock
    """).play()
    now = scraped(shard)
    assert {("us", "USD"): 1} == now.by("accrual_closed_period_entries_total", "entity", "currency")
    assert {("us", "USD"): Decimal(6)} == now.by("accrual_closed_period_amount_total", "entity", "currency")
    assert output_says(judged(shard)) == shard_books(shard)


# -- exceptions

WAITING = """
    2024-12-01 reference kind=exception_owner class=contract_unknown owner=sales sla=30m
    2025-01-02T10:10 usage n=1 customer=d
    2025-01-03T11:20 usage n=1 customer=f
    2025-01-03T11:20 usage n=1 meter=nobodys
    2025-01-01 contract price=1
    2025-01-05 clock

    2025-01-01 contract k=kd price=3 customer=d
"""


def test_exceptions_wait_for_their_owners_until_they_are_resolved_also_over_restarts(driven):
    shard = driven(WAITING)
    for number in range(2):
        shard.play(start=number, stop=number + 1)
        files = judged(shard)
        for hours in range(0, 24 * 8, 5):
            now = datetime(2025, 1, 2, tzinfo=UTC) + timedelta(hours=hours, minutes=17)
            assert files.waiting(now) == scraped(shard, now).waiting(), now
        owned = ("contract_unknown", "sales")
        late = scraped(shard, datetime(2025, 2, 1, tzinfo=UTC))
        assert Decimal(2 - number) == late.by("accrual_exceptions_past_due", "class", "owner")[owned]
        shard.reopen()
        assert late.waiting() == scraped(shard, datetime(2025, 2, 1, tzinfo=UTC)).waiting()
        assert files.counts["open"] == scraped(shard).by("accrual_exceptions_open", "shard", "class", "owner")


def exception(status="open", raised="2025-01-02T10:59:59Z", due="2025-01-03T10:00:00Z") -> dict:
    return {"class": "invalid", "owner": "us", "status": status, "raised_at": raised, "due_at": due}


def test_a_million_open_exceptions_take_as_many_counts_as_hours(store):
    kept = OpenExceptions(store)
    for number in range(1_000_000):
        kept.note(exception(raised=f"2025-01-{number % 28 + 1:02d}T{number % 24:02d}:00:00Z"))
    kept.save(store)
    store.commit()
    [(owned, counts)] = OpenExceptions(store).copy().items()
    assert ("invalid", "us") == owned
    assert (168, 1_000_000) == (len(counts), sum(counts.values()))
    assert kept.copy() == OpenExceptions(store).copy()


def test_what_is_told_of_open_exceptions_does_not_change_with_them(store):
    kept = OpenExceptions(store)
    kept.note(exception())
    before = kept.copy()
    kept.note(exception("resolved"))
    assert [1] == [sum(counts.values()) for counts in before.values()]
    assert [0] == [sum(counts.values()) for counts in kept.copy().values()]
    kept.note(exception("resolved"))  # of one that was raised before they were counted
    assert [0] == [sum(counts.values()) for counts in kept.copy().values()]


def test_what_was_raised_longer_ago_than_books_are_kept_is_counted_no_more(store):
    kept = OpenExceptions(store)
    kept.note(exception(raised="2025-01-01T10:00:00Z"))
    kept.note(exception())
    kept.save(store)
    kept.forget(parse_instant("2025-01-02T10:30:00Z"))
    kept.save(store)
    store.commit()
    assert {("invalid", "us"): {("2025-01-02T10", "2025-01-03T10"): 1}} == dict(OpenExceptions(store).copy())
    kept.note(exception("resolved", raised="2025-01-01T10:00:00Z"))  # it was counted no more
    assert 1 == sum(sum(counts.values()) for counts in kept.copy().values())


# -- states of before


def test_a_state_of_before_reads_and_claims_nothing_that_it_did_not_count(store):
    posted = ["us", "USD", "usage", 3, codec.from_int(4_500)]
    old = b"\x01" + codec._encoder.encode([[posted], {"invalid": 2}, {}, {"invalid": 1}])
    store.put(keys.META + b"breakdown", old)
    kept = Breakdown(store)
    kind = Kind("us", "USD", "usage")
    assert (3, 4_500, {kind: {}}) == (kept.counts.entries[kind], kept.counts.debits[kind], kept.counts.amounts)
    assert {("invalid", ""): 2} == kept.counts.opened
    kept.note(EXCEPTIONS, exception("resolved"))
    kept.note(EXCEPTIONS, exception())
    kept.note(EXCEPTIONS, exception("resolved"))
    assert {("invalid", ""): 2, ("invalid", "us"): 1} == kept.counts.opened
    assert {("invalid", ""): 1, ("invalid", "us"): 1} == kept.counts.resolved
    kept.save()
    again = Breakdown(store).counts
    assert all(getattr(kept.counts, name) == getattr(again, name) for name in Counts.__slots__)
    assert not again.whole


def test_a_balance_is_not_told_where_the_state_has_not_counted_all_of_it(driven):
    shard = driven(NUMBERED).play()
    told = shard.context.metrics.shards.facts[0]
    told.breakdown.counts.whole = False
    assert {} == scraped(shard).by("accrual_position_amount", "account")
    assert scraped(shard).by("accrual_postings_amount_total", "account")


# -- changes of contracts


def test_recalculations_are_counted_by_cause_and_treatment_and_summed_by_direction(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:90 end=2025-04-01
        2025-02-05 clock

        2025-02-05 contract version=2 effective=2025-02-01 fixed=a:60 end=2025-04-01
        2025-03-10 clock
    """).play()
    now = scraped(shard)
    assert {("amendment", "new_contract"): 1, ("amendment", "prospective"): 1} == now.by(
        "accrual_recalculations_total", "cause", "treatment"
    )
    assert {("USD", "amendment", "up"): Decimal(90), ("USD", "amendment", "down"): Decimal(30)} == now.by(
        "accrual_recalculated_amount_total", "currency", "cause", "direction"
    )
    assert output_says(judged(shard)) == shard_books(shard)


def test_an_amendment_is_timed_from_the_batch_that_brought_it_and_nothing_else_is(driven):
    shard = driven("""
        2025-01-01 contract price=2 event=x
        2025-01-05 usage n=5
        2025-02-01 close entity=us period=2025-01

        2025-01-01 contract price=2 event=x
        2025-01-20 usage n=3
        2025-02-06 usage n=1
    """)
    for number, expected in enumerate((50, None)):
        stamped = [
            replace(batch, read_at=50 if batch.topic == CONTRACTS and batch.records else 7)
            for batch in shard.activations[number]
        ]
        said = {item.topic: item.read_at for item in shard.give(stamped) if item.new and item.topic != APPLIED}
        assert {JOURNAL: 7, RECALCULATIONS: expected} == said, number
        shard.shard.snapshot()
    causes = [one["cause"] for one in shard.recalculations]
    assert ["amendment", "late_usage"] == causes


def test_the_way_to_a_recalculation_ends_when_it_is_durable(tmp_path):
    registry = CollectorRegistry()
    sink = FileSinkPartition(tmp_path, 0, Timings(registry, lambda: 10_000_000))
    for first, read_at in ((1, 7_500_000), (1, 7_500_000), (2, None)):
        sink.write_batch([Emitted(0, RECALCULATIONS, first, (b'{"sequence":%d}' % first,), read_at)])
        sink.snapshot()
    now, name = Scraped.of(registry), "accrual_amendment_to_recalculation_seconds"
    assert (1, Decimal("2.5")) == (now.sum(f"{name}_count"), now.by(f"{name}_sum")[()])
    assert 0 == now.sum("accrual_event_to_journal_seconds_count")
    sink.close()


# -- the first revenue

FIRST = """
    2024-12-01 reference kind=entity id=jp time_zone=Asia/Tokyo
    2025-01-01 contract price=2
    2025-01-01 contract k=kd fixed=a:90 end=2025-04-01 customer=d line=- entity=jp
    2025-01-20 contract k=ke price=2 customer=e effective=2025-01-01
    2025-01-01 contract k=kf price=2 customer=f
    2025-01-02 usage n=5
    2025-01-03 usage n=5 customer=e
    2025-01-05 clock

    2025-01-09 usage n=1
    2025-02-05 clock

    2025-03-05 clock
"""


def first(shard) -> tuple[int, Decimal]:
    """(contracts, days in all)."""
    now, name = scraped(shard), "accrual_contract_to_first_revenue_seconds"
    return now.sum(f"{name}_count"), now.by(f"{name}_sum").get((), Decimal(0)) / DAY_S


def test_the_first_revenue_of_a_contract_is_timed_once_in_business_time_also_over_restarts(driven):
    shard = driven(FIRST).play(stop=1)
    assert (2, Decimal(2)) == first(shard)  # k: two days; ke: signed after it was earned
    shard.reopen().play(start=1, stop=2)
    assert (3, Decimal(2) + Decimal(31) - Decimal(9) / 24) == first(shard)  # kd: to the end of January in Tokyo
    shard.reopen().play()
    assert (3, Decimal(33) - Decimal(9) / 24) == first(shard)
    count, least, most = judged(shard).first_revenue()
    assert 3 == count
    assert least / DAY_S <= first(shard)[1] <= most / DAY_S


def test_the_histogram_of_first_revenue_counts_up_to_its_bounds(driven):
    shard = driven(FIRST).play()
    found = scraped(shard).by("accrual_contract_to_first_revenue_seconds_bucket", "le")
    by_days = {Decimal(bound) / DAY_S: count for (bound,), count in found.items() if bound != "+Inf"}
    assert len(UPTO_US) == len(by_days)
    assert [1, 1, 2, 2, 3] == [by_days[Decimal(days)] for days in (1, 1, 2, 14, 31)]
    assert 3 == found[("+Inf",)]


def test_a_contract_without_revenue_is_awaited_and_forgotten_when_it_goes(store):
    kept = Breakdown(store)
    kept.awaits("c", "k", 0)
    assert 1 == len(list(store.scan(keys.META + b"first-revenue/")))
    first_revenue.forget(store, "c", "k")
    assert 0 == len(list(store.scan(keys.META + b"first-revenue/")))
