"""What clients report: refusals are kept, the rest is told now and then and in our own words."""

import logging

import pytest
from confluent_kafka import KafkaError

from connectors.errors import AccessRefused
from connectors.kafka.client import Brokers
from connectors.kafka.news import SILENCE_S, News

LOST = "127.0.0.1:9/bootstrap: Connect to ipv4#127.0.0.1:9 failed: Connection refused (after 0ms in state CONNECT)"


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def brokers(watch):
    return Brokers("127.0.0.1:9", news=News(watch))


def test_brokers_that_are_away_are_told_once_in_a_while_with_the_last_reason(brokers, watch, caplog):
    for _ in range(100):
        brokers.news.heard(KafkaError(KafkaError._TRANSPORT, LOST))
        brokers.news.heard(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    told = f"accrual: Kafka: no broker answers ({LOST}); they are waited for"
    assert [told] == caplog.messages
    watch.now = SILENCE_S
    brokers.news.heard(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    assert [told, told] == caplog.messages
    brokers.check()


@pytest.mark.parametrize(
    "code, text, refused",
    [
        (KafkaError._AUTHENTICATION, "SASL authentication error: Authentication failed", "refuses the credentials"),
        (KafkaError._SSL, "SSL handshake failed: certificate verify failed", "makes no TLS connection"),
        (KafkaError._SSL, "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?", None),
        (KafkaError._TRANSPORT, "Receive failed: tlsv13 alert certificate required: SSL alert number 116", "TLS"),
        (KafkaError._TRANSPORT, "Receive failed: close notify: SSL alert number 0", None),
        (KafkaError._TRANSPORT, LOST, None),
    ],
)
def test_a_refusal_is_kept_for_whoever_waits_and_a_lost_connection_is_none(brokers, code, text, refused):
    brokers.news.heard(KafkaError(code, text))
    if refused is None:
        brokers.check()
        assert text == brokers.news.trouble or code == KafkaError._SSL
    else:
        with pytest.raises(AccessRefused, match=f"kafka://127.0.0.1:9 .*{refused}"):
            brokers.check()


def test_what_clients_log_is_told_without_their_names_and_not_what_they_report_too(brokers, caplog):
    for line in (
        "FAIL [rdkafka#consumer-1] [thrd:main]: x: Connect failed",
        "GETPID [rdkafka#producer-1] [thrd:main]: Coordinator load in progress: retrying",
        "CONFWARN [rdkafka#producer-1] [thrd:app]: Configuration property x is a consumer property",
        "CONFWARN [rdkafka#producer-2] [thrd:app]: Configuration property y is a consumer property",
    ):
        brokers.news.client.log(logging.WARNING, "%s", line)
    brokers.news.client.log(logging.INFO, "%s", "MORE [rdkafka#producer-2] [thrd:app]: chatter")
    assert ["accrual: Kafka: Configuration property x is a consumer property"] == caplog.messages
