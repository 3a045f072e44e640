"""`accrual topics create|check` on a real Kafka."""

import json

import pytest

from ops.broker.apache import ApacheKafka
from schemas.topics import INPUTS, OUTPUTS
from tests.support.process import here


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    started = ApacheKafka(tmp_path_factory.mktemp("kafka")).start()
    yield f"kafka://{started.address}"
    started.stop()


def test_what_is_missing_is_made_once(broker, tmp_path):
    before = here("topics", "check", "--broker", broker, cwd=tmp_path)
    assert (1, 10) == (before.code, len(before.printed.splitlines()))
    assert "topic usage.events is missing: accrual topics create makes it" in before.printed
    made = here("topics", "create", "--broker", broker, "--partitions", "4", cwd=tmp_path)
    assert (0, "") == (made.code, made.said)
    assert "usage.events: created, 4 partitions, kept for 400 days" in made.printed
    assert "reference.events: created, 1 partition, compacted" in made.printed
    assert "revenue.journal: created, 8 partitions, kept for ever" in made.printed
    again = here("topics", "create", "--broker", broker, "--partitions", "4", "--json", cwd=tmp_path)
    assert {"created": [], "there": [*INPUTS, *OUTPUTS]} == json.loads(again.printed)
    after = here("topics", "check", "--broker", broker, "--partitions", "4", cwd=tmp_path)
    assert (0, "all 10 topics are as they have to be\n") == (after.code, after.printed)


def test_what_is_otherwise_is_told(broker, tmp_path):
    here("topics", "create", "--broker", broker, "--partitions", "4", cwd=tmp_path)
    found = here("topics", "check", "--broker", broker, "--partitions", "6", "--json", cwd=tmp_path)
    assert 1 == found.code
    assert "topic usage.events has 4 partitions, 6 are wanted: add them" in json.loads(found.printed)["problems"]
    fewer = here("topics", "check", "--broker", broker, "--partitions", "2", cwd=tmp_path, ACCRUAL_SHARDS="4")
    expected = "topic revenue.journal has 8 partitions and must have 4: make it anew with that many"
    assert expected in fewer.printed


def test_an_address_that_is_none_is_wrong_usage(tmp_path):
    ended = here("topics", "create", "--broker", "localhost:9092", cwd=tmp_path)
    assert (2, "") == (ended.code, ended.printed)
    assert "accrual topics create: 'localhost:9092' is not an address of the form kafka://host:port" in ended.said
