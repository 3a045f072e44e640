"""A broker that dies between the last record of a transaction and its commit, or in the middle of the commit."""

import json
import threading

import pytest

from connectors.batch import Emitted
from connectors.errors import SinkAway
from connectors.kafka.registry import FileRegistry
from connectors.kafka.sink import KafkaSink
from schemas.topics import EXCEPTIONS
from tests.support.kafka_feed import said, topics

ROUNDS = 4
LINE = (
    '{{"exception_id":"x{0}","shard":0,"sequence":{0},"class":"invalid","severity":"error","owner":"o","status":"open",'
    '"customer_id":"c","reason":"because"}}'
)


def told(first: int, count: int) -> Emitted:
    """Records of the shard from a sequence on."""
    return Emitted(0, EXCEPTIONS, first, tuple(LINE.format(first + at).encode() for at in range(count)))


def opened(brokers):
    """The shard's partition of the sink, as a process of its own would have it."""
    return KafkaSink(brokers, ("0",), "test", FileRegistry()).build_part("sink", "0", None)


def closed(part) -> bool:
    """Whether the epoch could be closed; if not, nobody knows what became of it."""
    try:
        part.snapshot()
    except SinkAway:
        return False
    return True


def restarted(server) -> None:
    server.kill()
    server.start()


@pytest.mark.parametrize("moment", ["between the last record and the commit", "in the middle of the commit"])
def test_each_record_is_there_once_whatever_became_of_the_commit(kafka_server, brokers, moment):
    topics(brokers, 1, 1)
    for number in range(ROUNDS):
        part = opened(brokers)
        transactions = part._transactions
        whole = transactions._in_steps

        def interrupted(producer, call, whole=whole, number=number):
            if moment.startswith("between"):
                restarted(kafka_server)
                return whole(producer, call)
            # Some milliseconds after the request has gone out, others in each round.
            dying = threading.Timer(0.002 * number, restarted, (kafka_server,))
            dying.start()
            try:
                return whole(producer, call)
            finally:
                dying.join()

        transactions._in_steps = interrupted
        part.write_batch([told(3 * number + 1, 3)])
        closed(part)
        part = opened(brokers)  # the next process reads back what became of it, and is told the same again, and more
        part.write_batch([told(3 * number + 1, 3)])
        assert closed(part)
        there = [json.loads(line)["exception_id"] for line in said(brokers, EXCEPTIONS, 1)[0]]
        assert [f"x{one}" for one in range(1, 3 * number + 4)] == there
