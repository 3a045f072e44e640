"""Stored bytes read back as written, or are refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import codec, keys
from state.errors import StateDamaged
from state.records import Applied, Source, StoredContract


class Sample(msgspec.Struct, array_like=True):
    """A record as a version of the program may have it."""

    amounts: dict[str, bytes]
    sources: list[Source]
    note: str | None


class SampleOfLater(msgspec.Struct, array_like=True):
    """The same record in a later version: its new field is the last one and has a default."""

    amounts: dict[str, bytes]
    sources: list[Source]
    note: str | None
    raised: str = ""


APPLIED = Applied(7, None, 3)
SOURCE = Source("usage.events", 0, 1, 9)
SAMPLE = Sample({"revenue": codec.from_int(-(10**40))}, [SOURCE, SOURCE], "é")
RECORDS = [APPLIED, SAMPLE, SOURCE, StoredContract(b'{"a": "\xc3\xa9"}', "t", 0, 1)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_reads_back_as_written(record):
    assert record == codec.decode(type(record), codec.encode(record))


@pytest.mark.parametrize("head", [b"\x00", b"\x02", b"\xff", b""])
def test_another_version_is_refused(head):
    shown = head.hex() or "none"
    with pytest.raises(StateDamaged, match=f"an? Applied in the state has format version {shown}, not 1"):
        codec.decode(Applied, head + codec.encode(APPLIED)[1:] if head else b"")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_torn_bytes_are_refused_wherever_they_end(record):
    data = codec.encode(record)
    for end in range(len(data)):
        with pytest.raises(StateDamaged):
            codec.decode(type(record), data[:end])
    with pytest.raises(StateDamaged, match="does not read"):
        codec.decode(type(record), data + b"\x00")


@given(st.binary(max_size=40))
def test_any_bytes_are_a_record_or_refused(data):
    for kind in (Applied, Sample):
        try:
            codec.decode(kind, b"\x01" + data)
        except StateDamaged:
            continue


def test_bytes_of_an_older_and_of_a_later_version_of_a_record_are_read():
    later = SampleOfLater(SAMPLE.amounts, SAMPLE.sources, SAMPLE.note, "invalid")
    assert SAMPLE == codec.decode(Sample, codec.encode(later))
    older = codec.decode(SampleOfLater, codec.encode(SAMPLE))
    assert (SAMPLE.amounts, "") == (older.amounts, older.raised)


@given(st.integers(-(2**400), 2**400))
def test_integers_of_any_size_read_back(value):
    assert value == codec.to_int(codec.from_int(value))


@pytest.mark.parametrize("power", [0, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 1000])
def test_integers_at_the_edges_of_bytes_read_back(power):
    for value in (2**power, 2**power - 1, -(2**power), -(2**power) - 1):
        assert value == codec.to_int(codec.from_int(value))


INT64 = st.integers(-(2**63), 2**63 - 1)


@given(INT64, INT64)
def test_keys_order_as_their_numbers_do(one, other):
    assert (one < other) == (keys.number(one) < keys.number(other))
    assert one == keys.from_number(keys.number(one))


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_number_beyond_64_bits_makes_no_key(value):
    with pytest.raises(OverflowError):
        keys.number(value)


def test_names_know_where_one_part_ends_and_the_next_begins():
    named = [("a", "bc"), ("ab", "c"), ("abc",), ("abc", ""), ("", "abc"), ("3:abc",), ()]
    assert len(named) == len({keys.name(*parts) for parts in named})
    assert {16} == {len(keys.name(*parts)) for parts in named}


def test_tables_have_letters_of_their_own():
    letters = [value for name, value in vars(keys).items() if name.isupper() and isinstance(value, bytes)]
    assert len(letters) == len(set(letters))
    assert {1} == {len(letter) for letter in letters}
