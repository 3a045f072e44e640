"""Each batch to every shard: rows by customer, control records to all, and the position with every part."""

import zlib

import pytest

from connectors.batch import Batch, Record, Rejected
from connectors.record_rows import decoded
from connectors.timeline import Timeline
from connectors.usage_rows import Lateness, usage_batches
from dataflows.shard_names import shard_names
from dataflows.split import home_shard, split
from schemas.encode import encode
from schemas.identity import customer_shard_of
from schemas.topics import CONTRACTS, CONTROL, USAGE
from tests.support.driven import HOUR_US, contract, usage

AT = "2025-01-02T00:00:00Z"
CUSTOMERS = [f"c{number}" for number in range(20)]


def usage_batch(*lines):
    """One batch of usage lines of partition 5, from position 100."""
    [batch] = usage_batches(5, 100, list(lines), None, Timeline.of([]), Lateness(HOUR_US, HOUR_US))
    return batch


def test_every_shard_gets_a_part_with_the_positions_even_without_rows():
    batch = usage_batch(encode(usage(AT, "e", n="1")))
    parts = split(batch, 8)
    assert list(shard_names(8)) == [name for name, _ in parts]
    assert list(range(8)) == [shard for _, (shard, _) in parts]
    expected = (USAGE, 5, 100, 101, batch.newest, 0)
    for _, (_, part) in parts:
        assert expected == (part.topic, part.partition, part.start, part.end, part.newest, part.phase)


@pytest.mark.parametrize("shards", [1, 3, 8])
def test_each_row_goes_to_its_customers_shard_and_to_no_other(shards):
    batch = usage_batch(*(encode(usage(AT, f"e-{name}", n="1", customer=name)) for name in CUSTOMERS))
    found = {}
    for _, (shard, part) in split(batch, shards):
        for row in [] if part.rows is None else part.rows.iter_rows(named=True):
            found.setdefault(row["customer_id"], []).append(shard)
            assert batch.rows.columns == part.rows.columns
    assert {name: [customer_shard_of(name, shards)] for name in CUSTOMERS} == found


def test_rows_of_a_shard_stay_in_their_order():
    batch = usage_batch(*(encode(usage(AT, f"e{number}", n="1", customer=f"c{number % 3}")) for number in range(50)))
    for _, (_, part) in split(batch, 2):
        offsets = part.rows["offset"].to_list()
        assert sorted(offsets) == offsets


def test_a_contract_goes_to_its_customers_shard():
    for name in CUSTOMERS[:5]:
        records, _ = decoded(CONTRACTS, 7, [encode(contract(AT, "e", price="2", customer=name))])
        holders = [
            shard for _, (shard, part) in split(Batch(CONTRACTS, 0, 7, 8, None, 0, None, records), 8) if part.records
        ]
        assert [customer_shard_of(name, 8)] == holders


def test_a_control_record_goes_to_every_shard():
    records, _ = decoded(CONTROL, 0, [encode({"kind": "clock", "as_of": AT})])
    parts = split(Batch(CONTROL, 0, 0, 1, None, 0, None, records), 8)
    assert [0] * 8 == [record.offset for _, (_, part) in parts for record in part.records]
    assert isinstance(parts[0][1][1].records[0], Record)


@pytest.mark.parametrize("shards", [1, 3, 8])
@pytest.mark.parametrize("partition", [0, 1, 12])
def test_a_row_without_customer_goes_to_the_home_of_its_partition(shards, partition):
    batch = Batch(USAGE, partition, 0, 1, None, 0, None, (), (Rejected(0, "undecodable", "", b"{"),))
    holders = [shard for _, (shard, part) in split(batch, shards) if part.rejected]
    assert [zlib.crc32(f"usage.events/{partition}".encode()) % shards] == holders


def test_a_home_never_moves():
    assert [4, 7, 7] == [home_shard(topic, 0, 8) for topic in (USAGE, CONTRACTS, CONTROL)]


def test_a_rejected_row_with_a_customer_goes_to_the_customers_shard():
    for name in CUSTOMERS[:5]:
        one = Rejected(0, "too_late", "", b"{}", customer_id=name)
        parts = split(Batch(USAGE, 0, 0, 1, None, 0, None, (), (one,)), 8)
        assert [customer_shard_of(name, 8)] == [shard for _, (shard, part) in parts if part.rejected]
