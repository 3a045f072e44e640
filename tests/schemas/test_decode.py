"""A line becomes a record or a fault, and no bytes make decoding raise."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import topics
from schemas.decode import decode
from schemas.fault import Fault
from schemas.topics import TOPICS
from schemas.usage import UsageEvent
from tests.schemas.examples import EXAMPLES, USAGE, changed, line_of

UNDECODABLE = [
    b"", b" ", b"\n", b"null", b"1", b'"text"', b"[]", b'[{"a":1}]', b"{", b'{"a":1', b'{"a":1}{"b":2}',
    b'{"a":1,}', b"{'a':1}", b"\x00", b'{"a":"\x00"}', b'\x00{"a":1}', b'{"a":1}\x00', b'{"a":"\xff"}',
    b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}', b'{"a":"\\q"}', b'{"a":NaN}', b'{"a":Infinity}',
    b'{"a":-Infinity}', b'{"a":01}', b'{"a":1.}', b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"[" * 100_000,
    b'{"a":' * 100_000, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
]  # fmt: skip
INVALID = {
    "quantity = 1: must be a decimal string": {"quantity": 1},
    "quantity = 1.5: must be a decimal string": {"quantity": 1.5},
    "quantity = True: must be a decimal string": {"quantity": True},
    "quantity = 'NaN': must be a decimal string": {"quantity": "NaN"},
    "quantity = '1e999999999': must": {"quantity": "1e999999999"},
    "quantity is missing": {"quantity": None},
    "event_id = '': ": {"event_id": ""},
    "event_id = 7: ": {"event_id": 7},
    "event_time = 1704067200000000: must be an RFC 3339 string": {"event_time": 1704067200000000},
    "event_time = '2024-01-01': must be an RFC 3339 time": {"event_time": "2024-01-01"},
    "event_time = '2016-12-31T23:59:60Z': must": {"event_time": "2016-12-31T23:59:60Z"},
    "dimensions = an object: ": {"dimensions": {"region": "eu"}},
    "dimensions[0] = 'a': ": {"dimensions": ["a"]},
    "dimensions[0].value is missing": {"dimensions": [{"key": "a"}]},
    "dimensions[0].value = 1: ": {"dimensions": [{"key": "a", "value": 1}]},
    "dimensions[0].key = '': ": {"dimensions": [{"key": "", "value": "x"}]},
    "contract_id = an array: ": {"contract_id": []},
}


@pytest.mark.parametrize("line", UNDECODABLE, ids=lambda line: repr(line[:20]))
@pytest.mark.parametrize("topic", [topics.USAGE, topics.CONTRACTS])
def test_what_is_no_json_object_is_undecodable(topic, line):
    fault = decode(topic, line)
    assert isinstance(fault, Fault)
    assert "undecodable" == fault.cls


@pytest.mark.parametrize("reason", INVALID)
def test_an_object_that_fails_the_schema_is_invalid_and_names_field_and_value(reason):
    fault = decode(topics.USAGE, line_of(changed(USAGE, **INVALID[reason])))
    assert isinstance(fault, Fault)
    assert "invalid" == fault.cls
    assert fault.reason.startswith(reason)


def test_the_value_in_a_reason_is_shortened():
    fault = decode(topics.USAGE, line_of(changed(USAGE, quantity="x" * 100_000)))
    assert isinstance(fault, Fault)
    assert len(fault.reason) < 200


def test_a_number_too_large_for_a_float_is_still_a_number():
    line = line_of(USAGE).replace(b'"-12.000000000000000001"', b"1e400")
    fault = decode(topics.USAGE, line)
    assert isinstance(fault, Fault)
    assert "invalid" == fault.cls


def test_a_missing_key_equals_null_equals_the_default():
    without = {name: value for name, value in USAGE.items() if name not in ("contract_id", "dimensions")}
    with_null = changed(USAGE, contract_id=None, dimensions=None)
    assert decode(topics.USAGE, line_of(without)) == decode(topics.USAGE, line_of(with_null))
    assert isinstance(decode(topics.USAGE, line_of(without)), UsageEvent)


def test_unknown_keys_are_ignored():
    assert decode(topics.USAGE, line_of(USAGE)) == decode(topics.USAGE, line_of(changed(USAGE, later={"x": [1.5]})))


def test_of_a_key_given_twice_the_last_one_counts():
    line = b'{"meter":"first",' + line_of(USAGE)[1:]
    assert decode(topics.USAGE, line_of(USAGE)) == decode(topics.USAGE, line)


def test_an_unknown_topic_is_a_defect_of_the_caller():
    with pytest.raises(KeyError):
        decode("no.such.topic", b"{}")


def test_a_cloud_event_is_usage():
    event = {
        "specversion": "1.0",
        "id": "u1",
        "source": "gateway",
        "type": "api.calls",
        "subject": "c1",
        "time": USAGE["event_time"],
        "data": {name: USAGE[name] for name in ("contract_id", "quantity", "dimensions")},
    }
    assert decode(topics.USAGE, line_of(USAGE)) == decode(topics.USAGE, line_of(event))


@pytest.mark.parametrize("data", [None, 1, [], {"quantity": 1}])
def test_a_cloud_event_without_a_quantity_is_invalid(data):
    event = {"specversion": "1.0", "id": "u1", "source": "s", "type": "m", "subject": "c", "data": data}
    fault = decode(topics.USAGE, line_of(event))
    assert isinstance(fault, Fault)
    assert "invalid" == fault.cls


@pytest.mark.parametrize("topic", TOPICS)
@settings(deadline=None)
@given(line=st.binary(max_size=200))
def test_no_bytes_make_decoding_raise(topic, line):
    assert isinstance(decode(topic, line), Fault)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("topic", TOPICS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_value_in_any_field_makes_decoding_raise(topic, data):
    record = EXAMPLES[topic]
    for name in data.draw(st.lists(st.sampled_from(sorted(record)), max_size=3)):
        record = changed(record, **{name: data.draw(JSON)})
    line = json.dumps(record).encode()
    outcome = decode(topic, line)
    assert isinstance(outcome, Fault | TOPICS[topic].model)
    if isinstance(outcome, Fault):
        assert len(outcome.reason) < 500


@given(st.integers(0, len(line_of(USAGE)) - 1))
def test_a_truncated_line_is_undecodable(length):
    fault = decode(topics.USAGE, line_of(USAGE)[:length])
    assert isinstance(fault, Fault)
    assert "undecodable" == fault.cls


def test_a_huge_line_is_refused_quickly():
    line = line_of(changed(USAGE, quantity="9" * 5_000_000))
    start = time.process_time()
    assert isinstance(decode(topics.USAGE, line), Fault)
    assert time.process_time() - start < 1
