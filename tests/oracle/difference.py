"""Differences between expected and actual sums, as readable lines."""

from . import number

KEY = ("entity", "currency", "period", "origin_period", "account", "customer", "contract", "line", "functional")


def compare(expected_sums, actual_sums, near=lambda key: 0):
    """One line per sum that differs, none when the books agree (faults.md, invariant 3).

    `near` says how many minor units of a sum may be rounded otherwise.
    """
    found = []
    for key in sorted(expected_sums.keys() | actual_sums.keys(), key=_order):
        expected, actual = expected_sums.get(key, 0), actual_sums.get(key, 0)
        if abs(expected - actual) > near(key):
            found.append(f"{describe(key)}: expected {_money(expected, key)}, actual {_money(actual, key)}")
    return found


def describe(key):
    """A key of the sums as words."""
    return " ".join(f"{name}={part}" for name, part in zip(KEY, key) if part is not None)


def _money(minor, key):
    return number.major_text(minor, currency_of(key))


def currency_of(key):
    """The currency a sum is in: the functional one where the key ends with it."""
    return key[8] if len(key) > 8 else key[1]


def _order(key):
    return tuple("" if part is None else str(part) for part in key)
