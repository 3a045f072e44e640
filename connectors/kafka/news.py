"""What clients of a Kafka say beside their answers: a refusal is kept for whoever waits, the rest is told now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from confluent_kafka import KafkaError

from connectors.kafka.refusal import CREDENTIALS, is_refused_tls

SILENCE_S = 30  # between two messages about one thing
_LOG = logging.getLogger("accrual.kafka")  # nobody has to set it up: warnings go to standard error
# A client logs these and reports them, or answers a call of ours with them: that is enough.
_ANSWERED = ("FAIL", "ERROR", "FATAL", "TXNERR", "ADDPARTS")


class News:
    """Of all clients of one Kafka in this process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.refused: KafkaError | None = None  # the first time that brokers let a client not in
        self.trouble = ""  # what the last lost or failed connection was about
        self.away_since: float | None = None  # no broker answers, by the clock `now`
        self.client = _client_log(self)
        self._now, self._told = now, dict[str, float]()

    def heard(self, error: KafkaError) -> None:
        """A client reports what no call of ours is answered with."""
        if error.code() in CREDENTIALS or is_refused_tls(error):
            self.refused = self.refused or error
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.away(self.trouble or error.str())
        elif error.str():
            self.trouble = error.str()

    @property
    def is_away(self) -> bool:
        """Whether brokers were asked and do not answer."""
        return self.away_since is not None

    def away(self, why: str) -> None:
        """No broker answers."""
        if self.away_since is None:
            self.away_since = self._now()
        self.tell("away", f"no broker answers ({why}); they are waited for")

    def answered(self) -> None:
        """One has."""
        if self.away_since is not None:
            lasted, self.away_since = self._now() - self.away_since, None
            _LOG.info("accrual: Kafka: brokers answer again, after %.0f s", lasted, extra={"about": "back"})

    def tell(self, about: str, text: str) -> None:
        """Say it on standard error, unless something about the same was said just now: clients try again all the time."""
        now = self._now()
        if about not in self._told or now - self._told[about] >= SILENCE_S:
            self._told[about] = now
            _LOG.warning("accrual: Kafka: %s", text, extra={"about": about})


class _ClientLog(logging.Handler):
    """The clients' own log lines: `NAME [client] [thread]: text`."""

    def __init__(self, news: News) -> None:
        super().__init__(logging.WARNING)
        self._news = news

    def emit(self, record: logging.LogRecord) -> None:
        name, _, text = record.getMessage().partition(" ")
        if name not in _ANSWERED and not text.endswith("retrying"):
            self._news.tell(name, text.rpartition("]: ")[2])


def _client_log(news: News) -> logging.Logger:
    log = logging.Logger("kafka client")  # of its own, and not known by name: each Kafka has one
    log.addHandler(_ClientLog(news))
    return log
