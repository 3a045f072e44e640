"""`accrual replay` beside a service on a real Kafka: the same input gives the same books, and what differs is posted once."""

import json
import random
import shutil
from collections import Counter
from decimal import Decimal

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.kafka.control_writer import ControlWriter
from connectors.kafka.registry import FileRegistry
from tests.support import kafka
from tests.support.feed import Drawing
from tests.support.kafka_feed import awaited, message, said, sayable, topics
from tests.support.process import accrual, environment, finish, start
from tests.support.scraped import Scraped, ports_in_a_row
from tests.support.service import CONTRACT, clock, ended_within, serviced, usage

SHARDS = 3
CLOSES = [
    ("clock", {"as_of": "2025-01-12T00:00:00Z"}),
    ("period_close", {"entity": "us", "period": "2024-12", "actor": "ann"}),
    ("clock", {"as_of": "2025-01-28T00:00:00Z"}),
    ("period_close", {"entity": "us", "period": "2025-01", "actor": "ann"}),
    ("period_close", {"entity": "de", "period": "2025-01", "actor": "ann"}),
    ("clock", {"as_of": "2025-03-15T00:00:00Z"}),
]


@pytest.fixture
def service(brokers, tmp_path):
    topics(brokers, 3, SHARDS)
    with serviced(brokers, tmp_path / "state", SHARDS, epoch_ms=20, batch_rows=15) as deployment:
        yield deployment


def replay(service, folder, *words, begin="start", end="end"):
    """What `accrual replay --json` says."""
    ended = finish(
        start("replay", "--source", str(service.brokers), "--from", begin, "--to", end, "--state", str(folder), *words,
              "--json", cwd=folder.parent)
    )  # fmt: skip
    assert ended.code == 0, ended.said
    return json.loads(ended.printed)


def fed(service, seed, tmp_path, rng):
    """A feed, part by part, with clocks and closes in between that race with it."""
    feed = Drawing(seed, rich=True, modified=True, billed=True, events=600).feed()
    feed.topics.pop("control.events", None)
    left = {
        (topic, number): [sent for _, sent in lines]
        for topic, number, lines in sayable(feed.write(tmp_path / "in"), tmp_path / "said")
    }
    writer = ControlWriter(service.brokers, FileRegistry())
    for number, (kind, fields) in enumerate(CLOSES):
        for (topic, partition), messages in left.items():
            count = len(messages) if number == len(CLOSES) - 1 else round(len(messages) * rng.uniform(0.1, 0.5))
            if count:
                kafka.sent(service.brokers, topic, *messages[:count], partition=partition)
                del messages[:count]
        at = fields.get("as_of") or f"2025-02-{number + 1:02d}T00:00:00Z"
        writer.write({"event_id": f"c{number}", "source": "ops", "event_time": at, "kind": kind, **fields})


def contract_of(name, first="2025-11-01", last="2026-11-01", price="1"):
    """A contract of one usage line for a customer of its own."""
    start, end = f"{first}T00:00:00Z", f"{last}T00:00:00Z"
    line = {**CONTRACT["lines"][0], "rate": {**CONTRACT["lines"][0]["rate"], "unit_price": price}}
    return {**CONTRACT, "event_id": f"c-{name}", "contract_id": f"K-{name}", "customer_id": name, "start": start, "end": end,
            "effective_at": start, "event_time": start, "lines": [line]}  # fmt: skip


def of(name, event):
    """An event of another customer."""
    return {**event, "customer_id": name, "event_id": f"{name}-{event['event_id']}"}


def taken_up(service, controls):
    """So many control records have been, by every shard."""
    awaited(service.brokers, "control.applied", SHARDS, SHARDS * controls)


def entries(service):
    """The journal as it can be read."""
    return [json.loads(line) for lines in said(service.brokers, "revenue.journal", SHARDS) for line in lines]


