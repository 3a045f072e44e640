"""A Kafka that asks who comes: with the right credentials books are made, with wrong ones it stops at once and says why.

No secret is in anything that a run writes or says.
"""

import json
import re
import signal
import socket
import urllib.request
from itertools import count

import pytest

from schemas.topics import CONTRACTS, CONTROL, EXCEPTIONS, JOURNAL, USAGE
from tests.support import kafka
from tests.support.kafka_feed import awaited, message, said, topics
from tests.support.process import Ended, accrual, environment, finish, start
from tests.support.secured import DESCRIBE, KEY_PASSWORD, PLAIN_USERS, READ, WRITE, Authority, SecuredKafka

SHARDS = 2
SECRET = "a-pl4nted-s3cret"
SECRETS = (SECRET, KEY_PASSWORD, *PLAIN_USERS.values(), "wr0ng-s3cret")
BASE = {"ACCRUAL_SHARDS": str(SHARDS), "ACCRUAL_EPOCH_MS": "50", "ACCRUAL_POLL_MS": "50"}


class Books:
    """Books on a secured Kafka: one state, whoever works on it."""

    def __init__(self, place) -> None:
        self.place, self.kafka = place, SecuredKafka(place)
        self.authority, self.where = self.kafka.authority, self.kafka.open
        topics(self.where, 1, SHARDS)
        self._days, self._users, self.booked = count(5), count(1), 0

    def scram(self, user="books", password=SECRET, **more):
        return {"security.protocol": "SASL_SSL", "sasl.mechanisms": "SCRAM-SHA-256", "sasl.username": user,
                "ssl.ca.location": str(self.authority.certificate), **more}, {"sasl.password": password}  # fmt: skip

    def certified(self, name="certified", authority=None, **more):
        certificate, key = (authority or self.authority).signed(name, KEY_PASSWORD)
        return {"security.protocol": "SSL", "ssl.ca.location": str(self.authority.certificate),
                "ssl.certificate.location": str(certificate), "ssl.key.location": str(key), **more,
                }, {"ssl.key.password": KEY_PASSWORD}  # fmt: skip

    def somebody(self, *without) -> str:
        """A new user with all rights but those."""
        name = f"user{next(self._users)}"
        self.kafka.user(name, SECRET)
        self.kafka.allow(name, *without)
        return name

    def send(self, topic, *records):
        kafka.sent(self.where, topic, *[message(topic, json.dumps(one).encode()) for one in records])

    def day(self):
        """One more day with usage, and its end; gives its date."""
        number = next(self._days)
        day, end = f"2026-01-{number:02d}", f"2026-01-{number + 1:02d}T00:00:00Z"
        self.send(USAGE, {"event_id": day, "source": "app", "customer_id": "c", "meter": "m", "quantity": "1",
                          "event_time": f"{day}T10:00:00Z"})  # fmt: skip
        self.send(CONTROL, {"kind": "clock", "as_of": end, "event_time": end})
        return day

    def command(self, options, *more, secrets_in_file=True):
        """The words and the environment of a run with (options, secrets)."""
        given, secret = options
        env = environment(**BASE)
        if secrets_in_file:
            (self.place / "secrets.toml").write_text(
                "".join(f'"{name}" = "{value}"\n' for name, value in secret.items())
            )
            env["ACCRUAL_KAFKA_SECRETS"] = str(self.place / "secrets.toml")
        else:
            given = {**given, **secret}
        env["ACCRUAL_KAFKA_CLIENT"] = json.dumps(given)
        uri = self.kafka.uri(given.get("security.protocol", "SASL_SSL"))
        return ["run", "--source", uri, "--sink", uri, "--state", str(self.place / "state"), *more], env

    def once(self, options, **how) -> Ended:
        words, env = self.command(options, "--json", **how)
        ended = accrual(*words, cwd=self.place, env=env)
        self.keeps_secrets(ended.printed, ended.said)
        return ended

    def follow(self, options, *more):
        words, env = self.command(options, "--follow", *more)
        return start(*words, cwd=self.place, env=env)

    def keeps_secrets(self, *texts: str) -> None:
        """None is in them or in the state."""
        kept = [path.read_bytes() for path in (self.place / "state").rglob("*") if path.is_file()]
        for secret in SECRETS:
            assert not any(secret in text for text in texts)
            assert not any(secret.encode() in one for one in kept)


