"""How clients reach the brokers: the address and librdkafka's own options, secrets among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException

SCHEME = "kafka://"
# What the product's own guarantees stand on is not to be set from outside.
OWN = (
    "bootstrap.servers", "group.id", "enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset",
    "isolation.level", "transactional.id", "enable.idempotence", "acks",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Brokers:
    """One Kafka."""

    address: str  # host:port, or several with commas
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # librdkafka's: SASL, TLS; may hold secrets

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

    def client(self, **own: str | int | bool) -> dict[str, str | int | float | bool]:
        """The options of a client; names with underscores for dots."""
        return {
            "bootstrap.servers": self.address,
            # A broker that comes back after a long pause is to be found at once.
            "reconnect.backoff.max.ms": 1_000,
            **self.options,
            **{name.replace("_", "."): value for name, value in own.items()},
        }

    def __str__(self) -> str:
        return f"{SCHEME}{self.address}"


def said(error: KafkaException | KafkaError) -> str:
    """What a client says, without the name of its class."""
    cause = error.args[0] if isinstance(error, KafkaException) and error.args else error
    return str(cause.str() if isinstance(cause, KafkaError) else cause)


def _is_host(text: str) -> bool:
    name, _, port = text.rpartition(":")
    return bool(name) and port.isascii() and port.isdecimal() and 0 < int(port) < 65_536
