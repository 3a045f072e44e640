"""Identities are stable, injective and the same for columns and for single records."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars_hash import NonCryptographicHashingNameSpace as Hashes

from schemas import native
from schemas.decimals import unscaled_decimal
from schemas.identity import MARKS, customer_shard_of, fingerprint_of, id128_of, identified
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


NAMES = ("event_id", "source", "customer_id", "contract_id", "meter", "quantity", "event_time", "dimensions")
TEXT = st.text(max_size=6) | st.text("aé", min_size=60, max_size=300)  # the hash has other ways for longer texts
ROW = st.tuples(
    TEXT, TEXT, TEXT, TEXT | st.none(), TEXT, st.integers(-(10**38) + 1, 10**38 - 1), st.integers(-(2**62), 2**62), TEXT
)  # fmt: skip


def hashed(text: str) -> tuple[int, int]:
    """xxh3 of 128 and of 64 bits, by other hands."""
    one = Hashes(pl.col("text"))
    return pl.DataFrame({"text": [text]}).select(long=one.xxh3_128(), short=one.xxh3_64()).row(0)


def size(text: str | None) -> str:
    return "-" if text is None else str(len(text.encode()))


def test_the_hash_is_xxh3_by_its_published_vectors():
    assert (0x99AA06D3014798D86001C324468D497F, 0x2D06800538D394C2) == hashed("")


@settings(deadline=None, max_examples=100)
@given(st.lists(ROW, min_size=1, max_size=5), st.integers(1, 64))
def test_columns_and_single_records_have_the_hashes_of_the_texts_they_are_said_to_be_of(rows, shards):
    values = [(*row[:5], unscaled_decimal(row[5], 18), *row[6:]) for row in rows]
    found = identified(pl.DataFrame(values, schema={name: SCHEMA[name] for name in NAMES}, orient="row"))
    for row, (event, source, customer, contract, meter, quantity, time, dimensions) in enumerate(values):
        identity = f"{size(customer)},{size(source)};{customer}{source}{event}"
        content = (
            f"{size(customer)},{size(contract)},{size(meter)};{quantity:f};{time};"
            f"{customer}{contract or ''}{meter}{dimensions}"
        )
        high, low, print_high, print_low, home = found.select(*MARKS).row(row)
        single = fingerprint_of(customer, contract, meter, quantity, time, dimensions)
        assert hashed(identity)[0] == high << 64 | low == id128_of(customer, source, event)
        assert hashed(content)[0] == print_high << 64 | print_low == single
        assert hashed(customer)[1] == home
        assert home % shards == customer_shard_of(customer, shards)


TENS = [10**digits + more for digits in range(1, 38) for more in (-1, 0, 1)]
WORDS = [
    2**bits + more for bits in (63, 64, 81, 82, 83, 126) for more in (-1, 0, 1)
]  # a quantity is divided by its size


@pytest.mark.parametrize("quantity", [0, 1, *TENS, *WORDS, 10**38 - 1])
def test_every_digit_of_a_quantity_and_of_a_time_is_in_the_fingerprint(quantity):
    time = quantity % 2**62
    for sign in ("", "-") if time else ("",):
        whole, rest = divmod(quantity, 10**18)
        content = f"1,-,1;{sign}{whole}.{rest:018};{sign}{time};cm"
        factor = -1 if sign else 1
        assert hashed(content)[0] == native.fingerprint("c", None, "m", factor * quantity, factor * time, "")


def test_rows_are_identified_once():
    rows = identified(decode_usage([line_of(USAGE)]).rows)
    assert rows is identified(rows)


def test_rows_of_several_chunks_are_identified_in_their_order():
    parts = [decode_usage([line_of(changed(USAGE, event_id=f"e{number}"))]).rows for number in range(3)]
    expected = [identified(part)["low"].item() for part in parts]
    assert expected == identified(pl.concat(parts, rechunk=False))["low"].to_list()


@pytest.mark.parametrize(
    "strange, error",
    [
        (pl.lit(1).alias("meter"), "meter is no text"),
        (pl.lit(1.5).alias("quantity"), "quantity is no decimal of scale 18"),
        (pl.lit("x").alias("event_time"), "event_time is no number"),
        (pl.lit(None, pl.String).alias("source"), "source has no value in 1 rows"),
        (pl.lit(None, SCHEMA["quantity"]).alias("quantity"), "lacks a value"),
    ],
)
def test_a_column_of_another_type_is_named(strange, error):
    with pytest.raises(TypeError, match=error):
        identified(decode_usage([line_of(USAGE)]).rows.with_columns(strange))


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
    rows = identified(decode_usage([line_of(record) for record in same]).rows)
    assert 1 == rows.select("print_high", "print_low").n_unique()


def test_shards_are_at_least_one():
    with pytest.raises(ValueError, match="at least 1"):
        customer_shard_of("c", 0)
