"""From the headers of a message to everything that it causes, through a real Kafka."""

import json

import pytest

from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from connectors.kafka.registry import FileRegistry
from ops.job import Job
from ops.run import run
from ops.settings import load
from schemas.topics import BILLING, CONTRACTS, CONTROL, EXCEPTIONS, JOURNAL, RECALCULATIONS, REFERENCE, USAGE
from tests.support import kafka
from tests.support.driven import bill, contract, reference, usage
from tests.support.kafka_feed import message, topics

SHARDS = 2
FIRST, SECOND, THIRD = (f"00-{digit * 32}-{digit * 16}-01" for digit in "abc")
MALFORMED = (FIRST.upper(), FIRST + "-00", f"00-{'0' * 32}-{'a' * 16}-01", "ff" + FIRST[2:], b"\xff\x00", "")
SIGNED = contract("2025-01-01T00:00:00Z", "c1", price="2", fixed="a:365")
INVOICE = bill("2025-01-05T00:00:00Z", "b1", net="a:100", invoice="i1", k="k")
USED = usage("2025-01-02T10:00:00Z", "u1", n="5")


@pytest.fixture
def traced(brokers, tmp_path):
    """A Kafka with the topics, and runs from it into it."""
    topics(brokers, 1, SHARDS)
    return Traced(brokers, tmp_path / "state")


class Traced:
    """What is sent with which headers, and what comes of it."""

    def __init__(self, brokers, state):
        self.brokers, self.state = brokers, state

    def send(self, topic, record, **headers):
        value = record if isinstance(record, bytes) else message(topic, json.dumps(record).encode())
        assert value is not None, record
        # A keyword has no hyphen.
        named = {name.replace("__", "-"): value for name, value in headers.items()}
        kafka.sent(self.brokers, topic, value, headers=named)

    def run(self):
        """To the end of what is there."""
        settings = load(shards=SHARDS, epoch_ms=50)
        run(Job.of(str(self.brokers), str(self.brokers), self.state, None, settings))
        return self

    def said(self, topic):
        """(record, its trace by the headers of its message) of every shard. The record and they say the same."""
        found = []
        for shard in range(SHARDS):
            messages = kafka.held(self.brokers, topic, shard)
            read = Messages([one.value() for one in messages], Forms(topic, FileRegistry()))
            for row, one in enumerate(messages):
                record, headers = json.loads(read.payload(row)), dict(one.headers())
                names = {"correlation_id": record["correlation_id"], "traceparent": record["traceparent"]}
                stated = {name: value.encode() for name, value in names.items() if value is not None}
                place = {"shard": str(shard).encode(), "sequence": str(record["sequence"]).encode()}
                assert {**place, **stated} == headers
                found.append(record)
        return found

    def names(self, topic):
        """Kind or class, correlation id and trace of what was said, each once."""
        return {
            (one.get("kind") or one.get("class") or one["cause"], one["correlation_id"], one["traceparent"])
            for one in self.said(topic)
        }


def clock(at):
    return {"kind": "clock", "as_of": at, "event_time": at}


def test_what_a_message_was_sent_under_is_in_all_that_it_causes_and_in_the_headers_of_that(traced):
    traced.send(CONTRACTS, SIGNED, traceparent=FIRST, X__Correlation__ID="order-1")
    traced.send(BILLING, INVOICE, TraceParent=SECOND, correlation_id="bill-1")
    traced.send(USAGE, USED, traceparent=THIRD, correlation_id="usage-1")
    traced.send(CONTROL, clock("2025-02-01T00:00:00Z"), traceparent=THIRD)
    amended = contract("2025-02-02T00:00:00Z", "c2", version="2", effective="2025-01-15", price="3", fixed="a:365")
    traced.send(CONTRACTS, amended, correlation__id="order-2")
    traced.run()
    order, second = ("order-1", FIRST), ("order-2", None)  # the other version's trace is no one's business
    kinds = {("usage", *order), ("recognition", *order), ("billing", "bill-1", SECOND)}
    found = traced.names(JOURNAL)
    assert kinds <= found
    assert {("recognition", *second), ("billing", "bill-1", SECOND)} >= found - kinds
    assert {("amendment", *order), ("amendment", *second)} == traced.names(RECALCULATIONS)
    assert set() == traced.names(EXCEPTIONS)


