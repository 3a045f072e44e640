"""What the headers of a message say of what it was sent under, and what its record says then."""

import json

import pytest

from accounting.trace import UNTRACED, Trace
from connectors.kafka.forms import Forms
from connectors.kafka.headers import LONGEST_BYTES, headers_of, trace_of
from connectors.kafka.messages import Messages
from connectors.kafka.registry import FileRegistry
from connectors.kafka.written import Writer
from connectors.record_rows import record_batches
from connectors.timeline import Timeline
from schemas.topics import EXCEPTIONS, JOURNAL, RECALCULATIONS, TRACED
from tests.schemas.examples import EXAMPLES, TRACEPARENT, changed, line_of
from tests.support.kafka_feed import message

OTHER = TRACEPARENT.replace("4bf9", "5bf9")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, UNTRACED),
        ([], UNTRACED),
        ([("shard", b"1"), ("sequence", b"2")], UNTRACED),
        ([("traceparent", TRACEPARENT.encode())], Trace(None, TRACEPARENT)),
        ([("TraceParent", TRACEPARENT.encode())], Trace(None, TRACEPARENT)),
        ([("traceparent", TRACEPARENT.upper().encode())], UNTRACED),
        ([("traceparent", b"\xff" * 55)], UNTRACED),
        ([("traceparent", None)], UNTRACED),
        ([("traceparent", OTHER.encode()), ("traceparent", TRACEPARENT.encode())], Trace(None, TRACEPARENT)),
        ([("traceparent", OTHER.encode()), ("traceparent", b"malformed")], Trace(None, OTHER)),
        ([("correlation_id", "ä-1".encode())], Trace("ä-1")),
        ([("Correlation-Id", b"a")], Trace("a")),
        ([("X-CORRELATION-ID", b"a")], Trace("a")),
        ([("x-correlation-id", b"a"), ("correlation-id", b"b"), ("correlation_id", b"c")], Trace("c")),
        ([("correlation_id", b""), ("x-correlation-id", b"a")], Trace("a")),
        ([("correlation_id", b"\xff"), ("x-correlation-id", b"a")], Trace("a")),
        ([("correlation_id", b"a"), ("correlation_id", b"b")], Trace("b")),
        ([("correlation_id", b"x" * LONGEST_BYTES)], Trace("x" * LONGEST_BYTES)),
        ([("correlation_id", b"x" * (LONGEST_BYTES + 1))], UNTRACED),
        ([("correlation_id", None), ("traceparent", TRACEPARENT.encode())], Trace(None, TRACEPARENT)),
    ],
)
def test_names_are_read_whatever_their_case_and_what_is_malformed_is_left_out(headers, expected):
    assert expected == trace_of(headers)


def read(topic, value, trace):
    """The batch of one message."""
    messages = Messages([value], Forms(topic, FileRegistry()), [7], traces=[trace])
    [batch] = record_batches(topic, 0, 7, messages, None, Timeline.of([]))
    return batch


@pytest.mark.parametrize("topic", TRACED)
def test_a_record_without_names_has_those_of_its_message_also_where_it_is_kept(topic):
    silent = changed(EXAMPLES[topic], correlation_id=None, traceparent=None)
    [record] = read(topic, message(topic, line_of(silent)), Trace("c", TRACEPARENT)).records
    assert ("c", TRACEPARENT) == (record.model.correlation_id, record.model.traceparent)
    kept = json.loads(record.payload)
    assert ("c", TRACEPARENT) == (kept["correlation_id"], kept["traceparent"])
    [record] = read(topic, message(topic, line_of(silent)), UNTRACED).records
    assert (None, None) == (record.model.correlation_id, record.model.traceparent)


@pytest.mark.parametrize("topic", TRACED)
def test_the_names_of_a_record_itself_win(topic):
    [record] = read(topic, message(topic, line_of(EXAMPLES[topic])), Trace("c", OTHER)).records
    assert ("corr-1", TRACEPARENT) == (record.model.correlation_id, record.model.traceparent)


@pytest.mark.parametrize("topic", TRACED)
def test_what_is_no_record_is_told_with_the_names_of_its_message(topic):
    good = message(topic, line_of(EXAMPLES[topic]))
    for value in (good[:-1], b"\x00\x00\x00\x00\x63", b"{}", None):
        [rejected] = read(topic, value, Trace("c", TRACEPARENT)).rejected
        assert Trace("c", TRACEPARENT) == rejected.trace, value
        [rejected] = read(topic, value, UNTRACED).rejected
        assert UNTRACED == rejected.trace, value


def test_part_of_the_messages_have_the_names_that_they_had():
    silent = changed(EXAMPLES[TRACED[0]], correlation_id=None, traceparent=None)
    values = [message(TRACED[0], line_of(silent))] * 3
    whole = Messages(values, Forms(TRACED[0], FileRegistry()), [1, 2, 3], traces=[Trace("a"), Trace("b"), Trace("c")])
    assert ["b", "c"] == [one.correlation_id for one in whole.part(1).outcomes(TRACED[0])]


@pytest.mark.parametrize("topic", [JOURNAL, RECALCULATIONS, EXCEPTIONS])
def test_what_is_said_has_them_as_headers_where_there_are_any(topic):
    writer = Writer(topic, FileRegistry())
    names = {"correlation_id": "corr-1", "traceparent": TRACEPARENT}
    assert names == writer.message(line_of(EXAMPLES[topic])).headers
    assert {} == writer.message(line_of(changed(EXAMPLES[topic], correlation_id=None, traceparent=None))).headers
    assert {"traceparent": TRACEPARENT} == headers_of(Trace(None, TRACEPARENT))
