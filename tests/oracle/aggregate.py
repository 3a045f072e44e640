"""Aggregations: one cumulative quantity out of the usage of a billing period."""

from fractions import Fraction

from . import topic

CARRIED = ("last", "weighted_sum")
"""The aggregations that go on with the value of the billing period before, by policy carry (Fine print)."""


def aggregate(rate, events, start, end, carried=Fraction(0)):
    """The cumulative quantity of events in a billing period [start, end) (events.md, line.rate and Fine print)."""
    kind = rate.aggregation
    if kind == "sum":
        return sum((event.quantity for event in events), Fraction(0))
    if kind == "count":
        return Fraction(len(events))
    if kind == "max":
        return max((event.quantity for event in events), default=Fraction(0))
    if kind == "last":
        return max(events, key=_moment).quantity if events else carried
    if kind == "unique":
        values = {value for event in events for key, value in event.dimensions if key == rate.unique_key}
        return Fraction(len(values))
    return carried + _weighted_sum(events, start, end)


def last_value(rate, events, carried):
    """What a billing period ends with: the last value, or the running sum of a weighted one."""
    if rate.aggregation == "last":
        return max(events, key=_moment).quantity if events else carried
    return carried + sum((event.quantity for event in events), Fraction(0))


def _moment(event):
    """Later time wins, ties are broken by position."""
    _, partition, offset = event.position
    return (event.time, topic.partition_order(partition), offset)


def _weighted_sum(events, start, end):
    """The running sum integrated over the billing period and divided by its full length."""
    total = Fraction(0)
    for event in events:
        total += event.quantity * Fraction(max(end - event.time, 0), end - start)
    return total