CONTRACT = {
    "event_id": "c1", "source": "crm", "event_time": "2026-01-01T00:00:00Z", "contract_id": "K", "version": 1,
    "kind": "activated", "effective_at": "2026-01-01T00:00:00Z", "customer_id": "c", "entity": "us", "currency": "USD",
    "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z",
    "lines": [{"line_id": "u", "kind": "usage", "rate": {
        "meter": "m", "aggregation": "sum", "billing_period": "month", "model": "per_unit", "unit_price": "1"}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    made = Books(tmp_path_factory.mktemp("secured"))
    made.send(CONTRACTS, CONTRACT)
    made.kafka.user("books", SECRET)
    for name in ("books", *PLAIN_USERS, "CN=certified"):
        made.kafka.allow(name)
    yield made
    made.kafka.server.stop()


def refused(ended: Ended, *words: str) -> None:
    """It stopped clearly: 2, and one message that has all these words."""
    assert 2 == ended.code, ended.said
    assert [] == [word for word in words if not re.search(word, ended.told)], ended.told
    assert "kafka://127.0.0.1:" in ended.told
    assert "Traceback" not in ended.said
    assert "rdkafka" not in ended.said


@pytest.mark.parametrize(
    "how", ["SCRAM, secrets in a file", "SCRAM, secrets in the environment", "PLAIN", "certificate"]
)
def test_with_the_right_credentials_books_are_made(books, how):
    options = books.scram()
    if how == "PLAIN":
        ((name, password),) = PLAIN_USERS.items()
        options = books.scram(name, password, **{"sasl.mechanisms": "PLAIN"})
    elif how == "certificate":
        options = books.certified()
    day = books.day()
    ended = books.once(options, secrets_in_file="environment" not in how)
    assert 0 == ended.code, ended.said
    books.booked += 1
    assert books.booked == json.loads(ended.printed)["counted"]
    journal = [json.loads(line) for lines in said(books.where, JOURNAL, SHARDS) for line in lines]
    assert day in [one["accounting_date"] for one in journal]
    assert [] == [line for lines in said(books.where, EXCEPTIONS, SHARDS) for line in lines]


CREDENTIALS = "refuses the credentials .*correct sasl.mechanisms, sasl.username and sasl.password"


@pytest.mark.parametrize(
    "more, password, told",
    [
        ({}, "wr0ng-s3cret", CREDENTIALS),
        ({"sasl.username": "nobody"}, SECRET, CREDENTIALS),
        ({"sasl.mechanisms": "SCRAM-SHA-512"}, SECRET, CREDENTIALS),
        ({"debug": "all"}, "wr0ng-s3cret", CREDENTIALS),
        ({"sasl.mechanisms": "PLAIN"}, "wr0ng-s3cret", CREDENTIALS),
    ],
)
def test_wrong_credentials_stop_the_run_at_once(books, more, password, told):
    refused(books.once(books.scram(**{"password": password}, **more)), told, "kafka_client and kafka_secrets")


@pytest.mark.parametrize("how", ["another authority", "no authority", "no certificate of ours", "ours by another"])
def test_certificates_that_do_not_do_stop_the_run_at_once(books, tmp_path, how):
    other = Authority(tmp_path / "other")
    options = {
        "another authority": lambda: books.scram(**{"ssl.ca.location": str(other.certificate)}),
        "no authority": lambda: books.scram(**{"ssl.ca.location": "/etc/hostname"}),
        "no certificate of ours": lambda: (
            {"security.protocol": "SSL", "ssl.ca.location": str(books.authority.certificate)}, {},
        ),
        "ours by another": lambda: books.certified(authority=other),
    }[how]()  # fmt: skip
    ended = books.once(options)
    if how == "no authority":
        assert (2, True) == (ended.code, "kafka_secrets make no client of Kafka: " in ended.told), ended.said
    else:
        refused(ended, "makes no TLS connection", "ssl.ca.location", "ssl.certificate.location and ssl.key.location")


@pytest.mark.parametrize(
    "without, told",
    [
        ([(USAGE, READ)], f"does not let this user read topic {USAGE}: .*--operation Read"),
        ([(USAGE, READ), (USAGE, DESCRIBE)], f"does not let this user see topic {USAGE} "),
        ([(JOURNAL, WRITE)], f"does not let this user write topic {JOURNAL}: .*--operation Write"),
        ([(JOURNAL, READ)], f"does not let this user read topic {JOURNAL}: "),
        ([("accrual-", WRITE)], r"does not let this user write with the transactional id accrual-\d "),
    ],
)
def test_a_right_that_is_missing_stops_the_run_at_once(books, without, told):
    books.day()  # there is something to say
    books.booked += 1  # by whoever may, later
    refused(books.once(books.scram(books.somebody(*without))), told, "have the right given")


def test_without_its_group_a_run_makes_books_and_says_that_it_shows_no_lag(books):
    books.day()
    ended = books.once(books.scram(books.somebody(("accrual", READ))))
    assert 0 == ended.code, ended.said
    books.booked += 1
    assert 1 == ended.said.count("may not use the group accrual, so that it shows no lag")


def awaited_booked(books) -> None:
    books.booked += 1
    awaited(books.where, JOURNAL, SHARDS, books.booked)


@pytest.mark.parametrize("topic, right, told", [(USAGE, READ, "read"), (JOURNAL, WRITE, "write|commit")])
def test_a_right_that_is_taken_away_stops_the_service(books, topic, right, told):
    user = books.somebody()
    running = books.follow(books.scram(user))
    try:
        books.day()
        awaited_booked(books)
        books.kafka.deny(user, topic, right)
        books.day()
        running.wait(120)
    finally:
        running.kill()
        ended = finish(running)
    refused(ended, f"does not let this user ({told})")
    books.keeps_secrets(ended.printed, ended.said)
    after = books.once(books.scram())  # the remedy: somebody who may
    assert 0 == after.code, after.said
    awaited_booked(books)


def test_no_secret_is_in_the_metrics(books):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with_port, env = books.command(books.scram(), "--follow", "--metrics-port", str(port))
    running = start(*with_port, cwd=books.place, env=env)
    try:
        books.day()
        awaited_booked(books)
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        assert "accrual" in page
        books.keeps_secrets(page)
        running.send_signal(signal.SIGTERM)
        assert 0 == running.wait(20)
    finally:
        running.kill()
        finish(running)


def test_a_password_that_is_changed_stops_the_service_when_it_has_to_show_it_again(books):
    user = books.somebody()
    running = books.follow(books.scram(user))
    try:
        books.day()
        awaited_booked(books)
        books.kafka.user(user, "an0ther-s3cret")
        books.kafka.server.stop()
        books.kafka.server.start()
        running.wait(120)
    finally:
        running.kill()
        ended = finish(running)
    refused(ended, CREDENTIALS)
    books.keeps_secrets(ended.printed, ended.said)
    assert 1 == len(re.findall("no broker answers", ended.said))  # once, however often clients try
    books.day()
    assert 0 == books.once(books.scram(user, "an0ther-s3cret")).code
    awaited_booked(books)
