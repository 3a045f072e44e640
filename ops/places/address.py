"""The addresses of the command line: files:DIR and kafka://host:port."""

from __future__ import annotations

from connectors.files.layout import SCHEME as FILES
from connectors.files.layout import directory
from connectors.kafka.client import SCHEME as KAFKA
from connectors.kafka.client import Brokers
from ops.places.files import FileInput, FileOutput
from ops.places.kafka import KafkaInput, KafkaOutput
from ops.places.place import SinkPlace, SourcePlace
from ops.places.registry import Schemas
from ops.settings import Settings


def source_place(uri: str, settings: Settings) -> SourcePlace:
    """Where the topics are read; ValueError for what is no address."""
    if _is_kafka(uri):
        return KafkaInput(Brokers.of(uri, settings.kafka_options()), settings.kafka_group, Schemas.of(settings))
    return FileInput(directory(uri))


def sink_place(uri: str, settings: Settings) -> SinkPlace:
    """Where results go; ValueError for what is no address."""
    if _is_kafka(uri):
        brokers = Brokers.of(uri, settings.kafka_options())
        return KafkaOutput(brokers, settings.kafka_group, settings.shards, Schemas.of(settings))
    return FileOutput(directory(uri))


def _is_kafka(uri: str) -> bool:
    if not uri.startswith((FILES, "kafka:")):
        raise ValueError(f"{uri!r} is not an address: allowed are files:DIR and {KAFKA}host:port")
    return uri.startswith("kafka:")
