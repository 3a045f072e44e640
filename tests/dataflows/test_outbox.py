"""The outbox: numbered without a gap, kept until the barrier has proven that it was sent, or the sink was seen to hold it."""

import pytest

from connectors.batch import Emitted
from state import keys
from state.directory import shard_path
from state.errors import StateBehind
from state.store import ShardStore
from tests.support.books import Books, metered

T, U = "revenue.journal", "revenue.exceptions"


def said(*records):
    """(topic, first sequence, number of records) of what is to be sent."""
    return sorted((item.topic, item.first, len(item.lines)) for item in records)


def add(parts, topic, count):
    """Add records and commit."""
    for number in range(count):
        parts.outbox.add(topic, {"n": number})
    parts.store.commit()


def test_a_record_carries_its_shard_and_its_sequence(parts):
    assert b'{"n":7,"shard":3,"sequence":1}' == parts.outbox.add(T, {"n": 7})
    assert [Emitted(3, T, 1, (b'{"n":7,"shard":3,"sequence":1}',))] == parts.outbox.take()


def test_each_topic_is_numbered_by_itself(parts):
    add(parts, T, 2)
    add(parts, U, 1)
    add(parts, T, 1)
    assert [(U, 1, 1), (T, 1, 3)] == said(*parts.outbox.take())


def test_what_was_taken_is_not_taken_again(parts):
    add(parts, T, 2)
    parts.outbox.take()
    assert [] == parts.outbox.take()
    add(parts, T, 1)
    assert [(T, 3, 1)] == said(*parts.outbox.take())


def test_everything_that_was_committed_is_unsent_after_a_restart(parts):
    add(parts, T, 2)
    taken = parts.outbox.take()
    assert taken == parts.reopen().outbox.unsent()


def test_what_was_not_committed_was_never_said(parts):
    add(parts, T, 1)
    parts.outbox.add(T, {"n": "lost"})
    parts.reopen()
    assert [(T, 1, 1)] == said(*parts.outbox.unsent())
    assert b'{"n":2,"shard":3,"sequence":2}' == parts.outbox.add(T, {"n": 2})


def test_the_close_of_an_epoch_alone_forgets_nothing(parts):
    add(parts, T, 2)
    parts.outbox.epoch_closes()
    parts.store.commit()
    assert [(T, 1, 2)] == said(*parts.reopen().outbox.unsent())


def test_a_batch_of_the_same_epoch_forgets_nothing(parts):
    add(parts, T, 2)
    parts.outbox.epoch_begins()
    parts.store.commit()
    assert [(T, 1, 2)] == said(*parts.reopen().outbox.unsent())


def test_the_first_batch_after_the_barrier_forgets_what_the_barrier_has_proven(parts):
    add(parts, T, 2)
    parts.outbox.epoch_closes()
    parts.outbox.epoch_begins()
    add(parts, T, 1)
    assert [(T, 3, 1)] == said(*parts.reopen().outbox.unsent())


def test_forgetting_is_part_of_the_batch_in_hand(parts):
    add(parts, T, 2)
    parts.outbox.epoch_closes()
    parts.outbox.epoch_begins()
    assert [(T, 1, 2)] == said(*parts.reopen().outbox.unsent())


def test_sequences_go_on_after_everything_was_forgotten_and_restarted(parts):
    add(parts, T, 2)
    parts.outbox.epoch_closes()
    parts.outbox.epoch_begins()
    parts.store.commit()
    assert [] == parts.reopen().outbox.unsent()
    add(parts, T, 1)
    assert [(T, 3, 1)] == said(*parts.outbox.take())


def test_what_a_restart_sends_again_is_forgotten_after_the_next_barrier(parts):
    add(parts, T, 2)
    parts.reopen()
    parts.outbox.epoch_closes()
    parts.outbox.epoch_begins()
    parts.store.commit()
    assert [] == parts.reopen().outbox.unsent()


def test_what_the_sink_was_seen_to_hold_is_said_again_until_a_barrier_so_that_the_sink_sees_who_has_written_it(parts):
    add(parts, T, 3)
    outbox = parts.reopen().outbox
    outbox.in_sink({T: 2})
    assert [(T, 1, 3)] == said(*outbox.unsent())
    outbox.epoch_begins()
    parts.store.commit()
    assert [(T, 1, 3)] == said(*parts.reopen().outbox.unsent())


def test_a_flow_that_has_ended_well_keeps_its_own_last_words_and_none_of_those_before(parts):
    add(parts, T, 3)
    add(parts, U, 2)
    outbox = parts.reopen().outbox
    add(parts, T, 1)
    outbox.ended()
    parts.store.commit()
    assert [(U, 1, 2), (T, 4, 1)] == said(*parts.reopen().outbox.unsent())
    assert {T: 1, U: 2} == parts.outbox.depth()


def test_runs_of_one_epoch_each_do_not_pile_up_what_they_have_said(tmp_path):
    books = Books(tmp_path)
    books.contract(metered(), start="2025-01-01", end="2026-01-01")
    kept = []
    for day in range(1, 6):
        books.usage(f"2025-01-{day:02d}T10", "1")
        books.run(f"2025-01-{day + 1:02d}", ACCRUAL_SHARDS="1", ACCRUAL_EPOCH_MS="10000")
        store = ShardStore(shard_path(tmp_path / "state", 0))
        kept.append(sum(1 for _ in store.scan(keys.OUTBOX + T.encode())))
        store.close()
    assert 5 == len(books.records("journal"))
    assert [1] * 5 == kept  # a sink that loses its last line later is completed by what is kept


def test_a_sink_that_holds_more_than_was_ever_said_is_not_this_states(parts):
    add(parts, T, 2)
    parts.outbox.in_sink({T: 2, U: 0})
    with pytest.raises(StateBehind, match=f"{T} holds 3 records of shard 3, this state has said 2: it is older than"):
        parts.outbox.in_sink({T: 3})
    with pytest.raises(StateBehind, match=f"{U} holds 1 records"):
        parts.outbox.in_sink({U: 1})
