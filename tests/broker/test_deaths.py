"""Kill -9 of the processor at random moments and restarts of the broker while it works: nothing lost, nothing doubled.

A short cut runs always; ACCRUAL_KILLS=100 ACCRUAL_BOUNCES=20 runs the long one. What becomes of a feed is judged by an
undisturbed run on files, and that one by the oracle.
"""

import itertools
import os
import random
from pathlib import Path

import pytest

from connectors.kafka.control_writer import ControlWriter
from connectors.kafka.registry import FileRegistry
from ops.books_digest import journal_books
from ops.broker.apache import ApacheKafka
from tests.oracle import Journal, compute
from tests.support import kafka
from tests.support.feed import Drawing, Feed
from tests.support.judged import open_exceptions, problems, run_feed
from tests.support.kafka_feed import awaited, sayable, topics, write_said
from tests.support.service import Service, ended_within, serviced

KILLS = int(os.environ.get("ACCRUAL_KILLS", "8"))
BOUNCES = int(os.environ.get("ACCRUAL_BOUNCES", "2"))
SHARDS = 3
LIFE_S = 4.0  # the longest that a process lives; it is up after one or two seconds
SETTINGS = {"epoch_ms": 20, "batch_rows": 15}


def feed_of(seed: int) -> Feed:
    """The first from a seed on whose books no order of arrival changes; without closes, which do."""
    for number in itertools.count(seed):
        feed = Drawing(number, rich=True, modified=True, billed=True, events=1_500).feed()
        feed.topics.pop("control.events", None)
        if feed.as_of and len(feed.topics["usage.events"]) == 3:
            return feed
    raise AssertionError("a count has no end")


def judged_files(feed: Feed, root: Path) -> dict[tuple[str, int], list[bytes]]:
    """The messages by topic and partition, once the books of files are found right, in root/files."""
    messages = {
        (topic, number): [sent for _, sent in lines]
        for topic, number, lines in sayable(feed.write(root / "in"), root / "said")
    }
    expected = compute(str(root / "said"), feed.as_of)
    assert not expected.order_dependent
    result = run_feed(root / "said", root / "files", feed.as_of, shards=SHARDS)
    assert [] == problems(root / "said", root / "files", feed.as_of, result)
    return messages


def send_some(service: Service, left: dict[tuple[str, int], list[bytes]], share: float) -> None:
    """The next part of what every partition has left."""
    for (topic, partition), messages in left.items():
        count = len(messages) if share >= 1 else round(len(messages) * share)
        if count:
            kafka.sent(service.brokers, topic, *messages[:count], partition=partition)
            del messages[:count]


def still_there(before: dict[str, bytes], out: Path) -> dict[str, bytes]:
    """Every record that was there is there, byte for byte, in its place; what is there now."""
    now = {str(path.relative_to(out)): path.read_bytes() for path in out.glob("*/*.jsonl")}
    for name, text in before.items():
        assert text == now[name][: len(text)], name
    return now


@pytest.mark.parametrize("seed", [int(os.environ.get("ACCRUAL_SEED", "1"))])
def test_the_books_survive_deaths_of_the_processor_and_of_the_broker(
    kafka_server: ApacheKafka, brokers, tmp_path: Path, seed: int
) -> None:
    print(f"seed {seed}, {KILLS} kills, {BOUNCES} restarts of the broker")
    rng = random.Random(seed)
    feed = feed_of(seed)
    left = judged_files(feed, tmp_path)
    topics(brokers, 3, SHARDS)
    faults = ["kill"] * KILLS + ["bounce"] * BOUNCES
    rng.shuffle(faults)
    read = dict[str, bytes]()
    with serviced(brokers, tmp_path / "state", SHARDS, **SETTINGS) as service:
        running = service.start()
        for number, fault in enumerate(faults):
            send_some(service, left, rng.choice((0.0, 1 / 8, 2 / (len(faults) - number))))
            if fault == "kill":
                assert not ended_within(running, rng.uniform(0, LIFE_S)), service.told
                running.kill()
                running.wait()
                running = service.start()
            else:
                getattr(kafka_server, rng.choice(("stop", "kill")))()
                kafka_server.start()
            if number % 10 == 9:
                write_said(brokers, SHARDS, tmp_path / "seen")
                read = still_there(read, tmp_path / "seen")
        send_some(service, left, 1)
        end = ControlWriter(brokers, FileRegistry())
        end.write({"kind": "clock", "as_of": feed.as_of, "event_time": feed.as_of})
        awaited(brokers, "control.applied", SHARDS, SHARDS, 120)
        running.terminate()
        assert 0 == running.wait(10), service.told
        service.said("revenue.recalculations")
    write_said(brokers, SHARDS, tmp_path / "kafka")
    still_there(read, tmp_path / "kafka")
    # Entry ids that come twice, sequences with a gap; Avro's amounts all have four digits, whatever their currency.
    assert [] == [
        one for one in map(str, Journal.read(str(tmp_path / "kafka")).problems) if not one.endswith(" digits")
    ]
    assert journal_books(tmp_path / "files").digest() == journal_books(tmp_path / "kafka").digest()
    assert open_exceptions(tmp_path / "files") == open_exceptions(tmp_path / "kafka")
