"""Schedules: the share of a line's consideration that is earned by an instant, as an exact fraction."""

from fractions import Fraction

from . import instant, period


def share(line, method, at, zone):
    """The share of a ratable line earned by an instant (accounting.md rule 3, events.md line.method)."""
    if at >= line.end:
        return Fraction(1)
    if at <= line.start:
        return Fraction(0)
    return METHODS[method](line.start, line.end, at, zone)


def daily(start, end, at, zone):
    """By days: the start's local date counts, the end's does not."""
    first, last, today = (instant.local_date(moment, zone) for moment in (start, end, at))
    if last == first:
        return Fraction(1)
    return min(Fraction((today - first).days, (last - first).days), Fraction(1))


def exact(start, end, at, zone):
    """To the microsecond."""
    return Fraction(at - start, end - start)


def monthly(start, end, at, zone):
    """1/n to each of the first n calendar months, n months from the start (a broken one counts); by days inside."""
    wall, count = instant.local(start, zone), 1
    while instant.add_months(wall, count) < instant.local(end, zone):
        count += 1
    spans = month_spans(start, end, zone)[:count]
    return sum((_days_share(span, at, zone) for span in spans), Fraction(0)) / count


def monthly_prorated_ends(start, end, at, zone):
    """Broken ends by exact duration, equal months between."""
    spans = month_spans(start, end, zone)
    whole = [span for span in spans if span[1] - span[0] == span[3] - span[2]]
    broken = [span for span in spans if span not in whole]
    left = Fraction(1) - sum((Fraction(span[1] - span[0], end - start) for span in broken), Fraction(0))
    earned = Fraction(0)
    for span in spans:
        weight = left / len(whole) if span in whole else Fraction(span[1] - span[0], end - start)
        earned += weight * _duration_share(span, at)
    return earned


def month_fraction(start, end, at, zone):
    """Each month by the fraction of it covered, normalised to the total."""
    spans = month_spans(start, end, zone)
    weights = [Fraction(span[1] - span[0], span[3] - span[2]) for span in spans]
    earned = sum((weight * _duration_share(span, at) for weight, span in zip(weights, spans)), Fraction(0))
    return earned / sum(weights)


METHODS = {
    "daily": daily,
    "exact": exact,
    "monthly": monthly,
    "monthly_prorated_ends": monthly_prorated_ends,
    "month_fraction": month_fraction,
}


def month_spans(start, end, zone):
    """(covered start, covered end, month start, month end) of every calendar month a term touches."""
    spans, name = [], period.of_instant(start, zone)
    while period.start(name, zone) < end:
        month = (period.start(name, zone), period.end(name, zone))
        spans.append((max(start, month[0]), min(end, month[1]), *month))
        name = period.following(name)
    return spans


def _duration_share(span, at):
    start, end = span[:2]
    return min(max(Fraction(at - start, end - start), Fraction(0)), Fraction(1))


def _days_share(span, at, zone):
    """The share of a month's days by an instant; a month without a whole day counts at once."""
    start, end = span[:2]
    if at >= end:
        return Fraction(1)
    first, last, today = (instant.local_date(moment, zone) for moment in (start, end, at))
    if at <= start or last == first:
        return Fraction(0)
    return Fraction((today - first).days, (last - first).days)