def sums(service):
    """Debits less credits by contract, account and the period in which the effect belongs."""
    found = Counter()
    for entry in entries(service):
        for one in entry["lines"]:
            key = (entry["contract_id"], one["account"], entry["origin_period"] or entry["period"])
            found[key] += Decimal(one["amount"]) * (1 if one["side"] == "debit" else -1)
    return {key: amount for key, amount in found.items() if amount}


def groups(service):
    """What the group of the service has told, and which groups there are."""
    client = AdminClient(service.brokers.client())
    known = sorted(one.group_id for one in client.list_consumer_groups().result().valid)
    told = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions("accrual")])["accrual"].result()
    return known, sorted((one.topic, one.partition, one.offset) for one in told.topic_partitions)


def lost(service):
    """The first record of each partition of the journal is gone for every reader."""
    client = AdminClient(service.brokers.client())
    for partition in client.delete_records(
        [TopicPartition("revenue.journal", shard, 1) for shard in full(service)]
    ).values():
        partition.result()


def full(service):
    """The shards that have posted."""
    return [shard for shard, lines in enumerate(said(service.brokers, "revenue.journal", SHARDS)) if lines]


@pytest.fixture
def running(service):
    """A service that has booked two days of two customers and closed December behind them."""
    service.start()
    service.send("contracts.events", contract_of("a"), contract_of("b", price="2"))
    for name in ("a", "b"):
        service.send("usage.events", of(name, usage("e1", "2025-12-30T10:00:00Z", "3")), partition=0)
    for partition in range(3):  # every partition has come to January
        service.send("usage.events", of("a", usage(f"j{partition}", "2026-01-20T10:00:00Z", "5")), partition=partition)
    service.send("control.events", clock("2026-01-02T00:00:00Z"))
    taken_up(service, 1)
    # By event time it comes after the close below; it has been booked before.
    service.send("usage.events", of("a", usage("late", "2025-12-31T10:00:00Z", "7")))
    awaited(service.brokers, "revenue.journal", SHARDS, 3)
    close = {"kind": "period_close", "entity": "us", "period": "2025-12", "actor": "ann"}
    service.send("control.events", {**close, "event_time": "2026-01-03T00:00:00Z"})
    taken_up(service, 2)
    return service


def test_rows_come_before_those_control_records_before_which_the_service_took_them(running, tmp_path):
    assert 0 == replay(running, tmp_path / "replay", "--compare")["differences"]
    journal = [json.loads(line) for path in (tmp_path / "replay/out/revenue.journal").iterdir() for line in path.open()]
    assert {(None, "2025-12")} == {(one["origin_period"], one["period"]) for one in journal}


def test_what_the_journal_has_lost_is_posted_once_as_corrections(running, tmp_path):
    before = sums(running)
    lost(running)
    assert before != sums(running)
    found = replay(running, tmp_path / "replay", "--compare")
    assert {"K-a", "K-b"} >= {one["contract_id"] for one in found["rows_that_differ"]}
    assert found["differences"]
    posted = replay(running, tmp_path / "replay", "--post")["posted"]
    assert posted["applied"]
    assert before == sums(running)
    corrections = [one for one in entries(running) if one["kind"] == "correction"]
    assert corrections
    assert {posted["reference"]} == {one["correlation_id"] for one in corrections}
    assert {("2026-01", "2025-12")} == {(one["period"], one["origin_period"]) for one in corrections}  # it is closed
    again = replay(running, tmp_path / "replay", "--post")
    assert (0, None) == (again["differences"], again["posted"])
    # What comes later is no reason to correct it again.
    count = len(entries(running))
    running.send("usage.events", of("a", usage("later", "2025-12-30T11:00:00Z", "1")))
    awaited(running.brokers, "revenue.journal", SHARDS, count + 1)
    assert 0 == replay(running, tmp_path / "another", "--compare")["differences"]


