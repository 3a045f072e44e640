"""Policies: what is decided holds from its date on, the later decision of one date holds, and nothing unknown is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.policy import CHOICES, Policies, fault, hundredths
from tests.accounting.examples import decided


def test_the_defaults_are_those_of_the_accounting_guide():
    defaults = {
        "usage_window": "day", "recognise": "period_end", "late_usage": "first_open_period",
        "residual": "cumulative", "zero_flat_fee": "yes", "carry": "no",
        "unbilled": "unbilled_receivable", "cancellation": "refundable",
    }  # fmt: skip
    assert defaults == {key: Policies().value(key, 0) for key in CHOICES}


def test_a_deployment_may_have_another_default():
    found = decided(("usage_window", "hour", 10), usage_window="month")
    assert [("month", None), ("hour", 0)] == [found.decided("usage_window", at) for at in (9, 10)]


def test_a_decision_holds_from_its_instant_on_and_until_the_next():
    found = decided(("recognise", "daily", 10), ("recognise", "period_end", 20), ("carry", "yes", 15))
    expected = [("period_end", None), ("daily", 0), ("daily", 0), ("period_end", 1), ("period_end", 1)]
    assert expected == [found.decided("recognise", at) for at in (9, 10, 19, 20, 21)]


def test_of_two_decisions_from_one_instant_on_the_later_record_holds():
    found = decided(("carry", "yes", 10), ("carry", "no", 10))
    assert ("no", 1) == found.decided("carry", 10)
    assert ((10, "no"),) == found.course("carry")


def test_a_decision_that_comes_late_takes_its_place_by_its_date():
    found = decided(("recognise", "period_end", 20), ("recognise", "daily", 10))
    assert ("daily", 1) == found.decided("recognise", 19)
    assert ((10, "daily"), (20, "period_end")) == found.course("recognise")


def test_what_was_never_decided_has_no_course():
    assert () == decided(("carry", "yes", 10)).course("residual")


@pytest.mark.parametrize("key", CHOICES)
def test_every_listed_value_is_taken(key):
    assert [None] * len(CHOICES[key]) == [fault(key, value) for value in CHOICES[key]]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("colour", "red", "policy 'colour' is not known; known are usage_window, recognise, late_usage, residual, "
                          "zero_flat_fee, carry, unbilled, cancellation, ssp_tolerance"),
        ("carry", "maybe", "policy carry has no value 'maybe'; it may be no or yes"),
        ("usage_window", "", "policy usage_window has no value ''; it may be day or hour or month"),
        ("carry", "Yes", "policy carry has no value 'Yes'; it may be no or yes"),
        *[("ssp_tolerance", value, f"policy ssp_tolerance has no value {value!r}; it is a per cent such as 5 or 2.5")
          for value in ("", "-1", "100", "1.234", "5 %", ".5", "five")],
    ],
)  # fmt: skip
def test_what_is_refused_names_what_is_possible(key, value, reason):
    assert reason == fault(key, value)


def test_a_tolerance_is_a_per_cent_with_two_digits_at_most():
    texts = {"0": 0, "5": 500, "2.5": 250, "0.01": 1, "99.99": 9999, "12.05": 1205}
    assert [None] * len(texts) == [fault("ssp_tolerance", text) for text in texts]
    assert list(texts.values()) == [hundredths(text) for text in texts]
    assert "0" == Policies().value("ssp_tolerance", 0)


RECORDS = st.lists(st.tuples(st.just("recognise"), st.sampled_from(CHOICES["recognise"]), st.integers(0, 9)))


@given(RECORDS, st.integers(-1, 10))
def test_the_latest_date_and_then_the_latest_record_decides(records, at):
    """The same once more, by sorting."""
    known = sorted((since, number, value) for number, (_, value, since) in enumerate(records) if since <= at)
    expected = (known[-1][2], known[-1][1]) if known else ("period_end", None)
    assert expected == decided(*records).decided("recognise", at)


@given(RECORDS)
def test_the_course_tells_the_value_at_every_instant(records):
    found = decided(*records)
    course = dict(found.course("recognise"))
    assert sorted(course) == list(course)
    value = "period_end"
    for at in range(-1, 11):
        value = course.get(at, value)
        assert value == found.value("recognise", at)
