"""The fast path over columns gives exactly what decoding line by line gives."""

import json

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import dimensions, topics, usage_columns
from schemas.decimals import decimal_text
from schemas.decode import decode
from schemas.dimensions import DimensionTexts, dimension_pairs, dimensions_text
from schemas.fault import Fault
from schemas.usage import UsageEvent
from schemas.usage_columns import SCHEMA, decode_usage
from tests.schemas.examples import USAGE, changed, line_of

GOOD = line_of(USAGE)
QUANTITIES = [
    "0", "-0", "-0.000", "1", "+1", "12.5", "1.", ".5", "1e3", "1E-18", "1e999999999", "-1e-19", "1_0",
    "NaN", "inf", "0x1", " 1", "1\n", "99999999999999999999.999999999999999999", "100000000000000000000",
    "-99999999999999999999", "0.0000000000000000005", "0.0000000000000000000", "1.0000000000000000000000",
    "000000000000000000000001", "１", "",
]  # fmt: skip
TIMES = [
    "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.1Z", "2024-01-01T00:00:00.12Z", "2024-01-01T00:00:00.123Z",
    "2024-01-01T00:00:00.1234Z", "2024-01-01T00:00:00.12345Z", "2024-01-01T00:00:00.123456Z",
    "2024-02-29T23:59:59Z", "2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00.123456000Z",
    "2023-02-29T00:00:00Z", "2024-01-01T23:59:60Z", "2024-01-01T24:00:00Z", "2024-00-10T00:00:00Z",
    "2024-01-00T00:00:00Z", "2024-04-31T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z", "1900-02-29T00:00:00Z", "1969-12-31T23:59:59.999999Z",
    "2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00.5+00:00", "2024-01-01T00:00:00.123456+00:00",
    "2024-01-01T00:00:00-00:00", "2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00", "2024-01-01 00:00:00Z",
    "2024-01-01t00:00:00z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00ZZ", "2024-01-01T00:00:00Z+00:00",
    "2024-01-01T00:00:00Z\n", "1704067200000000", "2024-1-1T00:00:00Z", "2024-01-01", "",
]  # fmt: skip
RAW_DIMENSIONS = [
    "null", "[]", " [ ] ", '[{"key":"a","value":"b"}]', '[ {"value":"b", "key":"a"} ]',
    '[{"key":"a","value":""}]', '[{"key":"b","value":"1"},{"key":"a","value":"2"}]',
    '[{"key":"a","value":"2"},{"key":"a","value":"1"}]', '[{"key":"a","value":"b","x":1}]',
    '[{"key":"","value":"b"}]', '[{"key":"a"}]', '[{"key":"a","value":null}]', "[null]",
    '[{"key":"a","value":1}]', "{}", '"x"', "1", "[[]]", '[{"key":"\\u0061","value":"\\ud83d\\ude00"}]',
    '[{"key":"a","key":"b","value":"c"}]', '[{"key":"é,\\"]","value":"[\\n"}]', "[" * 150 + "]" * 150,
    "NaN", "1e400",
]  # fmt: skip


def outcome(index, line):
    """What the model makes of a line: a row of plain values, or a fault."""
    event = decode(topics.USAGE, line)
    if isinstance(event, Fault):
        return event
    assert isinstance(event, UsageEvent)
    pairs = [(dimension.key, dimension.value) for dimension in event.dimensions]
    text = dimensions_text(pairs)
    quantity = event.quantity
    texts = (event.event_id, event.source, event.customer_id, event.contract_id, event.meter)
    return (index, *texts, event.event_time, quantity, text)


def assert_same(lines):
    """Assert that the columns and the faults of a batch are those of its lines."""
    expected = [outcome(index, line) for index, line in enumerate(lines)]
    columns = decode_usage(lines)
    assert columns.rows.schema == SCHEMA
    assert [row for row in expected if not isinstance(row, Fault)] == columns.rows.rows()
    faults = [(index, fault) for index, fault in enumerate(expected) if isinstance(fault, Fault)]
    assert faults == columns.faults


def raw_line(quantity='"1"', time='"2024-01-01T00:00:00Z"', dimensions_json="null", extra=""):
    """A usage line from raw JSON pieces."""
    return (
        f'{{"event_id":"e","source":"s","customer_id":"c","meter":"m","quantity":{quantity},"event_time":{time},'
        f'"dimensions":{dimensions_json}{extra}}}'
    ).encode()


TEXT = st.text(max_size=8)
TEXTS = st.one_of(TEXT, TEXT, TEXT, st.none(), st.integers(), st.booleans())
ANY_TIME = st.one_of(
    st.sampled_from(TIMES),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,9})?Z", fullmatch=True),
)
ANY_QUANTITY = st.one_of(
    st.sampled_from(QUANTITIES),
    st.from_regex(r"[+-]?[0-9]{1,22}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
OBJECT = st.fixed_dictionaries(
    {
        "event_id": TEXT,
        "source": TEXT,
        "customer_id": TEXT,
        "meter": TEXT,
        "quantity": ANY_QUANTITY,
        "event_time": ANY_TIME,
    },
    optional={
        "contract_id": TEXTS,
        "dimensions": st.none() | st.lists(st.fixed_dictionaries({"key": TEXT, "value": TEXTS}), max_size=3),
        "unknown": TEXTS | st.lists(TEXTS, max_size=2),
        "specversion": st.just("1.0"),
    },
)
SPOILT = st.dictionaries(st.sampled_from(sorted(USAGE)), TEXTS, max_size=1)
OBJECT_LINE = st.builds(
    lambda value, spoilt, ascii_only: json.dumps({**value, **spoilt}, ensure_ascii=ascii_only).encode(),
    OBJECT,
    SPOILT,
    st.booleans(),
)
RAW_LINE = st.builds(
    raw_line,
    st.one_of(st.just('"1"'), st.sampled_from(QUANTITIES).map(json.dumps)),
    st.one_of(st.just('"2024-01-01T00:00:00Z"'), st.sampled_from(TIMES).map(json.dumps)),
    st.sampled_from(RAW_DIMENSIONS),
    st.sampled_from(
        [
            "",
            ',"x":1e400',
            ',"x":{"y":[1,"\\ud83d\\ude00"]}',
            ',"dimensions":[]',
            ',"meter":"n"',
            ',"meter":1',
        ]
    ),
)
BROKEN = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda cut: GOOD[:cut], st.integers(0, len(GOOD))),
    st.builds(lambda at, byte: GOOD[:at] + byte + GOOD[at + 1 :], st.integers(0, len(GOOD)), st.binary(max_size=2)),
)
LINE = st.one_of(st.just(GOOD), OBJECT_LINE, RAW_LINE, BROKEN)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINE, max_size=12))
def test_fast_equals_slow_on_any_mixture_of_lines(lines):
    assert_same(lines)


