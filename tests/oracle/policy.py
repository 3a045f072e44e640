"""Policies: named, effective-dated choices, each with a default."""

from . import number

VALUES = {
    "usage_window": ("day", "hour", "month"),
    "recognise": ("period_end", "daily"),
    "late_usage": ("first_open_period", "reject"),
    "residual": ("cumulative", "last_full_period"),
    "zero_flat_fee": ("yes", "no"),
    "carry": ("no", "yes"),
    "cancellation": ("refundable", "non_refundable"),
    "unbilled": ("unbilled_receivable", "contract_asset"),
    "ssp_tolerance": ("0",),
}
"""What a policy may say, its default first (accounting.md, last paragraph; events.md, Fine print)."""


def is_known(key, value):
    """Whether a policy record says something that has a meaning; a tolerance is a number of per cent."""
    if key == "ssp_tolerance":
        tolerance = number.decimal(value)
        return tolerance is not None and tolerance >= 0
    return value in VALUES.get(key, ())


class Policies:
    """The policies of a list of control records, in their order."""

    def __init__(self, records):
        self.courses = {}
        for record in records:
            self.courses.setdefault(record.key, {})[record.effective_from] = record.value

    def value(self, key, at):
        """The value at an instant: that of the latest effective_from not after it; of equal ones the later record."""
        course = self.courses.get(key, {})
        known = [start for start in course if start <= at]
        return course[max(known)] if known else VALUES[key][0]

    def changes(self, key):
        """The instants at which the value changes, in their order."""
        found, before = [], VALUES[key][0]
        for start, value in sorted(self.courses.get(key, {}).items()):
            if value != before:
                found.append(start)
            before = value
        return found
