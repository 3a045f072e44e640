"""The demo's input through a real Apache Kafka: sent to its topics, run, and fetched from them again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from connectors.kafka.client import Brokers
from connectors.kafka.registry import FileRegistry
from connectors.kafka.topics import TopicAdmin, forms
from ops.acting.carry import fetch, send
from ops.broker.apache import ApacheKafka
from ops.job import Job
from ops.run import Result
from ops.settings import Settings

PARTITIONS = 4
KEPT_DAYS = 36_500  # the bill lies in the past


def through_kafka(out: Path, settings: Settings, run: Callable[[Job], Result], as_of: int | None) -> Result:
    """Run `out`/in on a Kafka that lives as long as this call; its output topics are left in `out`/out.

    BrokerMissing where there is no Java or Maven.
    """
    folder = out.absolute() / "kafka"
    broker = ApacheKafka(folder).start()
    try:
        brokers, registry = Brokers(broker.address), FileRegistry()
        TopicAdmin(brokers).create(forms(PARTITIONS, settings.shards, KEPT_DAYS), 1)
        sent = send(out / "in", brokers, registry)
        print(f"{sum(sent.values()):,} records sent to an Apache Kafka at {broker.address}")
        result = run(Job.of(str(brokers), str(brokers), out / "state", as_of, settings))
        fetched = fetch(brokers, registry, out / "out")
        print(f"{sum(fetched.values()):,} records fetched from its output topics into {out}/out")
        return result
    finally:
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)
