"""Kafka, the processor and Prometheus as processes of this machine, and what is done to them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.kafka.client import Brokers
from dataflows import tally
from dataflows.breakdown import Breakdown
from ops.broker.apache import ApacheKafka
from ops.broker.errors import BrokerMissing
from schemas.topics import BILLING, CONTRACTS, CONTROL, POSTINGS, REFERENCE, USAGE
from state.store import ShardStore
from tests.campaign.disturbed import all_children
from tests.observability.business import CUSTOMERS, NOBODY, Business
from tests.observability.feed import Feed
from tests.observability.prometheus import Prometheus
from tests.support.kafka_feed import topics
from tests.support.lacking import lacking
from tests.support.process import start
from tests.support.scraped import Scraped, ports_in_a_row
from tests.support.service import Service, ended_within

SHARDS, WORKERS, PARTITIONS = 4, 2, 2
SLOW_MS, FAST_MS = 10_000, 100  # between two moments of durability
LATE, DUPLICATES, WAITING, GARBAGE = 400, 400, 160, 12_000  # the garbage of one moment fills an outbox


class Scene:
    """One deployment that is watched."""

    def __init__(self, folder: Path, brokers: Brokers, broker: ApacheKafka, port: int, prometheus: Prometheus) -> None:
        self.folder, self.broker, self.prometheus, self.port = folder, broker, prometheus, port
        self._brokers = brokers
        self.business, self.feed = Business(datetime.now(UTC)), Feed(brokers, folder / "in")
        self.service = Service(
            brokers, folder / "state", SHARDS, workers=WORKERS, usage_window="hour", metrics_port=port, hang_s=600,
            kafka_group="live",
        )  # fmt: skip
        self._process: Any = None
        self._answered: set[str] = set()

    # -- the processor

    def start(self, epoch_ms: int, batch_rows: int = 20_000) -> None:
        """Start the processor."""
        self.service.environment |= {"ACCRUAL_EPOCH_MS": str(epoch_ms), "ACCRUAL_BATCH_ROWS": str(batch_rows)}
        self._process = self.service.start()

    def stop(self) -> None:
        """Stop it as one does."""
        self._process.send_signal(signal.SIGTERM)
        assert ended_within(self._process, 60), self.service.told[-4_000:]

    def workers(self) -> list[int]:
        """The process ids of its workers."""
        return all_children(self._process, WORKERS)

    def damage(self, times: int) -> None:
        """Make the counts in the state of the processor, which does not run, wrong; so many times, below zero: back."""
        for path in sorted((self.folder / "state").glob("shard-*")):
            store = ShardStore(path)
            found, told = tally.load(store), Breakdown(store)
            if told.counts.amounts:
                found.read += 7 * times
                sides = next(iter(told.counts.amounts.values()))
                sides[next(side for side in sides if side[1] == "debit")] += 100 * times
                told._changed = True
                told.save()
                tally.save(store, found)
                store.commit()
                store.sync()
            store.close()

    # -- what comes

    def past(self) -> None:
        """The month before and its close, then usage until three days ago, with all that is odd about it."""
        business, send = self.business, self.feed.send
        send(REFERENCE, [business.desk()])
        send(CONTRACTS, [business.contract(one) for one in CUSTOMERS])
        send(BILLING, [business.invoice(one, "1200.00") for one in CUSTOMERS])
        for partition in range(PARTITIONS):
            send(
                USAGE,
                business.day(business.month.replace(hour=0) - (business.month - business.month_before) / 8, 40),
                partition,
            )
            send(USAGE, business.day(business.past.replace(hour=0, minute=0), 60), partition)
        send(CONTROL, [business.close("us"), business.close("de"), business.clock(business.past)])

    def odd(self) -> None:
        """Duplicates, a conflict, late usage of the closed month, no records, and usage of somebody without a contract."""
        business, send = self.business, self.feed.send
        twice = [business.usage("acme", business.past, 1) for _ in range(DUPLICATES)]
        send(USAGE, twice + twice)
        send(USAGE, [{**twice[0], "quantity": "2"}])
        self.garbage(20)
        late = business.month - (business.month - business.month_before) / 16
        send(USAGE, [business.usage("chip", late, 1) for _ in range(LATE)])
        waiting = business.past.replace(hour=0, minute=0)
        send(USAGE, [business.usage(NOBODY, waiting, 3) for _ in range(WAITING)], partition=1)

    def amended(self, version: int, price: str) -> None:
        """Each contract at another price from its beginning on."""
        self.feed.send(
            CONTRACTS, [self.business.contract(one, version, price, self.business.past) for one in CUSTOMERS]
        )

    def present(self) -> None:
        """Usage of now in every partition, the contract that was missing, and the business date."""
        business, send = self.business, self.feed.send
        send(CONTRACTS, [business.contract(NOBODY)])
        for partition in range(PARTITIONS):
            send(USAGE, [business.usage(one, business.now) for one in CUSTOMERS], partition)
        send(CONTROL, [business.clock(business.now)])

    def many(self, count: int) -> None:
        """Usage of now, in one partition."""
        self.feed.send(USAGE, [self.business.usage("acme", self.business.now, 1) for _ in range(count)])

    def replay(self) -> subprocess.Popen[str]:
        """A job that books a month more than the service has: what is due in it is a difference."""
        business, port = self.business, str(self.port + WORKERS)
        until = (business.now + timedelta(days=45)).strftime("%Y-%m-%d")
        return start(
            "replay", "--source", str(self._brokers), "--from", "start", "--to", "end", "--compare", "--as-of", until,
            "--state", str(self.folder / "replay"), "--metrics-port", port, cwd=self.folder, env=self.service.environment,
        )  # fmt: skip

    def until_journal_stands(self) -> None:
        """Until nothing more is written to the journal for as long as a scrape takes."""
        written, value = 'accrual_output_records_total{topic="revenue.journal"}', self.prometheus.value
        self.prometheus.until(
            lambda: value(f"sum({written})") == value(f"sum({written} offset 3s)") > 0, "the journal stands"
        )

    @property
    def broker_pid(self) -> int:
        """Of Kafka."""
        return int(self.broker._process.pid)

    def answers(self, rejected: int = 0) -> None:
        """The ERP answers for every entry of the journal, and rejects some of them."""
        entries = [one for one in self.service.said("revenue.journal") if one["entry_id"] not in self._answered]
        status = ["rejected"] * rejected + ["posted"] * len(entries)
        found = [self.business.answer(entry, said) for entry, said in zip(entries, status, strict=False)]
        self._answered.update(one["entry_id"] for one in found if one["status"] == "posted")
        self.feed.send(POSTINGS, found)

    def garbage(self, count: int = GARBAGE) -> None:
        """Messages that are no records."""
        self.feed.garbage(USAGE, count)

    def garbage_again(self) -> None:
        """Where what was sent came to lie in two moments of durability."""
        if self.all_read and self.prometheus.value("max(accrual_outbox_records)") < GARBAGE:
            self.garbage()

    @property
    def decoded(self) -> int:
        """Batches that were decoded, of the processes themselves: their next scrape may be too late."""
        return sum(
            int(Scraped.at(port).by("accrual_step_seconds_count", "step")["decode",])
            for port in range(self.port, self.port + WORKERS)
        )

    @property
    def rows(self) -> int:
        """Usage messages that were sent."""
        return sum(len(one.read_bytes().splitlines()) for one in (self.feed.root / USAGE).glob("*.jsonl"))

    @property
    def all_read(self) -> bool:
        """Whether Prometheus knows that all of them are in the books."""
        return self.rows == self.prometheus.value("sum(accrual_events_read_total)")

    def end(self) -> None:
        """Nothing of it runs any more."""
        for one in self.service.processes:
            if one.poll() is None:
                for worker in self.workers():
                    os.kill(worker, signal.SIGKILL)
        self.service.end()


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Kafka with its topics and Prometheus run; the processor does not yet."""
    try:
        broker = ApacheKafka(folder / "kafka").start()
    except BrokerMissing as error:
        lacking(error)
    try:
        brokers = Brokers(broker.address)
        topics(brokers, PARTITIONS, SHARDS)
        first = ports_in_a_row(WORKERS + 1)
        addresses = [f"127.0.0.1:{port}" for port in range(first, first + WORKERS + 1)]
        targets = {"accrual": addresses[:WORKERS], "accrual-replay": addresses[WORKERS:]}
        (folder / "prometheus").mkdir()
        with Prometheus(folder / "prometheus", targets) as prometheus:
            made = Scene(folder, brokers, broker, first, prometheus)
            try:
                yield made
            finally:
                made.end()
    finally:
        broker.stop()