def test_exceptions_name_their_message_also_one_that_nobody_can_read(traced):
    torn = message(CONTRACTS, json.dumps(SIGNED).encode())[:-1]
    traced.send(CONTRACTS, torn, traceparent=FIRST, correlation_id="torn")
    traced.send(CONTRACTS, b"\x00\x00\x00\x63\x63abc", traceparent=SECOND, correlation_id="whose")
    traced.send(CONTROL, b"no control record", traceparent=FIRST, correlation_id="stop")
    traced.send(REFERENCE, b"\x00", traceparent=THIRD)
    unknown = {**INVOICE, "contract_id": "unknown", "correlation_id": "own"}
    traced.send(BILLING, unknown, traceparent=THIRD, correlation_id="header")
    policy = {"kind": "policy", "key": "recognise", "value": "never", "event_time": "2025-01-02T00:00:00Z"}
    traced.send(CONTROL, policy, correlation_id="policy")
    traced.send(REFERENCE, reference("2025-01-01T00:00:00Z", "r1", timed="no", kind="product", id="p", ssp="1"))
    again = reference("2025-01-01T00:00:00Z", "r2", timed="no", kind="product", id="p", ssp="2")
    traced.send(REFERENCE, again, traceparent=SECOND)
    traced.send(USAGE, b"no usage", traceparent=FIRST, correlation_id="usage")
    traced.run()
    assert {
        ("undecodable", "torn", FIRST), ("schema_unknown", "whose", SECOND), ("undecodable", "stop", FIRST),
        ("undecodable", None, THIRD), ("contract_unknown", "own", THIRD), ("invalid", "policy", None),
        ("reference_conflict", None, SECOND), ("undecodable", None, None),
    } == traced.names(EXCEPTIONS)  # fmt: skip


def test_malformed_headers_are_no_trace_and_no_error(traced):
    traced.send(CONTRACTS, SIGNED, traceparent=MALFORMED[0], correlation_id=b"\xff")
    for number, text in enumerate(MALFORMED):
        one = bill("2025-01-05T00:00:00Z", f"b{number}", net="a:1", invoice=f"i{number}", k="k")
        traced.send(BILLING, one, traceparent=text, correlation_id="x" * 2_000)
    traced.send(CONTROL, clock("2025-02-01T00:00:00Z"), traceparent="")
    traced.run()
    assert {("recognition", None, None), ("billing", None, None)} == traced.names(JOURNAL)
    assert len(MALFORMED) == sum(one["kind"] == "billing" for one in traced.said(JOURNAL))
    assert set() == traced.names(EXCEPTIONS)


def test_what_is_delivered_again_with_other_headers_is_a_duplicate(traced):
    product = reference("2025-01-01T00:00:00Z", "r1", timed="no", kind="product", id="a")
    sent = ((REFERENCE, product), (CONTRACTS, SIGNED), (BILLING, INVOICE))
    for topic, record in sent:
        traced.send(topic, record, traceparent=FIRST, correlation_id="first")
    traced.send(REFERENCE, reference("2025-01-01T00:00:00Z", "r0", timed="no", kind="product", id="p"))
    traced.send(USAGE, USED, traceparent=FIRST)
    traced.send(CONTROL, clock("2025-02-01T00:00:00Z"))
    before = traced.run().said(JOURNAL)
    assert {("usage", "first", FIRST), ("recognition", "first", FIRST), ("billing", "first", FIRST)} == traced.names(
        JOURNAL
    )
    for topic, record in sent:
        traced.send(topic, record, traceparent=SECOND, correlation_id="again")
        traced.send(topic, record)
    traced.send(USAGE, USED, traceparent=SECOND)
    assert before == traced.run().said(JOURNAL)
    assert set() == traced.names(EXCEPTIONS)
    assert {("amendment", "first", FIRST)} == traced.names(RECALCULATIONS)
