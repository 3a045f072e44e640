"""Identities are stable, injective and the same for columns and for single records."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars_hash import NonCryptographicHashingNameSpace as Hashes

from schemas.decimals import unscaled_decimal
from schemas.identity import (
    customer_shard,
    customer_shard_of,
    fingerprint,
    fingerprint_of,
    id128,
    id128_of,
)
from schemas.usage_columns import SCHEMA, decode_usage
from tests.schemas.examples import USAGE, changed, line_of

JAN_1 = 1_704_067_200_000_000
# Stored state is keyed by these values: a library that computes others loses every identity ever stored.
PINNED_IDS = {
    ("c1", "gateway", "u1"): 81665885865113181894695758424199069172,
    ("", "", ""): 23762501360938717465127574578469214826,
    ("é", "日", "😀"): 322397087768363437014190867644714782269,
}
PINNED_FINGERPRINTS = {
    (
        "c1",
        "k1",
        "api.calls",
        Decimal("1.5"),
        JAN_1,
        '[["region","eu"]]',
    ): 86165878150713629099735949799663860289,
    ("c1", None, "api.calls", Decimal("1.5"), JAN_1, ""): 198196892766276838450539610521116330357,
    ("c1", "", "api.calls", Decimal("1.5"), JAN_1, ""): 276692203901779472334326318344508735673,
}


@pytest.mark.parametrize("parts", PINNED_IDS)
def test_an_identity_never_changes(parts):
    assert PINNED_IDS[parts] == id128_of(*parts)


@pytest.mark.parametrize("parts", PINNED_FINGERPRINTS)
def test_a_fingerprint_never_changes(parts):
    assert PINNED_FINGERPRINTS[parts] == fingerprint_of(*parts)


def test_a_customers_shard_never_changes():
    assert [2, 5, 3, 2] == [customer_shard_of(customer, 8) for customer in ("c1", "c2", "é", "")]
    assert 1_235_834_370 == customer_shard_of("c1", 2**31)


def test_the_hash_is_xxh3_by_its_published_vectors():
    empty = pl.DataFrame({"text": [""]}).select(
        short=Hashes(pl.col("text")).xxh3_64(), long=Hashes(pl.col("text")).xxh3_128()
    )
    assert [(0x2D06800538D394C2, 0x99AA06D3014798D86001C324468D497F)] == empty.rows()


TEXT = st.text(max_size=6)
ROW = st.tuples(
    TEXT,
    TEXT,
    TEXT,
    TEXT | st.none(),
    TEXT,
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.integers(-(2**62), 2**62),
    TEXT,
)


@settings(deadline=None, max_examples=50)
@given(st.lists(ROW, min_size=1, max_size=5), st.integers(1, 64))
def test_single_records_have_the_values_of_columns(rows, shards):
    names = (
        "event_id",
        "source",
        "customer_id",
        "contract_id",
        "meter",
        "quantity",
        "event_time",
        "dimensions",
    )
    values = [(*row[:5], unscaled_decimal(row[5], 18), *row[6:]) for row in rows]
    frame = pl.DataFrame(values, schema={name: SCHEMA[name] for name in names}, orient="row")
    frame = frame.select(id128(), fingerprint(), customer_shard(pl.col("customer_id"), shards).alias("shard"))
    expected = [
        (
            id128_of(customer, source, event),
            fingerprint_of(customer, *rest),
            customer_shard_of(customer, shards),
        )
        for event, source, customer, *rest in values
    ]
    assert expected == frame.rows()


def test_moving_a_letter_from_one_field_to_the_next_gives_another_identity():
    ids = [
        id128_of("ab", "c", "d"),
        id128_of("a", "bc", "d"),
        id128_of("ab", "", "cd"),
        id128_of("1:ab", "c", "d"),
    ]
    assert 4 == len(set(ids))


def test_every_part_of_the_content_is_in_the_fingerprint():
    base = ("c", "k", "m", Decimal(1), 0, "")
    others = [("x", "c"), ("x", "k"), ("x", "m"), (Decimal(2),), (1,), ('[["a","b"]]',)]
    prints = {fingerprint_of(*base)}
    for at, (other, *_) in enumerate(others):
        prints.add(fingerprint_of(*base[:at], other, *base[at + 1 :]))
    prints.add(fingerprint_of("c", None, *base[2:]))
    assert 8 == len(prints)


def test_the_same_content_written_differently_has_one_fingerprint():
    same = [
        changed(USAGE, quantity="1.50", event_time="2024-01-01T00:00:00Z"),
        changed(USAGE, quantity="15e-1", event_time="2024-01-01T01:00:00.000+01:00"),
        changed(USAGE, quantity="+1.5", event_time="2024-01-01T00:00:00.0Z", dimensions=USAGE["dimensions"][::-1]),
    ]
    rows = decode_usage([line_of(record) for record in same]).rows
    assert 1 == rows.select(fingerprint().n_unique()).item()


def test_shards_are_at_least_one():
    with pytest.raises(ValueError, match="at least 1"):
        customer_shard(pl.col("customer_id"), 0)
