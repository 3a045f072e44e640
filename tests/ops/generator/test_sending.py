"""The made-up business on a real Kafka: stopped and started again, the topics hold what its course says, in order."""

from __future__ import annotations

import signal
import subprocess
import threading
import zlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from connectors.kafka.client import Brokers
from connectors.kafka.offsets import ends
from connectors.kafka.registry import FileRegistry
from connectors.kafka.written import Writer
from ops.generator.course import Course, Size
from ops.generator.sending import Pace
from schemas.encode import encode
from schemas.topics import CONTRACTS, REFERENCE, USAGE
from tests.support import kafka
from tests.support.kafka_feed import topics
from tests.support.process import COMMAND, accrual, environment

PARTITIONS = 3
SEED = 5


@pytest.fixture
def brokers():
    where = kafka.brokers()
    kafka.without_topics(where)
    topics(where, PARTITIONS, 8)
    return where


def expected(rows: int) -> dict[int, list[bytes]]:
    """What the course says is in each partition of usage."""
    writer, found = Writer(USAGE, FileRegistry()), defaultdict(list)
    sent = (one for one in Course(SEED, Size()) if one.topic == USAGE)
    for _, one in zip(range(rows), sent, strict=False):
        if isinstance(one.record, bytes):
            found[0].append(one.record)
        else:
            partition = zlib.crc32(one.record["customer_id"].encode()) % PARTITIONS
            found[partition].append(writer.message(encode(one.record)).value)
    return found


def held(where: Brokers, topic: str = USAGE) -> dict[int, list[bytes]]:
    return {number: [one.value() for one in kafka.held(where, topic, number)] for number in range(PARTITIONS)}


def count(where: Brokers) -> int:
    """How many rows are there, also while more come."""
    return sum(ends(where, [(USAGE, number) for number in range(PARTITIONS)]).values())


def words(where: Brokers, *more: str) -> list[str]:
    return ["generate", "--broker", str(where), "--seed", str(SEED), *more]


def test_it_ends_with_so_many_rows_and_goes_on_where_they_end(brokers, tmp_path):
    for rows, sent in ((400, 400), (400, 0), (1_500, 1_100)):
        ended = accrual(*words(brokers, "--rate", "0", "--rows", str(rows)), cwd=tmp_path)
        assert (0, f"{sent:,} rows of usage sent\n") == (ended.code, ended.printed), ended.said
    assert expected(1_500) == held(brokers)
    # What is sent with rows is there once, too: nothing lay between the rows where it began anew.
    found = [one for values in held(brokers, CONTRACTS).values() for one in values]
    assert len(set(found)) == len(found) > 0
    keys = {one.key() for number in range(PARTITIONS) for one in kafka.held(brokers, REFERENCE, number)}
    assert {b"entity/us//always", b"product/team//always"} <= keys


def test_a_stop_at_any_moment_loses_no_row_and_repeats_none(brokers, tmp_path):
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        before = count(brokers)
        command = [COMMAND, *words(brokers, "--rate", "300", "--alive", "alive")]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        while count(brokers) <= before:  # it has sent something
            assert process.poll() is None, process.stderr.read()
        process.send_signal(number)
        assert (-number if number == signal.SIGKILL else 0) == process.wait(70)
        process.communicate()
        assert (tmp_path / "alive").exists()
    rows = count(brokers) + 100  # more than were on their way when it was killed
    ended = accrual(*words(brokers, "--rate", "0", "--rows", str(rows)), cwd=tmp_path)
    assert 0 == ended.code, ended.said
    assert expected(rows) == held(brokers)


def test_nothing_is_sent_that_lies_ahead_of_the_clock():
    stopped, waits = threading.Event(), []

    def before() -> None:
        waits.append(1)
        stopped.set()

    pace = Pace(0, stopped, lambda: None)
    assert pace.kept(datetime.now(UTC) - timedelta(seconds=1), before)
    assert not pace.kept(datetime.now(UTC) + timedelta(hours=1), before)
    assert [1] == waits


def test_a_topic_that_is_missing_and_a_date_that_is_none_are_told(brokers, tmp_path):
    wrong = accrual(*words(brokers, "--start", "soon"), cwd=tmp_path)
    assert (2, "accrual generate: --start 'soon' is no date: write 2026-01-31\n") == (wrong.code, wrong.said)
    kafka.without_topics(brokers)
    missing = accrual(*words(brokers, "--rows", "1"), cwd=tmp_path)
    assert 2 == missing.code
    assert "has no topic usage.events: accrual topics create makes what is missing" in missing.said
