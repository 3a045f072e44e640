"""Usage summed by cell: what every aggregation is had from, against sums of Python's own."""

import random
from decimal import Decimal, localcontext

import msgspec
import numpy as np
import polars as pl
import pytest

from dataflows.usage_cells import QUARTER_US, UsageCells
from dataflows.usage_sums import UsageSums, unique_value
from state.store import ShardStore
from tests.support.timeline import micros

ORIGINS = [("usage.events", 0), ("usage.events", 1)]
START = micros("2025-03-01")
SCHEMA = {
    "customer_id": pl.String, "contract_id": pl.String, "meter": pl.String, "event_time": pl.Int64,
    "quantity": pl.Decimal(38, 18), "dimensions": pl.String, "offset": pl.Int64, "high": pl.UInt64, "low": pl.UInt64,
    "origin": pl.UInt32,
}  # fmt: skip
DIMENSIONS = ["[]", '[["region","eu"]]', '[["unique_key","a"]]', '[["unique_key","b\\"c"]]', '[["x","unique_key"]]']
EDGE = START + 7 * 60_000_000 + 1


def drawn(seed, most, scale):
    rng = random.Random(seed)
    with localcontext(prec=60):
        return [
            (
                rng.choice("ab"), rng.choice([None, "", "k"]), rng.choice("am"),
                START + rng.randrange(2 * QUARTER_US // rng.choice([1, 10**8])),
                Decimal(rng.randrange(-most, most)).scaleb(-scale), rng.choice(DIMENSIONS), offset,
                rng.getrandbits(64), rng.getrandbits(64), rng.randrange(2),
            )
            for offset in range(400)
        ]  # fmt: skip


def expected(rows):
    """Group by group in the order of their first rows, event by event."""
    found = {}
    for customer, contract, meter, time, quantity, dimensions, offset, high, low, origin in rows:
        cell = max(time // QUARTER_US * QUARTER_US, EDGE if customer == "a" and EDGE <= time else 0)
        with localcontext(prec=60):
            units = int(quantity.scaleb(18))
        one = found.setdefault((customer, contract, meter, cell, origin), [])
        one.append((units, time, offset, high << 64 | low, unique_value(dimensions)))
    for (customer, contract, meter, cell, origin), events in found.items():
        digest = 0
        for event in events:
            digest ^= event[3]
        last = max(events, key=lambda one: (one[1], one[2]))
        yield (
            customer, contract, meter, cell, sum(one[0] for one in events), len(events), digest,
            (*ORIGINS[origin], events[0][2], events[-1][2] + 1), max(one[0] for one in events), last[1], last[2],
            last[0], sum(one[0] * (one[1] - cell) for one in events), {value for one in events for value in one[4]},
        )  # fmt: skip


def sums_of(rows, counted=None):
    return UsageSums(rows, np.ones(rows.height, dtype=bool) if counted is None else counted, {"a": [EDGE]}, ORIGINS)


def summed(rows, counted=None):
    for one in sums_of(pl.DataFrame(rows, schema=SCHEMA, orient="row"), counted):
        source = (one.source.topic, one.source.partition, one.source.start, one.source.end)
        fields = msgspec.structs.astuple(one)
        yield (*fields[:7], source, *fields[8:13], set(one.distinct))


@pytest.mark.parametrize(
    ("most", "scale"),
    [
        pytest.param(10**4, 0, id="whole units"),
        pytest.param(10**5, 2, id="hundredths"),
        pytest.param(10**12, 9, id="billionths"),
        pytest.param(10**18, 9, id="billionths whose sums pass 64 bits"),
        pytest.param(10**38, 18, id="all digits there are"),
        pytest.param(10**20, 0, id="whole units beyond 64 bits"),
    ],
)
def test_usage_summed_by_cell_is_what_its_events_come_to(most, scale):
    for seed in range(10):
        rows = drawn(seed, most, scale)
        assert list(expected(rows)) == list(summed(rows)), f"seed {seed}"


def test_the_rows_of_a_sum_are_those_it_counts():
    rows = pl.DataFrame(drawn(3, 10**5, 2), schema=SCHEMA, orient="row")
    sums = sums_of(pl.concat([rows[:150], rows[150:]], rechunk=False))
    for number, one in enumerate(sums):
        own = sums.rows_of([number])
        assert [one.events] == [own.height]
        assert one.quantity == sum(int(value.scaleb(18)) for value in own["quantity"])
    assert rows.equals(sums.rows_of(range(number + 1)))


@pytest.mark.parametrize("share", [0, 0.1, 0.9])
def test_rows_that_do_not_count_are_in_no_sum(share):
    for seed in range(5):
        rng = random.Random(seed)
        rows = drawn(seed, 10**5, 2)
        counted = np.array([rng.random() < share for _ in rows])
        kept = [row for row, counts in zip(rows, counted, strict=True) if counts]
        assert list(expected(kept)) == list(summed(rows, counted)), f"seed {seed}"
        frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
        sums = sums_of(frame, counted)
        assert frame.filter(counted).equals(sums.rows_of(range(len(rows)))), f"seed {seed}"


def test_a_unique_key_is_seen_beside_others_and_behind_rows_that_have_none():
    rows = [(*row[:5], '[["region","somewhere"]]', *row[6:]) for row in drawn(1, 10**5, 2)]
    keyed = [*rows[:-1], (*rows[-1][:5], '[["region","elsewhere"],["unique_key","a"]]', *rows[-1][6:])]
    assert [(), (unique_value('[["unique_key","a"]]')[0],)] == sorted({tuple(one[-1]) for one in summed(keyed)})
    assert {()} == {tuple(one[-1]) for one in summed(rows)}


def test_it_is_said_of_every_row_whether_it_counts():
    frame = pl.DataFrame(drawn(1, 10**5, 2), schema=SCHEMA, orient="row")
    for rows in (0, 399, 401):
        with pytest.raises(ValueError, match=f"^{rows} bytes"):
            sums_of(frame, np.ones(rows, dtype=bool))


def test_no_rows_are_no_groups():
    assert [] == list(summed([]))


def test_cells_that_memory_has_no_room_for_are_those_of_the_store(tmp_path, monkeypatch):
    def kept(room):
        monkeypatch.setattr("dataflows.usage_cells.CACHED_CELLS", room)
        store = ShardStore(tmp_path / f"of-{room}")
        cells, rows = UsageCells(store), drawn(7, 10**5, 2)
        feeds = set()
        for at in range(0, len(rows), 20):
            part = pl.DataFrame(rows[at : at + 20], schema=SCHEMA, orient="row")
            feeds |= {cells.add(one) for one in sums_of(part)}
            cells.flush()
            store.commit()
        span = START, START + QUARTER_US
        seen = [(feed, list(cells.between(feed, *span))) for feed in sorted(feeds)]
        afresh = [(feed, list(UsageCells(store).between(feed, *span))) for feed in sorted(feeds)]
        stored = list(store.scan(b""))
        store.close()
        return seen, afresh, stored

    roomy, tight = kept(50_000), kept(3)
    assert roomy == tight
    assert roomy[0] == roomy[1]