def test_a_lost_disk_is_rebuilt_from_the_topics(running, tmp_path):
    running.send("usage.events", of("b", usage("e2", "2026-01-10T10:00:00Z", "4")))
    running.end()
    running.send("usage.events", of("b", usage("e3", "2025-12-30T12:00:00Z", "6")))
    shutil.rmtree(tmp_path / "state")
    assert 2 == running.start().wait(30)
    assert "the state is older than the sink" in running.told
    rebuilt = replay(running, tmp_path / "new", "--rebuild")
    assert {"K-b"} >= {one["contract_id"] for one in rebuilt["rows_that_differ"]}
    before = running.said("revenue.journal")
    with serviced(running.brokers, tmp_path / "new" / "state", SHARDS, epoch_ms=20) as service:
        service.start()
        service.send("usage.events", of("a", usage("e4", "2025-12-30T13:00:00Z", "8")))
        service.send("control.events", clock("2026-02-02T00:00:00Z"))
        taken_up(service, 3)
        replay(service, tmp_path / "then", "--post")
        assert 0 == replay(service, tmp_path / "then", "--compare")["differences"]
        journal = service.said("revenue.journal")  # refuses sequences with a gap
    assert before == [one for one in journal if one in before]
    ids = [one["entry_id"] for one in journal]
    assert len(ids) == len(set(ids))
    wanted = {("K-a", "2025-12"): 3 + 7 + 8, ("K-a", "2026-01"): 15, ("K-b", "2025-12"): 18, ("K-b", "2026-01"): 8}
    earned = {(key[0], key[2]): -amount for key, amount in sums(running).items() if key[1] == "revenue"}
    assert wanted == earned


def test_a_replay_leaves_the_service_and_its_group_alone(running, tmp_path):
    before, group = entries(running), groups(running)
    found = replay(running, tmp_path / "replay")
    assert (before, group) == (entries(running), groups(running))
    assert (6, 6) == (found["read"], found["counted"])
    assert "differences" not in found


def test_a_replay_tells_how_far_it_is_and_what_it_has_found(running, tmp_path):
    lost(running)
    port, folder = ports_in_a_row(1), tmp_path / "replay"
    job = start("replay", "--source", str(running.brokers), "--from", "start", "--to", "end", "--state", str(folder),
                "--compare", "--json", "--metrics-port", str(port), cwd=tmp_path)  # fmt: skip
    seen = []
    while not seen or not seen[-1].by("accrual_replay_differences") or seen[-1].sum("accrual_replay_left_seconds"):
        try:  # once it is fetched when all is done it ends
            seen.append(Scraped.at(port))
        except OSError:
            assert job.poll() is None, finish(job)
    ended = finish(job)
    assert 0 == ended.code, ended.said
    found = json.loads(ended.printed)
    told = {account: int(count) for (account,), count in seen[-1].by("accrual_replay_differences", "account").items()}
    assert Counter(one["account"] for one in found["rows_that_differ"]) == told
    ratios = [one.by("accrual_replay_progress_ratio")[()] for one in seen]
    assert (sorted(ratios), 1) == (ratios, ratios[-1])
    assert found["rows"] == seen[-1].sum("accrual_replay_records_total")
    assert not seen[-1].by("accrual_events_read_total")  # its books are not the service's


def test_while_the_service_goes_on_the_books_are_compared_at_its_last_control_record(running, tmp_path):
    range_of = tmp_path / "offsets.csv"
    ends = replay(running, tmp_path / "first")["to"]
    range_of.write_text("".join(f"{name.replace('/', ',')},{offset}\n" for name, offset in ends.items()))
    running.send("usage.events", of("b", usage("after", "2025-12-30T14:00:00Z", "1")))
    awaited(running.brokers, "revenue.journal", SHARDS, len(entries(running)))
    found = replay(running, tmp_path / "replay", "--compare", end=str(range_of))
    assert found["stands_at"].startswith("control record 1, where the service has noted how far it was")
    assert (0, 6) == (found["differences"], found["counted"])


