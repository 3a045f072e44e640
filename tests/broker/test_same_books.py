"""Files and a real Kafka give the same books for the same input."""

import pytest

from accounting.books import Books
from connectors.kafka.client import Brokers
from ops.books_digest import journal_books
from ops.job import Job
from ops.run import run
from ops.settings import load
from schemas.instants import parse_instant
from tests.support import kafka
from tests.support.feed import Drawing
from tests.support.judged import run_feed
from tests.support.kafka_feed import books, sayable, topics


def run_on_kafka(brokers: Brokers, state, as_of: str | None, shards: int) -> None:
    until = parse_instant(as_of) if as_of else None
    run(Job.of(str(brokers), str(brokers), state, until, load(shards=shards, batch_rows=50, epoch_ms=50)))


# From ten shards on the order of their names is another one than that of their numbers.
@pytest.mark.parametrize("seed, shards", [(1, 4), (2, 12)])
def test_files_and_kafka_give_the_same_books(brokers, tmp_path, seed, shards):
    feed = Drawing(seed, rich=True, modified=True, billed=True).feed()
    topics(brokers, 4, shards)
    for topic, number, lines in sayable(feed.write(tmp_path / "in"), tmp_path / "said"):
        kafka.sent(brokers, topic, *[sent for _, sent in lines], partition=number)
    run_feed(tmp_path / "said", tmp_path / "files", feed.as_of, shards=shards)
    run_on_kafka(brokers, tmp_path / "state", feed.as_of, shards)
    digest = journal_books(tmp_path / "files").digest()
    assert Books().digest() != digest  # there are books
    assert digest == books(brokers, shards, tmp_path / "out")
    run_on_kafka(brokers, tmp_path / "state", feed.as_of, shards)  # again: nothing is said twice
    assert digest == books(brokers, shards, tmp_path / "out")
