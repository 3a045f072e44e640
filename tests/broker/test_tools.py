"""What Kafka's own tools, and any Avro client, see of a run."""

import io
import subprocess

import fastavro
import pytest

from connectors.kafka.registry import FileRegistry
from ops.acting.carry import send
from ops.broker.jars import java, kafka_jars
from schemas.topics import JOURNAL, TOPICS
from tests.support import kafka
from tests.support.kafka_feed import awaited, topics
from tests.support.service import CONTRACT, clock, serviced, usage

SHARDS = 2


def tool(name: str, *words: str) -> str:
    """What a tool of Apache Kafka prints."""
    command = [java(), "-cp", f"{kafka_jars()}/*", f"org.apache.kafka.tools.{name}", *words]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode("latin-1")


def lags(brokers) -> dict[tuple[str, str], tuple[str, str]]:
    """What the consumer group's tool says: (topic, partition) -> (committed offset, lag)."""
    said = tool(
        "consumer.group.ConsumerGroupCommand", "--bootstrap-server", brokers.address, "--describe", "--group", "accrual"
    )
    rows = [line.split() for line in said.splitlines() if line.startswith("accrual")]
    return {(row[1], row[2]): (row[3], row[5]) for row in rows}


@pytest.fixture
def booked(brokers, tmp_path):
    """A deployment that has booked three events and was stopped."""
    topics(brokers, 2, SHARDS)
    with serviced(brokers, tmp_path / "state", SHARDS) as service:
        running = service.start()
        service.send("contracts.events", CONTRACT)
        service.send("usage.events", *[usage(f"e{number}", "2026-01-05T10:00:00Z") for number in range(3)])
        service.send("control.events", clock("2026-01-06T00:00:00Z"))
        awaited(brokers, JOURNAL, SHARDS, 1)
        running.terminate()
        assert 0 == running.wait(10), service.told
        yield service


def test_the_groups_tool_shows_how_far_the_run_has_come(brokers, booked):
    assert ("3", "0") == lags(brokers)["usage.events", "0"]
    assert ("1", "0") == lags(brokers)["contracts.events", "0"]
    booked.send("usage.events", usage("e4", "2026-01-07T10:00:00Z"), usage("e5", "2026-01-07T10:00:00Z"))
    assert ("3", "2") == lags(brokers)["usage.events", "0"]


def test_the_console_consumer_reads_what_was_written(brokers, booked):
    said = tool(
        "consumer.ConsoleConsumer", "--bootstrap-server", brokers.address, "--topic", JOURNAL, "--from-beginning",
        "--max-messages", "1", "--isolation-level", "read_committed", "--property", "print.headers=true",
        "--property", "print.key=true", "--timeout-ms", "30000",
    )  # fmt: skip
    [entry] = booked.said(JOURNAL)
    headers, key, value = said.split("\t", 2)
    assert f"shard:{entry['shard']},sequence:1" == headers
    assert "c" == key
    assert entry["entry_id"] in value


def test_any_avro_reader_reads_the_journal_with_its_published_schema(brokers, booked):
    [entry] = booked.said(JOURNAL)
    [message] = kafka.held(brokers, JOURNAL, entry["shard"])
    assert 0 == message.value()[0]
    read = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), TOPICS[JOURNAL].avsc(), None)
    assert entry["entry_id"] == read["entry_id"]
    assert {"debit": 3, "credit": 3} == {line["side"]: line["amount"] for line in read["lines"]}


def test_master_data_is_sent_with_keys_by_which_no_date_of_it_is_compacted_away(brokers, tmp_path):
    topics(brokers, 2, SHARDS)
    (tmp_path / "reference.events.jsonl").write_text(
        '{"kind":"fx_rate","base":"EUR","quote":"USD","rate":"1.1","as_of":"2025-01-01T00:00:00Z"}\n'
        '{"kind":"fx_rate","base":"EUR","quote":"USD","rate":"1.2","as_of":"2025-01-02T00:00:00Z"}\n'
        '{"kind":"account","id":"revenue","entity":"us","number":"4000"}\n'
        "no record\n"
    )
    assert {"reference.events": 4} == send(tmp_path, brokers, FileRegistry())
    assert [
        b"fx_rate/EUR/USD//2025-01-01T00:00:00Z", b"fx_rate/EUR/USD//2025-01-02T00:00:00Z",
        b"account/revenue/us/always", b"no record 0/3",
    ] == [one.key() for one in kafka.held(brokers, "reference.events", 0)]  # fmt: skip
