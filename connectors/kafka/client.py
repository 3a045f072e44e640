"""How clients reach the brokers: the address and librdkafka's own options, secrets among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from connectors.errors import AccessRefused
from connectors.kafka.news import News
from connectors.kafka.refusal import refusal, said

SCHEME = "kafka://"
# What the product's own guarantees stand on is not to be set from outside.
OWN = (
    "bootstrap.servers", "group.id", "enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset",
    "isolation.level", "transactional.id", "enable.idempotence", "acks",
)  # fmt: skip
Client = TypeVar("Client")


@dataclass(frozen=True, slots=True)
class Brokers:
    """One Kafka."""

    address: str  # host:port, or several with commas
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # librdkafka's: SASL, TLS; may hold secrets
    news: News = field(default_factory=News, repr=False, compare=False)

    @classmethod
    def of(cls, uri: str, options: Mapping[str, str] | None = None) -> Brokers:
        """From kafka://host:port; ValueError names what is wrong."""
        address = uri.removeprefix(SCHEME).rstrip("/")
        hosts = address.split(",")
        if not uri.startswith(SCHEME) or not all(_is_host(host) for host in hosts):
            raise ValueError(f"{uri!r} is not an address of the form kafka://host:port")
        if taken := sorted(set(options or {}).intersection(OWN)):
            raise ValueError(f"kafka option {taken[0]} is the product's own: its guarantees stand on it; leave it out")
        return cls(address, dict(options or {}))

    def client(self, **own: str | int | bool) -> dict[str, Any]:
        """The options of a client; names with underscores for dots."""
        return {
            "bootstrap.servers": self.address,
            # A broker that comes back after a long pause is to be found at once.
            "reconnect.backoff.max.ms": 1_000,
            **self.options,
            **{name.replace("_", "."): value for name, value in own.items()},
            # Else librdkafka writes to standard error by itself, in its own words, without end.
            "error_cb": self.news.heard,
            "logger": self.news.client,
        }

    def made(self, kind: Callable[[dict[str, Any]], Client], **own: str | int | bool) -> Client:
        """A client. ValueError where the options that were set make none."""
        try:
            return kind(self.client(**own))
        except KafkaException as error:
            raise ValueError(
                f"the settings kafka_client and kafka_secrets make no client of Kafka: {said(error)}; correct them"
            ) from error

    def check(self) -> None:
        """AccessRefused if a client was not let in. It would try for ever."""
        if self.news.refused is not None:
            raise self.refused(self.news.refused)

    def refused(self, error: KafkaException | KafkaError, subject: str = "") -> AccessRefused:
        """What to raise for an error that is a refusal."""
        return AccessRefused(f"{self} {refusal(error, subject)}; nothing is lost, then run the same command again")

    def lacks(self, right: str, subject: str) -> AccessRefused:
        """What to raise where a right is known to be missing."""
        return AccessRefused(
            f"{self} does not let this user {right} {subject}: have the right given (kafka-acls --add --operation "
            f"{right.capitalize()}); nothing is lost, then run the same command again"
        )

    def refuses(self, error: KafkaException | KafkaError, subject: str) -> None:
        """AccessRefused where an error is a refusal of what was to be done, or a client was not let in."""
        self.check()
        if refusal(error) is not None:
            raise self.refused(error, subject) from None

    def __str__(self) -> str:
        return f"{SCHEME}{self.address}"


def _is_host(text: str) -> bool:
    name, _, port = text.rpartition(":")
    return bool(name) and port.isascii() and port.isdecimal() and 0 < int(port) < 65_536
