"""The sink on a real Kafka: each record once, whoever died in the middle."""

from dataclasses import replace

import pytest

from connectors.batch import Emitted
from connectors.errors import SinkAway, SinkUnusable
from connectors.kafka import asking, tail
from connectors.kafka.client import Brokers
from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from connectors.kafka.registry import FileRegistry
from connectors.kafka.sink import KafkaSink
from connectors.kafka.tail import last_sequences
from connectors.kafka.transactions import fence_off
from schemas.topics import EXCEPTIONS, OUTPUTS
from tests.support import kafka


@pytest.fixture(autouse=True, scope="module")
def topics():
    """The output topics: tests write to shards of their own."""
    where, there = kafka.brokers(), kafka.topics_of(kafka.brokers())
    for topic in OUTPUTS:
        if topic not in there:
            kafka.created(where, topic, 64)
    yield
    if kafka.named() is not None:  # others make them as they need them
        kafka.without_topics(where)


@pytest.fixture
def shard():
    return kafka.shard()


def sink(shard: int):
    """The shard's partition of the sink, as a process of its own would have it."""
    keys = tuple(map(str, range(64)))
    return KafkaSink(kafka.brokers(), keys, "test", FileRegistry()).build_part("sink", str(shard), None)


def said(shard: int, first: int, count: int) -> Emitted:
    return Emitted(shard, EXCEPTIONS, first, tuple(record(shard, first + one) for one in range(count)))


def record(shard: int, sequence: int) -> bytes:
    return (
        f'{{"exception_id":"x{sequence}","shard":{shard},"sequence":{sequence},"class":"invalid","severity":"error",'
        f'"owner":"o","status":"open","customer_id":"c","reason":"because"}}'
    ).encode()


def sequences(shard: int) -> list[int]:
    """What a reader of committed records finds: in the headers and in the records the same."""
    messages = kafka.held(kafka.brokers(), EXCEPTIONS, shard)
    read = Messages([one.value() for one in messages], Forms(EXCEPTIONS, FileRegistry())).outcomes(EXCEPTIONS)
    headers = [dict(one.headers()) for one in messages]
    assert [int(one["sequence"]) for one in headers] == [one.sequence for one in read]
    assert {(str(shard).encode(), b"c")} >= {
        (one["shard"], key) for one, key in zip(headers, [m.key() for m in messages], strict=True)
    }
    return [one.sequence for one in read]


def sent_and_not_committed(part, item: Emitted):
    """What a process has done when it dies in the middle; gives its producer."""
    producer = part._transactions._producer
    producer.begin_transaction()
    part.write_batch([item])
    assert part.gather()
    part.speak(part._transactions._send)
    return producer


def test_what_is_said_in_an_epoch_is_there_when_it_closes(shard):
    part = sink(shard)
    part.write_batch([said(shard, 1, 2), said(shard, 3, 1)])
    assert [] == sequences(shard)
    part.snapshot()
    assert [1, 2, 3] == sequences(shard)
    part.snapshot()  # nothing was said: no transaction
    assert [1, 2, 3] == sequences(shard)


def test_what_is_there_already_is_dropped_when_it_is_said_again(shard):
    first = sink(shard)
    first.write_batch([said(shard, 1, 3)])
    first.snapshot()
    second = sink(shard)
    second.write_batch([said(shard, 1, 3), said(shard, 4, 1)])
    second.snapshot()
    third = sink(shard)
    third.write_batch([said(shard, 2, 4)])
    third.snapshot()
    assert [1, 2, 3, 4, 5] == sequences(shard)


def test_what_was_sent_and_not_committed_is_not_there_and_is_sent_again(shard):
    dying = sink(shard)
    assert 0 == sent_and_not_committed(dying, said(shard, 1, 2)).flush(
        30
    )  # in the log, in no transaction that is committed
    assert [] == sequences(shard)
    after = sink(shard)
    after.write_batch([said(shard, 1, 3)])
    after.snapshot()
    assert [1, 2, 3] == sequences(shard)


def test_a_second_process_for_the_shard_fences_the_first_one_off(shard):
    first = sink(shard)
    first.write_batch([said(shard, 1, 1)])
    first.snapshot()
    second = sink(shard)
    first.write_batch([said(shard, 2, 1)])
    with pytest.raises(SinkUnusable, match=f"another process writes for shard {shard} "):
        first.snapshot()
    second.write_batch([said(shard, 2, 1)])
    second.snapshot()
    assert [1, 2] == sequences(shard)


def test_who_is_fenced_off_in_the_middle_of_what_he_says_does_not_come_again(shard):
    first = sink(shard)
    sink(shard)
    # So many that the broker's answer to the first ones meets the producing of the last ones.
    first.write_batch([said(shard, 1, 200_000)])
    with pytest.raises(SinkUnusable, match=f"another process writes for shard {shard} "):
        first.snapshot()
    assert [] == sequences(shard)


