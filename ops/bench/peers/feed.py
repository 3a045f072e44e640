"""The benchmark's feed as the peers get it: keyed by customer, with a last event in each partition, and as JSON too."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from confluent_kafka import Producer

from connectors.kafka.client import Brokers
from connectors.kafka.registry import FileRegistry
from connectors.kafka.topics import TopicAdmin, TopicForm
from connectors.kafka.written import Writer
from ops.bench.feed import DAYS, PRICE_MILLIS, START, Draw, Drawn, FeedSize, contract
from ops.bench.message import encoder
from schemas.topics import CONTRACTS, USAGE

KEPT = {"cleanup.policy": "delete", "retention.ms": "-1"}  # the feed's event times lie in the past
FLUSH_S = 120
DIGITS = Decimal("0.000001")  # of a sum that is a float; the feed has two
# The last event of each partition, after all windows, for engines that close none by themselves; of a customer of its own.
LAST = "last-"
LAST_AT = START + timedelta(days=DAYS + 10)
LAST_DAY = LAST_AT.date().isoformat()


class Window(NamedTuple):
    """What one customer used of one meter on one day."""

    customer: str
    meter: str
    day: str  # of UTC, ISO


class Result(NamedTuple):
    """What is to be said of a window."""

    events: int
    units: Decimal
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class PeerFeed:
    """Topics that hold a feed, and what the job makes of it."""

    usage: str  # Avro in Confluent's wire format
    usage_json: str  # the same events as JSON
    contracts: str
    contracts_json: str
    lines: int
    expected: dict[Window, Result]


def produce(brokers: Brokers, size: FeedSize, partitions: int, prefix: str) -> PeerFeed:
    """Make the topics `<prefix>.usage` and so on, and fill them. OSError when they are there or do not take it all."""
    usage, usage_json, contracts, contracts_json = names = [
        f"{prefix}.{name}" for name in ("usage", "usage.json", "contracts", "contracts.json")
    ]
    if len(TopicAdmin(brokers).create(tuple(TopicForm(name, partitions, KEPT) for name in names), 1)) < len(names):
        raise OSError(f"{brokers} has topics of the peers already: delete {', '.join(names)}, or name a fresh Kafka")
    producer = Producer(brokers.client(acks="all", linger_ms=20))

    def send(topic: str, value: bytes, customer: int, key: str) -> None:
        while True:
            try:
                producer.produce(topic, value, key, customer % partitions)
                break
            except BufferError:
                producer.poll(0.1)

    writer = Writer(CONTRACTS, FileRegistry())
    for customer in range(size.customers):
        terms = json.dumps(contract(customer)).encode()
        send(contracts, writer.message(terms).value, customer, f"cust-{customer}")
        send(contracts_json, terms, customer, f"cust-{customer}")
    producer.flush(FLUSH_S)  # there before any usage, by the clock of the brokers too
    avro = encoder(FileRegistry().number(USAGE))
    for one in Drawn(size):
        send(usage, avro(one), one.customer, f"cust-{one.customer}")
        send(usage_json, _json(one), one.customer, f"cust-{one.customer}")
    for partition in range(partitions):
        one = Draw(size.events + partition, size.customers + partition, 0, 0, LAST_AT)
        send(usage, avro(one), partition, f"cust-{one.customer}")
        send(usage_json, _json(one), partition, f"cust-{one.customer}")
    if left := producer.flush(FLUSH_S):
        raise OSError(f"{left} records are not acknowledged in {FLUSH_S} s")
    return PeerFeed(usage, usage_json, contracts, contracts_json, *sums(size))


def _json(draw: Draw) -> bytes:
    """As the Avro record has it: the time in microseconds, the decimal as text."""
    record = draw.record()
    micros = (record["event_time"] - START) // timedelta(microseconds=1) + int(START.timestamp()) * 1_000_000
    return json.dumps({**record, "quantity": str(record["quantity"]), "event_time": micros}).encode()


def sums(size: FeedSize) -> tuple[int, dict[Window, Result]]:
    """How many messages the feed is, and the result of each window."""
    counts: defaultdict[Window, int] = defaultdict(int)
    hundredths: defaultdict[Window, int] = defaultdict(int)
    lines = 0
    for one in _unique(drawn := Drawn(size)):
        window = Window(f"cust-{one.customer}", f"api{one.meter}", one.at.date().isoformat())
        counts[window] += 1
        hundredths[window] += one.hundredths
    lines = drawn.expected().lines
    rate = Decimal(PRICE_MILLIS).scaleb(-3)
    return lines, {
        window: Result(count, Decimal(hundredths[window]).scaleb(-2), rate) for window, count in counts.items()
    }


def _unique(drawn: Drawn) -> Iterator[Draw]:
    newest = -1
    for one in drawn:
        if one.number > newest:  # a duplicate repeats an earlier one
            newest = one.number
            yield one
