"""Files and a real Kafka give the same books for the same input."""

import io
from dataclasses import replace

import fastavro
import pytest

from accounting.books import Books
from connectors.files.layout import partitions
from connectors.kafka.client import Brokers
from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from connectors.kafka.registry import FileRegistry
from connectors.kafka.topics import TopicAdmin, forms
from ops.books_digest import journal_books
from ops.broker.apache import ApacheKafka
from ops.job import Job
from ops.run import run
from ops.settings import load
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fault import Fault
from schemas.instants import parse_instant
from schemas.topics import INPUTS, OUTPUTS, REFERENCE, TOPICS
from tests.support import kafka
from tests.support.feed import Drawing
from tests.support.judged import run_feed

SHARDS = 4


@pytest.fixture
def brokers(tmp_path):
    started = ApacheKafka(tmp_path / "kafka").start()
    yield Brokers(started.address)
    started.stop()


def message(topic: str, line: bytes) -> bytes | None:
    """A line as a message; None: it is no record, so that Avro cannot say it."""
    record = decode(topic, line)
    if isinstance(record, Fault):
        return None
    out = io.BytesIO(FileRegistry().number(topic).to_bytes(5, "big"))
    out.seek(5)
    fastavro.schemaless_writer(out, fastavro.parse_schema(TOPICS[topic].avsc()), avro_record(record))
    return out.getvalue()


def send(brokers: Brokers, root, tmp_path) -> None:
    """The records of a directory, to a Kafka and to another directory: those that Avro can say."""
    made = [replace(one, partitions=4) if one.name == REFERENCE else one for one in forms(4, SHARDS, 36_500)]
    TopicAdmin(brokers).create(tuple(made), 1)
    for topic in INPUTS:
        for number, files in partitions(root, topic).items():
            lines = [line for path in files for line in path.read_bytes().splitlines()]
            sayable = [(line, sent) for line in lines if (sent := message(topic, line)) is not None]
            kafka.sent(brokers, topic, *[sent for _, sent in sayable], partition=number)
            place = tmp_path / "said" / topic / f"{number}.jsonl"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"".join(line + b"\n" for line, _ in sayable))


def run_on_kafka(brokers: Brokers, state, as_of: str | None) -> None:
    until = parse_instant(as_of) if as_of else None
    run(Job.of(str(brokers), str(brokers), state, until, load(shards=SHARDS, batch_rows=50, epoch_ms=50)))


def books(brokers: Brokers, out) -> str:
    """The digest of what is committed in the journal."""
    for topic in OUTPUTS:
        for shard in range(SHARDS):
            values = [one.value() for one in kafka.held(brokers, topic, shard)]
            messages = Messages(values, Forms(topic, FileRegistry()))
            place = out / topic / f"{shard}.jsonl"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"".join(messages.payload(row) + b"\n" for row in range(len(values))))
    return journal_books(out).digest()


@pytest.mark.parametrize("seed", [1, 2])
def test_files_and_kafka_give_the_same_books(brokers, tmp_path, seed):
    feed = Drawing(seed, rich=True, modified=True, billed=True).feed()
    send(brokers, feed.write(tmp_path / "in"), tmp_path)
    run_feed(tmp_path / "said", tmp_path / "files", feed.as_of, shards=SHARDS)
    run_on_kafka(brokers, tmp_path / "state", feed.as_of)
    digest = journal_books(tmp_path / "files").digest()
    assert Books().digest() != digest  # there are books
    assert digest == books(brokers, tmp_path / "out")
    run_on_kafka(brokers, tmp_path / "state", feed.as_of)  # again: nothing is said twice
    assert digest == books(brokers, tmp_path / "out")