def test_a_service_that_began_as_a_run_to_the_end_is_replayed_too(service, tmp_path):
    service.send("contracts.events", contract_of("a"))
    service.send("usage.events", of("a", usage("e1", "2025-12-30T10:00:00Z", "3")))
    service.send("control.events", clock("2026-01-02T00:00:00Z"))
    words = [
        "run",
        "--source",
        str(service.brokers),
        "--sink",
        str(service.brokers),
        "--state",
        str(tmp_path / "state"),
    ]
    assert 0 == accrual(*words, cwd=tmp_path, env=environment(ACCRUAL_SHARDS=str(SHARDS))).code
    service.start()
    service.send("usage.events", of("a", usage("e2", "2026-01-02T10:00:00Z", "4")))
    service.send("control.events", clock("2026-01-03T00:00:00Z"))
    taken_up(service, 1)
    found = replay(service, tmp_path / "replay", "--compare")
    assert (0, 2, 2) == (found["differences"], found["counted"], found["posted_entries"])


def test_contracts_with_usage_from_before_the_range_are_not_compared(running, tmp_path):
    (begin := tmp_path / "begin.json").write_text(json.dumps({"usage.events/0": 2}))  # behind the first of each
    found = replay(running, tmp_path / "replay", "--compare", begin=str(begin))
    assert (2, 4, 0) == (found["contracts_not_compared"], found["counted"], found["differences"])


def test_what_has_expired_is_refused_with_the_earliest_that_there_is(running, tmp_path):
    client = AdminClient(running.brokers.client())
    for one in client.delete_records([TopicPartition("usage.events", 0, 2)]).values():
        one.result()
    asked = ["--source", str(running.brokers), "--to", "end", "--state", str(tmp_path / "replay")]
    refused = accrual("replay", *asked, "--from", "start", cwd=tmp_path)
    assert 1 == refused.code
    assert "the earliest that exist: usage.events,0,2" in refused.said


def test_a_killed_replay_is_taken_up_where_it_was(service, tmp_path):
    count = 3_000
    service.send("contracts.events", contract_of("a"))
    many = [of("a", usage(f"e{number}", f"2026-01-{number % 28 + 1:02d}T10:00:00Z")) for number in range(count)]
    sent = [message("usage.events", json.dumps(one).encode()) for one in many]
    for partition in range(3):  # in a transaction each, so that a marker stands behind the last message
        kafka.sent_in_transaction(service.brokers, "usage.events", *sent[partition::3], partition=partition)
    folder = tmp_path / "replay"
    words = [
        "replay",
        "--source",
        str(service.brokers),
        "--from",
        "start",
        "--to",
        "end",
        "--state",
        str(folder),
        "--json",
    ]
    settings = environment(ACCRUAL_BATCH_ROWS="20", ACCRUAL_EPOCH_MS="10")
    process = start(*words, cwd=tmp_path, env=settings)
    while not any((folder / "out").rglob("*.jsonl")):
        assert not ended_within(process, 0.01)
    process.kill()
    assert -9 == finish(process).code
    ended = finish(start(*words, cwd=tmp_path, env=settings))
    assert 0 == ended.code, ended.said
    found = json.loads(ended.printed)
    assert (count, count) == (found["read"], found["counted"])
    assert found["digest"] == replay(service, tmp_path / "in-peace")["digest"]


@pytest.mark.parametrize("seed", [3, 4])
def test_a_replay_of_untouched_books_finds_no_difference(service, tmp_path, seed):
    print(f"seed {seed}")
    service.start()
    fed(service, seed, tmp_path, random.Random(seed))
    found = replay(service, tmp_path / "replay", "--compare")
    assert 0 == found["differences"], found["rows_that_differ"][:4]
    assert 0 < found["posted_entries"]
    assert (tmp_path / "replay" / "differences.jsonl").read_text() == ""
