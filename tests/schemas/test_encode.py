"""What is encoded is read back unchanged."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from schemas import topics
from schemas.decode import decode
from schemas.encode import encode
from schemas.fields import Record
from schemas.topics import TOPICS
from tests.schemas.examples import EXAMPLES, JOURNAL, line_of


def is_within(part, whole):
    """Whether everything a JSON value states, nulls apart, is stated by another one in the same words."""
    if isinstance(part, dict):
        return all(value is None or is_within(value, whole[key]) for key, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(is_within, part, whole))
    return part == whole


@pytest.mark.parametrize("topic", TOPICS)
def test_a_record_goes_through_json_unchanged(topic):
    record = decode(topic, line_of(EXAMPLES[topic]))
    assert isinstance(record, Record)
    line = encode(record)
    assert is_within(EXAMPLES[topic], json.loads(line))
    assert record == decode(topic, line)
    assert b"\n" not in line


def test_a_journal_entry_keeps_its_amounts_digit_for_digit():
    record = decode(topics.JOURNAL, line_of(JOURNAL))
    assert isinstance(record, Record)
    assert json.loads(encode(record)) == JOURNAL


def test_a_mapping_is_encoded_by_its_types():
    berlin = timezone(timedelta(hours=1))
    record = {
        "amount": Decimal("150.00"),
        "small": Decimal("1E-7"),
        "large": Decimal("1E+3"),
        "at": datetime(2024, 1, 1, 1, 0, 0, 1, tzinfo=berlin),
        "whole": datetime(2024, 1, 1, tzinfo=UTC),
        "day": date(2024, 1, 1),
        "payload": b"\x00\xff",
        "items": ({"n": 1}, None, True, "é"),
    }
    expected = (
        '{"amount":"150.00","small":"0.0000001","large":"1000","at":"2024-01-01T00:00:00.000001Z",'
        '"whole":"2024-01-01T00:00:00Z","day":"2024-01-01","payload":"AP8=","items":[{"n":1},null,true,"é"]}'
    )
    assert expected.encode() == encode(record)


@pytest.mark.parametrize("value", [1.5, {1}, object()])
def test_a_float_has_no_place_in_a_record(value):
    with pytest.raises(TypeError, match="no place in a record"):
        encode({"amount": value})


def test_an_infinite_decimal_is_refused():
    with pytest.raises(ValueError, match="finite"):
        encode({"amount": Decimal("Infinity")})
