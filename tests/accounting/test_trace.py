"""What a record was sent under."""

from accounting.trace import UNTRACED, Trace


def test_what_a_trace_does_not_name_the_one_below_it_does():
    below = Trace("order-7", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    assert Trace("refund-1", below.traceparent) == Trace("refund-1").over(below)
    assert below == UNTRACED.over(below)
    assert below == below.over(UNTRACED)
