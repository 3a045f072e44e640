"""Refusals of brokers in words: credentials, certificates and rights, each with the remedy."""

from __future__ import annotations

import re

from confluent_kafka import KafkaError, KafkaException

CREDENTIALS = (
    KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.ILLEGAL_SASL_STATE,
)  # fmt: skip
RIGHTS = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
)  # fmt: skip
# Of a connection that was lost in the middle of a handshake, as when a broker stops: it says nothing about certificates.
_LOST = ("disconnected", "connection reset", "connection refused", "timed out", "broken pipe")
_ALERT = re.compile(r"SSL alert number (40|4[2-689]|70|116)\b")  # RFC 8446, 6.2: what concerns certificates and ciphers
_SETTINGS = "in the settings kafka_client and kafka_secrets"


def said(error: KafkaException | KafkaError) -> str:
    """What a client says, without the name of its class."""
    cause = cause_of(error)
    return str(cause.str() if isinstance(cause, KafkaError) else cause)


def cause_of(error: KafkaException | KafkaError) -> object:
    """The error that an exception carries."""
    return error.args[0] if isinstance(error, KafkaException) and error.args else error


def is_refused_tls(error: KafkaError) -> bool:
    """Whether certificates do not do, ours or theirs; not where a connection was only lost."""
    if error.code() == KafkaError._SSL:
        return not any(word in error.str().lower() for word in _LOST)
    # By TLS 1.3 a client has sent its certificate, and read on, before it is told that it does not do.
    return error.code() == KafkaError._TRANSPORT and _ALERT.search(error.str()) is not None


def refusal(error: KafkaException | KafkaError, subject: str = "") -> str | None:
    """Why access is refused, and what to do; None: it is something else. `subject` is what was to be done."""
    cause = cause_of(error)
    if not isinstance(cause, KafkaError):
        return None
    if cause.code() in CREDENTIALS:
        return (
            f"refuses the credentials ({said(cause)}): correct sasl.mechanisms, sasl.username and sasl.password "
            f"{_SETTINGS}, or have the user made there"
        )
    if is_refused_tls(cause):
        return (
            f"makes no TLS connection ({said(cause)}): correct ssl.ca.location (who signed the brokers' certificates) and, "
            f"where they ask for one, our own ssl.certificate.location and ssl.key.location {_SETTINGS}"
        )
    if cause.code() in RIGHTS:
        return f"does not let this user {subject or 'do that'} ({said(cause)}): have the right given (kafka-acls --add)"
    return None
