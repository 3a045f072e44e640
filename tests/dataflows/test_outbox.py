"""The outbox: numbered without a gap, kept until the barrier has proven that it was sent."""

from connectors.batch import Emitted

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
