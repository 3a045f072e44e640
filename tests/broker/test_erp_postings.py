"""Answers of the ERP on a Kafka: matched with what the service has posted, once, over a death; and a topic that is not needed."""

import pytest
from confluent_kafka.admin import AdminClient

from dataflows import erp_counts
from schemas.topics import POSTINGS
from state.directory import shard_path
from state.store import ShardStore
from tests.support.kafka_feed import awaited, topics
from tests.support.service import CONTRACT, clock, serviced, usage

SHARDS = 2
NOBODYS = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def service(brokers, tmp_path):
    topics(brokers, 2, SHARDS)
    with serviced(brokers, tmp_path / "state", SHARDS) as deployment:
        yield deployment


def answer(name, at, **more):
    """What the ERP says."""
    return {"entry_id": name, "status": "posted", "posted_at": f"{at}T12:00:00Z", **more}


def counts(service):
    """Of a service that has ended."""
    found = []
    for shard in range(SHARDS):
        store = ShardStore(shard_path(service.state, shard))
        found.append(erp_counts.load(store))
        store.close()
    return erp_counts.total(found)


def test_answers_are_matched_once_over_a_death(service):
    running = service.start()
    service.send("contracts.events", CONTRACT)
    service.send("usage.events", usage("e1", "2026-01-05T10:00:00Z", "3"), usage("e2", "2026-01-06T10:00:00Z", "4"))
    service.send("control.events", clock("2026-01-07T00:00:00Z"))
    awaited(service.brokers, "revenue.journal", SHARDS, 2)
    first, second = (one["entry_id"] for one in service.said("revenue.journal"))
    service.send(
        POSTINGS,
        answer(first, "2026-01-07", amount="1000"),
        answer(NOBODYS, "2026-01-07", customer_id="c"),
        partition=0,
    )
    service.send(POSTINGS, answer(second, "2026-01-07", status="rejected", reason="closed"), partition=1)
    service.send("control.events", clock("2026-01-08T00:00:00Z"))
    awaited(service.brokers, "revenue.exceptions", SHARDS, 3)
    running.kill()
    running.wait()
    running = service.start()
    service.send(POSTINGS, answer(first, "2026-01-07", amount="1000"), partition=0)  # delivered again
    service.send(POSTINGS, answer(second, "2026-01-08"), partition=1)
    awaited(service.brokers, "revenue.exceptions", SHARDS, 4)
    running.terminate()
    assert 0 == running.wait(10), service.told
    assert [
        "entry_unknown open",
        "posting_differs open",
        "posting_rejected open",
        "posting_rejected resolved",
    ] == sorted(f"{one['class']} {one['status']}" for one in service.said("revenue.exceptions"))
    assert erp_counts.Totals(posted=2, rejected=0, unknown=1, unanswered=0) == counts(service)


def test_a_kafka_without_the_topic_is_read_as_one_without_answers(service):
    admin = service.brokers.made(AdminClient)
    for future in admin.delete_topics([POSTINGS]).values():
        future.result(30)
    while POSTINGS in admin.list_topics(timeout=10).topics:
        pass
    service.start()
    service.send("contracts.events", CONTRACT)
    service.send("usage.events", usage("e1", "2026-01-05T10:00:00Z", "3"))
    service.send("control.events", clock("2026-01-06T00:00:00Z"))
    awaited(service.brokers, "revenue.journal", SHARDS, 1)
