"""What output partitions hold already: the sequence of the last committed record of each."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.errors import SinkAway, SinkUnusable
from connectors.kafka.asking import ANSWER_S, MISSING, answered
from connectors.kafka.client import Brokers
from connectors.kafka.refusal import said

SEQUENCE = "sequence"  # header of every record of ours
FIRST_LOOK = 100  # offsets from the end; ten times as many when only markers and aborted records are there
_IDLE = (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError._TRANSPORT)  # no group is joined; brokers are waited for
Place = tuple[str, int]  # topic, partition


def last_sequences(brokers: Brokers, places: Iterable[Place]) -> dict[Place, int]:
    """0 where there is none. Only after `init_transactions` it is the last word: before, a commit in flight is invisible.

    SinkUnusable when no broker answers, a topic is missing, or a last record is none of ours.
    """
    consumer = _consumer(brokers)
    found: dict[Place, int] = {}
    try:
        spans = {place: _span(brokers, consumer, place) for place in places}
        look = FIRST_LOOK
        while left := [place for place in spans if place not in found]:
            begins = {place: max(spans[place][0], spans[place][1] - look) for place in left}
            there = _records(consumer, {place: begin for place, begin in begins.items() if begin < spans[place][1]})
            found |= {place: records[-1][0] for place, records in there.items() if records}
            found |= {place: 0 for place in left if place not in found and begins[place] == spans[place][0]}
            look *= 10
        return found
    except KafkaException as error:
        brokers.refuses(error, "read the output topics")
        raise SinkAway(f"the output topics at {brokers} cannot be read: {said(error)}") from error
    finally:
        consumer.close()


def values_from(brokers: Brokers, place: Place, sequence: int, last: int) -> dict[int, bytes]:
    """The committed records of a place from a sequence on, by sequence; `last` is that of the last one."""
    consumer = _consumer(brokers)
    try:
        (low, high), look = _span(brokers, consumer, place), 2 * (last - sequence) + FIRST_LOOK
        while True:
            begin = max(low, high - look)
            found = {one: value for one, value in _records(consumer, {place: begin})[place] if one >= sequence}
            if sequence in found or begin == low:
                return found
            look *= 10
    except KafkaException as error:
        brokers.refuses(error, "read the output topics")
        raise SinkAway(f"the output topics at {brokers} cannot be read: {said(error)}") from error
    finally:
        consumer.close()


def _consumer(brokers: Brokers) -> Consumer:
    return brokers.made(
        Consumer, group_id="accrual-tail", enable_auto_commit=False, auto_offset_reset="error",
        isolation_level="read_committed", enable_partition_eof=True, fetch_wait_max_ms=10,
    )  # fmt: skip


def _span(brokers: Brokers, consumer: Consumer, place: Place) -> tuple[int, int]:
    try:
        at = TopicPartition(*place)
        low, high = answered(lambda: consumer.get_watermark_offsets(at, timeout=ANSWER_S, cached=False))
    except KafkaException as error:
        brokers.refuses(error, f"read topic {place[0]}")
        # Anything else is a broker that is away for now: a service that is ended by it would have to be started by hand.
        kind = SinkUnusable if error.args[0].code() in MISSING else SinkAway
        raise kind(f"partition {place[1]} of {place[0]} cannot be read: {said(error)}") from error
    return low, high


def _records(consumer: Consumer, begins: dict[Place, int]) -> dict[Place, list[tuple[int, bytes]]]:
    """Sequence and content of each record of each partition from an offset on."""
    found: dict[Place, list[tuple[int, bytes]]] = {place: [] for place in begins}
    left = set(begins)
    consumer.assign([TopicPartition(*place, begin) for place, begin in begins.items()])
    while left:
        message = consumer.poll(ANSWER_S)
        if message is None:
            topic, partition = min(left)
            raise SinkAway(f"partition {partition} of {topic} sends nothing for {ANSWER_S} s: are its brokers up?")
        place, error = (message.topic() or "", message.partition() or 0), message.error()
        if error is None:
            found[place].append((_sequence(place, message), message.value() or b""))
        elif error.code() == KafkaError._PARTITION_EOF:
            left.discard(place)
        elif not error.retriable() and error.code() not in _IDLE:
            raise KafkaException(error)
    return found


def _sequence(place: Place, message: Message) -> int:
    header = dict(message.headers() or ()).get(SEQUENCE)
    if not isinstance(header, bytes) or not header.isdigit():
        raise SinkUnusable(
            f"partition {place[1]} of {place[0]} holds a record that is none of ours, at offset {message.offset()}: name another "
            "Kafka, or make the topic anew"
        )
    return int(header)
