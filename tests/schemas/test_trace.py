"""What a record was sent under: read where it is well-formed, and never a reason to refuse a record or to see another one."""

import pytest

from accounting.trace import UNTRACED, Trace
from schemas import topics
from schemas.decode import decode
from schemas.fault import Fault
from schemas.trace import sent_under, trace_of, traceparent, untraced
from tests.schemas.examples import EXAMPLES, TRACEPARENT, changed, line_of

ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "text",
    [
        TRACEPARENT.upper(), f" {TRACEPARENT}", f"{TRACEPARENT}\n", f"{TRACEPARENT}-", f"{TRACEPARENT}-more", TRACEPARENT[:-1],
        f"00-{'0' * 32}-{PARENT}-01", f"00-{ID}-{'0' * 16}-01", f"ff-{ID}-{PARENT}-01", f"0-{ID}-{PARENT}-01",
        f"00-{ID[1:]}-{PARENT}-01", f"00-{ID}g-{PARENT}-01", f"00-{ID}-{PARENT}-0x", f"00_{ID}_{PARENT}_01",
        f"cc-{ID}-{PARENT}-01.more", "", None, 7, TRACEPARENT.encode(), [TRACEPARENT],
    ],
)  # fmt: skip
def test_what_is_malformed_or_names_nothing_is_no_trace(text):
    assert None is traceparent(text)


@pytest.mark.parametrize("flags", ["00", "01", "02", "ff"])
def test_a_trace_is_carried_as_it_is(flags):
    text = f"00-{ID}-{PARENT}-{flags}"
    assert text == traceparent(text)


@pytest.mark.parametrize(("flags", "known"), [("00", "00"), ("01", "01"), ("fe", "00"), ("ff", "01")])
@pytest.mark.parametrize("more", ["", "-", "-what-the-future-brings"])
def test_of_a_later_version_what_this_one_knows_is_carried(flags, known, more):
    assert f"00-{ID}-{PARENT}-{known}" == traceparent(f"cc-{ID}-{PARENT}-{flags}{more}")


def test_each_name_is_its_own_or_the_others():
    assert Trace("a", "u") == Trace("a").over(Trace("b", "u"))
    assert Trace("a", "u") == Trace(None, "u").over(Trace("a", "v"))
    assert Trace("a", "u") == Trace("a", "u").over(UNTRACED) == UNTRACED.over(Trace("a", "u"))


@pytest.mark.parametrize("topic", topics.TRACED)
def test_a_record_says_what_it_was_sent_under(topic):
    assert Trace("corr-1", TRACEPARENT) == trace_of(decode(topic, line_of(EXAMPLES[topic])))
    silent = changed(EXAMPLES[topic], correlation_id=None, traceparent=None)
    assert UNTRACED == trace_of(decode(topic, line_of(silent)))


@pytest.mark.parametrize("topic", topics.TRACED)
@pytest.mark.parametrize("text", ["", TRACEPARENT.upper(), 7, {}, ["x"], 1.5, True])
def test_a_malformed_trace_is_no_fault_of_its_record(topic, text):
    assert None is decode(topic, line_of(changed(EXAMPLES[topic], traceparent=text))).traceparent


@pytest.mark.parametrize("topic", [topics.BILLING, topics.REFERENCE, topics.CONTROL])
@pytest.mark.parametrize("text", ["", 7, {}, ["x"]])
def test_what_is_no_correlation_id_is_no_fault_where_any_key_was_taken_before(topic, text):
    assert None is decode(topic, line_of(changed(EXAMPLES[topic], correlation_id=text))).correlation_id


@pytest.mark.parametrize("topic", topics.TRACED)
def test_sent_under_other_names_it_is_the_same_record(topic):
    first = decode(topic, line_of(EXAMPLES[topic]))
    again = decode(topic, line_of(changed(EXAMPLES[topic], correlation_id="other", traceparent=None)))
    assert first != again
    assert untraced(first) == untraced(again)
    other = decode(topic, line_of(changed(EXAMPLES[topic], event_time="2024-02-02T00:00:00Z")))
    assert untraced(first) != untraced(other)


@pytest.mark.parametrize("topic", topics.TRACED)
def test_the_fault_of_an_invalid_record_says_it_too(topic):
    fault = decode(topic, line_of(changed(EXAMPLES[topic], kind="no such kind")))
    assert isinstance(fault, Fault)
    assert Trace("corr-1", TRACEPARENT) == fault.trace
    fault = decode(topic, line_of(changed(EXAMPLES[topic], kind="no such kind", correlation_id=7, traceparent="x")))
    assert UNTRACED == fault.trace


def test_usage_is_not_asked():
    usage = changed(EXAMPLES[topics.USAGE], quantity="x", correlation_id="c", traceparent=TRACEPARENT)
    assert UNTRACED == decode(topics.USAGE, line_of(usage)).trace


def test_what_a_record_says_itself_wins_over_its_message():
    message = Trace("message", TRACEPARENT)
    assert {"a": 1, "correlation_id": "message", "traceparent": TRACEPARENT} == sent_under({"a": 1}, message)
    own = {"correlation_id": "own", "traceparent": TRACEPARENT.replace("-01", "-00")}
    assert own == sent_under(own, message)
    assert TRACEPARENT == sent_under({"traceparent": "malformed"}, message)["traceparent"]
    assert own == sent_under(own, UNTRACED)
