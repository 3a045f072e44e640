"""Topics on a real Kafka: made as they have to be, and told apart from those that are not."""

import pytest

from connectors.errors import SourceUnusable
from connectors.kafka.client import Brokers
from connectors.kafka.topics import TopicAdmin, TopicForm, forms
from schemas.topics import INPUTS, OUTPUTS, USAGE
from tests.support import kafka


def test_what_is_made_is_as_it_has_to_be():
    prefix = kafka.name("made")
    wanted = tuple(TopicForm(f"{prefix}.{one.name}", one.partitions, one.config, one.exact) for one in forms(4, 8, 400))
    admin = TopicAdmin(kafka.brokers())
    assert {*INPUTS, *OUTPUTS} == {one.name.removeprefix(f"{prefix}.") for one in wanted}
    missing = admin.problems(wanted)
    assert len(wanted) == len(missing)
    assert f"topic {prefix}.usage.events is missing: accrual topics create makes it" in missing
    assert [one.name for one in wanted] == admin.create(wanted, 1)
    assert [] == admin.problems(wanted)
    assert [] == admin.create(wanted, 1)  # a second time there is nothing to make


@pytest.mark.parametrize(
    "has, wanted, problem",
    [
        ((2, {}), (4, {}, False), "has 2 partitions, 4 are wanted: add them"),
        ((4, {}), (2, {}, False), None),
        ((4, {}), (2, {}, True), "has 4 partitions and must have 2: make it anew with that many"),
        (
            (1, {"retention_ms": "1000"}),
            (1, {"retention.ms": "2000"}, False),
            "has retention.ms = 1000, 2000 is wanted",
        ),
        ((1, {"retention_ms": "3000"}), (1, {"retention.ms": "2000"}, False), None),
        ((1, {"retention_ms": "-1"}), (1, {"retention.ms": "2000"}, False), None),
        ((1, {"retention_ms": "3000"}), (1, {"retention.ms": "-1"}, False), "has retention.ms = 3000, -1 is wanted"),
        ((1, {}), (1, {"cleanup.policy": "compact"}, True), "has cleanup.policy = delete, compact is wanted"),
    ],
)
def test_a_topic_that_is_otherwise_is_told_with_the_remedy(has, wanted, problem):
    topic = kafka.created(kafka.brokers(), kafka.name("other"), has[0], **has[1])
    found = TopicAdmin(kafka.brokers()).problems((TopicForm(topic, *wanted),))
    assert bool(problem) == bool(found)
    assert all(problem in one for one in found)


def test_a_kafka_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("connectors.kafka.topics.ANSWER_S", 1)
    with pytest.raises(SourceUnusable, match=r"kafka://127\.0\.0\.1:9 does not answer"):
        TopicAdmin(Brokers("127.0.0.1:9")).topics([USAGE])


@pytest.mark.parametrize(
    "uri", ["kafka://", "kafka://host", "kafka://host:0", "kafka://:9092", "kafka://a:1,b", "files:x"]
)
def test_an_address_that_is_none_is_named(uri):
    with pytest.raises(ValueError, match="is not an address of the form kafka://host:port"):
        Brokers.of(uri)


def test_an_address_may_name_several_brokers():
    assert "a:1,[::1]:2" == Brokers.of("kafka://a:1,[::1]:2").address


def test_options_that_the_guarantees_stand_on_are_refused_and_secrets_are_not_shown():
    with pytest.raises(ValueError, match="kafka option acks is the product's own"):
        Brokers.of("kafka://a:1", {"acks": "1"})
    assert "hush" not in repr(Brokers.of("kafka://a:1", {"sasl.password": "hush"}))
