"""Bad messages on a real Kafka: one exception each, with coordinates and payload, and neighbours are booked as without."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from confluent_kafka import Producer

from connectors.kafka.client import Brokers
from connectors.kafka.registry import FileRegistry
from ops.books_digest import journal_books
from ops.broker.apache import ApacheKafka
from schemas.topics import CONTRACTS, CONTROL, EXCEPTIONS, JOURNAL, REFERENCE, USAGE
from tests.support.kafka_feed import message, said, topics
from tests.support.process import accrual, environment

SHARDS = 2
ENVIRONMENT = environment(ACCRUAL_SHARDS=str(SHARDS))
NUMBER = FileRegistry().number


def contract(name: str) -> dict:
    return {
        "event_id": name, "source": "crm", "event_time": "2026-01-01T00:00:00Z", "contract_id": name, "version": 1,
        "kind": "activated", "effective_at": "2026-01-01T00:00:00Z", "customer_id": name, "entity": "us",
        "currency": "USD", "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z",
        "lines": [{"line_id": "u", "kind": "usage", "rate": {
            "meter": "m", "aggregation": "sum", "billing_period": "month", "model": "per_unit", "unit_price": "1"}}],
    }  # fmt: skip


def usage(name: str, customer: str) -> dict:
    return {"event_id": name, "source": "app", "customer_id": customer, "meter": "m", "quantity": "3",
            "event_time": "2026-01-05T10:00:00Z"}  # fmt: skip


def clock(minute: int) -> dict:
    at = f"2026-01-10T00:{minute:02d}:00Z"
    return {"kind": "clock", "as_of": at, "event_time": at}


GOOD = {
    USAGE: usage("spoilt", "spoilt"),
    CONTRACTS: contract("spoilt"),
    CONTROL: {"event_id": "spoilt", "kind": "clock", "as_of": "2026-01-02T00:00:00Z",
              "event_time": "2026-01-02T00:00:00Z"},
}  # fmt: skip


def good(topic: str) -> bytes:
    value = message(topic, json.dumps(GOOD[topic]).encode())
    assert value is not None
    return value


def other(topic: str) -> bytes:
    """The head of a message of another topic."""
    return b"\x00" + NUMBER(REFERENCE).to_bytes(4, "big")


CASES: dict[str, tuple[Callable[[str], bytes | None], str]] = {
    "no magic byte": (lambda topic: good(topic)[5:], "undecodable"),
    "another magic byte": (lambda topic: b"\x01" + good(topic)[1:], "undecodable"),
    "JSON": (lambda topic: json.dumps(GOOD[topic]).encode(), "undecodable"),
    "deep JSON": (lambda topic: b"[" * 100_000 + b"]" * 100_000, "undecodable"),
    "unknown schema": (lambda topic: b"\x00\x7f\xff\xff\x01" + good(topic)[5:], "schema_unknown"),
    "another topic's schema": (lambda topic: other(topic) + good(topic)[5:], "schema_unknown"),
    "cut in its head": (lambda topic: good(topic)[:3], "undecodable"),
    "cut behind its head": (lambda topic: good(topic)[:5], "undecodable"),
    "cut": (lambda topic: good(topic)[:-1], "undecodable"),
    "with a byte too much": (lambda topic: good(topic) + b"\x00", "undecodable"),
    "two records": (lambda topic: good(topic) + good(topic)[5:], "undecodable"),
    # The first field is a text (of control.events: one that may be null); 100,000,000 as Avro writes it.
    "claims 100 MB": (
        lambda topic: good(topic)[:5] + b"\x02" * (topic == CONTROL) + b"\x80\x84\xaf\x5f" + b"abc",
        "undecodable",
    ),
    "invalid UTF-8": (lambda topic: good(topic).replace(b"spoilt", b"sp\xff\xfelt"), "undecodable"),
    "a tombstone": (lambda topic: None, "undecodable"),
    "no bytes": (lambda topic: b"", "undecodable"),
    "almost 1 MB": (lambda topic: b"\xff" * 1_048_000, "undecodable"),
}  # fmt: skip


@dataclass
class Spoilt:
    """What a run made of it."""

    sent: dict[tuple[str, str], int]  # offset by topic and case
    exceptions: list[dict]
    journal: list[bytes]
    printed: dict
    said: str


def put(where: Brokers, topic: str, values: list[bytes | None]) -> None:
    """Without keys, each acknowledged."""
    producer, failed = Producer(where.client(**{"message.max.bytes": 2_000_000})), []
    for value in values:
        producer.produce(topic, value, None, 0, on_delivery=lambda error, _: failed.append(error) if error else None)
    assert 0 == producer.flush(60)
    assert [] == failed


def neighbours(topic: str) -> list[dict]:
    """A good record before each case, and one behind the last."""
    numbers = range(len(CASES) + 1)
    if topic == USAGE:
        return [usage(f"e{number}", f"c{number}") for number in numbers]
    return [contract(f"c{number}") if topic == CONTRACTS else clock(number) for number in numbers]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    place = tmp_path_factory.mktemp("spoilt")
    kafka_server = ApacheKafka(place / "kafka").start()
    where = Brokers(kafka_server.address)
    topics(where, 2, SHARDS)
    sent = {}
    for topic in (CONTRACTS, USAGE, CONTROL):
        lines = [json.dumps(one).encode() for one in neighbours(topic)]
        values = [message(topic, lines[0])]
        for line, (name, (spoil, _)) in zip(lines[1:], CASES.items(), strict=True):
            sent[topic, name] = len(values)
            values += [spoil(topic), message(topic, line)]
        put(where, topic, values)
        (place / "in").mkdir(exist_ok=True)
        (place / "in" / f"{topic}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    command = ["run", "--source", str(where), "--sink", str(where), "--state", str(place / "state"), "--json"]
    ended = accrual(*command, cwd=place, env=ENVIRONMENT)
    assert 0 == ended.code, ended.said
    again = accrual(*command, cwd=place, env=ENVIRONMENT)
    assert 0 == again.code, again.said
    exceptions = [json.loads(line) for lines in said(where, EXCEPTIONS, SHARDS) for line in lines]
    journal = [line for lines in said(where, JOURNAL, SHARDS) for line in lines]
    kafka_server.stop()
    without = accrual("run", "--source", "files:in", "--sink", "files:out", cwd=place, env=ENVIRONMENT)
    assert 0 == without.code, without.said
    (place / "said" / JOURNAL).mkdir(parents=True)
    (place / "said" / JOURNAL / "0.jsonl").write_bytes(b"".join(line + b"\n" for line in journal))
    return place, Spoilt(sent, exceptions, journal, json.loads(ended.printed), ended.said)


@pytest.mark.parametrize("topic", [USAGE, CONTRACTS, CONTROL])
@pytest.mark.parametrize("case", CASES)
def test_a_bad_message_is_one_exception_with_its_place_and_its_bytes(spoilt, topic, case):
    spoil, cls = CASES[case]
    place = {"topic": topic, "partition": 0, "offset": spoilt[1].sent[topic, case]}
    (found,) = [one for one in spoilt[1].exceptions if one["source"] == place]
    assert (cls, "open") == (found["class"], found["status"])
    assert (spoil(topic) or b"") == base64.b64decode(found["payload"])
    assert found["reason"]


def test_there_is_no_exception_besides(spoilt):
    assert 3 * len(CASES) == len(spoilt[1].exceptions) == len({one["exception_id"] for one in spoilt[1].exceptions})


def test_neighbours_are_booked_as_without_them(spoilt):
    place, found = spoilt
    entries = [json.loads(line) for line in found.journal]
    assert sorted(f"c{number}" for number in range(len(CASES) + 1)) == sorted(one["customer_id"] for one in entries)
    assert journal_books(place / "out").digest() == journal_books(place / "said").digest()


def test_usage_is_counted_or_excepted(spoilt):
    printed = spoilt[1].printed
    assert (len(CASES) + 1, len(CASES)) == (printed["counted"], printed["rejected"])
    assert 2 * len(CASES) + 1 == printed["read"]


def test_nothing_of_it_is_told_but_the_result(spoilt):
    assert "Traceback" not in spoilt[1].said
    assert "rdkafka" not in spoilt[1].said
