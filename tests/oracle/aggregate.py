"""Aggregations: one cumulative quantity out of the usage of a billing period."""

from fractions import Fraction

from . import topic


def aggregate(rate, events, start, end):
    """The cumulative quantity of events in a billing period [start, end) (events.md, line.rate and Fine print)."""
    kind = rate.aggregation
    if kind == "sum":
        return sum((event.quantity for event in events), Fraction(0))
    if kind == "count":
        return Fraction(len(events))
    if kind == "max":
        return max((event.quantity for event in events), default=Fraction(0))
    if kind == "last":
        return max(events, key=_moment).quantity if events else Fraction(0)
    if kind == "unique":
        values = {value for event in events for key, value in event.dimensions if key == rate.unique_key}
        return Fraction(len(values))
    return _weighted_sum(events, start, end)


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