def test_a_gap_is_a_broken_invariant(shard):
    part = sink(shard)
    part.write_batch([said(shard, 2, 1)])
    with pytest.raises(Exception, match="the sink's sequence has no gap"):
        part.snapshot()


def test_the_last_record_is_found_behind_many_that_were_aborted(shard):
    part = sink(shard)
    part.write_batch([said(shard, 1, 2)])
    part.snapshot()
    for _ in range(3):
        producer = sent_and_not_committed(part, said(shard, 3, 150))
        producer.flush(30)
        producer.abort_transaction(30)
    assert {(EXCEPTIONS, shard): 2} == last_sequences(kafka.brokers(), [(EXCEPTIONS, shard)])


def test_a_partition_with_records_of_somebody_else_is_refused(shard):
    kafka.sent(kafka.brokers(), EXCEPTIONS, b"theirs", partition=shard)
    with pytest.raises(SinkUnusable, match="holds a record that is none of ours, at offset 0"):
        sink(shard)


def test_a_topic_that_is_missing_is_named(shard):
    with pytest.raises(SinkUnusable, match=r"partition 0 of nowhere.* cannot be read"):
        last_sequences(kafka.brokers(), [("nowhere", 0)])


def test_brokers_that_are_away_when_the_end_is_asked_for_are_waited_for_and_end_no_service(monkeypatch):
    monkeypatch.setattr(tail, "ANSWER_S", 1)
    monkeypatch.setattr(asking, "ANSWER_S", 1)
    with pytest.raises(SinkAway, match=r"partition 0 of revenue.journal cannot be read"):
        last_sequences(Brokers("127.0.0.1:9"), [("revenue.journal", 0)])


def test_what_is_said_for_the_first_time_and_is_there_already_is_refused(shard):
    """Another run has written there with a copy of the state: nobody knows which of the two records is right."""
    first = sink(shard)
    first.write_batch([said(shard, 1, 3)])
    first.snapshot()
    second = sink(shard)
    second.write_batch([replace(said(shard, 3, 2), new=True)])
    with pytest.raises(SinkUnusable, match="holds record 3 already, and this run says it for the first time"):
        second.snapshot()
    assert [1, 2, 3] == sequences(shard)


@pytest.mark.parametrize("other", [1, 3])
def test_what_is_said_again_and_is_there_with_other_content_is_refused(shard, other):
    first = sink(shard)
    first.write_batch([said(shard, 1, 3)])
    first.snapshot()
    again = list(said(shard, 1, 4).lines)
    again[other - 1] = again[other - 1].replace(b"because", b"why not")
    second = sink(shard)
    second.write_batch([replace(said(shard, 1, 4), lines=tuple(again))])
    with pytest.raises(SinkUnusable, match=f"holds another record {other} than this state has said"):
        second.snapshot()
    assert [1, 2, 3] == sequences(shard)


def test_a_greeting_opens_the_part_of_the_sink_and_writes_nothing(shard):
    first, hangs = sink(shard), sink(shard)
    first.write_batch([said(shard, 1, 1)])
    with pytest.raises(SinkUnusable, match="another process writes for shard"):
        first.snapshot()
    hangs.write_batch([Emitted(shard, EXCEPTIONS, 1, ())])
    hangs.snapshot()
    assert [] == sequences(shard)


def test_what_the_shards_of_a_process_say_is_one_transaction_under_one_id(shard):
    process = KafkaSink(kafka.brokers(), tuple(map(str, range(64))), "test", FileRegistry())
    other = kafka.shard()
    parts = [process.build_part("sink", str(number), None) for number in (shard, other)]
    for part, number in zip(parts, (shard, other), strict=True):
        part.write_batch([said(number, 1, 2)])
    fence_off(kafka.brokers(), "test", 64)
    with pytest.raises(SinkUnusable, match=f"another process writes for shard {shard}, {other} "):
        parts[0].snapshot()
    assert [[], []] == [sequences(shard), sequences(other)]


def test_the_first_part_that_closes_closes_the_epoch_of_all(shard):
    process = KafkaSink(kafka.brokers(), tuple(map(str, range(64))), "test", FileRegistry())
    other = kafka.shard()
    parts = [process.build_part("sink", str(number), None) for number in (shard, other)]
    for part, number in zip(parts, (shard, other), strict=True):
        part.write_batch([said(number, 1, 2)])
    parts[1].snapshot()
    assert [[1, 2], [1, 2]] == [sequences(shard), sequences(other)]
    parts[0].snapshot()  # nothing is left to say
    parts[0].write_batch([said(shard, 3, 1)])
    parts[1].close()  # says nothing any more, and keeps nobody
    parts[0].snapshot()
    assert [[1, 2, 3], [1, 2]] == [sequences(shard), sequences(other)]