def test_fast_equals_slow_on_every_odd_quantity():
    assert_same([raw_line(quantity=json.dumps(text)) for text in QUANTITIES])


def test_fast_equals_slow_on_every_odd_time():
    assert_same([raw_line(time=json.dumps(text)) for text in TIMES])


def test_fast_equals_slow_on_all_odd_dimensions():
    assert_same([raw_line(dimensions_json=raw) for raw in RAW_DIMENSIONS])


DEEP = "[" * 300 + "]" * 300
SKIPPED = {
    "not UTF-8": raw_line(extra=',"x":"\u00ff"').replace("\u00ff".encode(), b"\xff"),
    "not UTF-8 in a key": raw_line(extra=',"\u00ff":1').replace("\u00ff".encode(), b"\xff"),
    "an encoded surrogate": raw_line(extra=',"x":"\u00ff"').replace("\u00ff".encode(), b"\xed\xa0\x80"),
    "a lone surrogate": raw_line(extra=',"x":"\\ud800 and more"'),
    "too deep": raw_line(extra=f',"x":{DEEP}'),
    "a huge integer": raw_line(extra=f',"x":{"1" * 5000}'),
    "dimensions given twice, first too deep": raw_line(dimensions_json=DEEP, extra=',"dimensions":[]'),
    "dimensions given twice, first not UTF-8": raw_line(
        '"1"', dimensions_json='["\u00ff"]', extra=',"dimensions":[]'
    ).replace("\u00ff".encode(), b"\xff"),
    "NaN": raw_line(extra=',"x":NaN'),
}


@pytest.mark.parametrize("what", SKIPPED)
def test_what_the_fast_parser_skips_unseen_is_still_refused(what):
    assert isinstance(decode(topics.USAGE, SKIPPED[what]), Fault)
    assert_same([GOOD, SKIPPED[what], GOOD])


def test_the_deepest_short_line_is_accepted_by_both():
    room = usage_columns.SHORT_LINE_BYTES_MAX - len(raw_line(extra=',"x":'))
    line = raw_line(extra=f',"x":{"[" * (room // 2)}{"]" * (room // 2)}')
    assert len(line) >= usage_columns.SHORT_LINE_BYTES_MAX - 1
    assert isinstance(decode(topics.USAGE, line), UsageEvent)


def test_long_lines_and_many_slices_keep_their_order():
    long = line_of(changed(USAGE, note="n" * 1000))
    bad = [b"{", raw_line(quantity="1"), b"\xff"]
    lines = [line_of(changed(USAGE, event_id=f"e{number}")) for number in range(2500)]
    lines[17:17], lines[1999:1999], lines[2400:2400] = bad, [long], bad
    assert_same(lines)


def test_a_batch_of_common_lines_never_reaches_the_model(monkeypatch):
    def refuse(topic, line):
        raise AssertionError(line)

    monkeypatch.setattr(usage_columns, "decode", refuse)
    lines = [line_of(changed(USAGE, event_id=f"e{number}")) for number in range(100)]
    lines.append(raw_line(time='"2024-01-01T00:00:00.5+00:00"'))
    assert 101 == decode_usage(lines).rows.height


def test_an_empty_batch_has_no_rows():
    assert_same([])


def test_equal_dimensions_have_one_text_and_different_ones_have_two():
    pairs = [("b", "1"), ("a", "2")]
    assert dimensions_text(pairs) == dimensions_text(reversed(pairs))
    assert '[["a","2"],["b","1"]]' == dimensions_text(pairs)
    assert dimensions_text([("a", "b"), ("c", "d")]) != dimensions_text([("a", 'b"],["c'), ("d", "")])
    assert "" == dimensions_text([])


@given(st.lists(st.tuples(TEXT, TEXT)))
def test_the_text_of_dimensions_gives_them_back_sorted(pairs):
    assert sorted(pairs) == dimension_pairs(dimensions_text(pairs))


def test_the_cache_of_dimensions_is_bounded(monkeypatch):
    monkeypatch.setattr(dimensions, "CACHED_TEXTS_MAX", 10)
    texts = DimensionTexts()
    for number in range(1000):
        assert f'[["k","{number}"]]' == texts[b'[{"key":"k","value":"%d"}]' % number]
    assert len(texts) <= 10


def test_quantities_keep_all_38_digits():
    columns = decode_usage([raw_line(quantity='"-99999999999999999999.999999999999999999"')])
    assert "-99999999999999999999.999999999999999999" == decimal_text(columns.rows["quantity"].item())
    assert pl.Decimal(38, 18) == columns.rows.schema["quantity"]
