"""The second computation of the demo: what terms cost, how a month goes, what is late, and which difference it sees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ops.demo.charge import read_charges
from ops.demo.closed_month import closed_month
from ops.demo.delivered import Delivered, deliver, undelivered
from ops.demo.delivery import CLOSED_AT, usage_records
from ops.demo.month_course import month_course, tier_spans
from ops.demo.price_list import contract_record
from ops.demo.reconciliation import AT_CLOSE, LATE, OPEN_MONTH, Reconciliation, recompute, reconcile
from ops.demo.terms import Terms
from ops.show.entry import Entry, Lineage, Posting, SourceRange, Window

D = Decimal
UNTIL = "2024-10-08"


def terms(**rate: Any) -> Terms:
    base = {"meter": "m", "aggregation": "sum", "billing_period": "month"}
    return Terms.of({"line_id": "l", "rate": base | rate})


def volume(*tiers: tuple[str | None, str]) -> Terms:
    return terms(model="volume", tiers=[{"up_to": up_to, "unit_price": price} for up_to, price in tiers])


FIFTEEN = volume(("15", "10"), (None, "5"))
AT_LEAST = terms(model="per_unit", unit_price="0.50", minimum="25.00")
PACKAGES = terms(model="package", package_size="100", package_price="0.25")


def event(name: str, time: str, quantity: str = "1", meter: str = "m") -> dict[str, Any]:
    return {"event_id": name, "source": "s", "meter": meter, "quantity": quantity, "event_time": time}


def entry(sequence: int, day: str, amount: str, period: str, origin: str | None = None, offset: int = 0) -> Entry:
    cents = D(amount)
    sides = ("debit", "credit") if cents >= 0 else ("credit", "debit")
    return Entry(
        entry_id=f"e{sequence}",
        shard=0,
        sequence=sequence,
        entity="demo-reseller",
        currency="USD",
        period=period,
        accounting_date=day if origin is None else f"{period}-01",
        kind="usage",
        lines=[Posting("unbilled_receivable", sides[0], abs(cents)), Posting("revenue", sides[1], abs(cents))],
        origin_period=origin,
        line_id="l",
        window=Window("m", f"{day}T00:00:00Z", day, 1),
        lineage=Lineage(sources=[SourceRange("usage.events", 1, offset, offset + 1)]),
    )


# -- terms


@pytest.mark.parametrize(
    ("line", "units", "cost"),
    [
        (FIFTEEN, "15", "150.00"),
        (FIFTEEN, "15.000000000000001", "75.00"),
        (FIFTEEN, "0", "0.00"),
        (AT_LEAST, "33.108055", "16.55"),
        (PACKAGES, "769", "2.00"),
        (PACKAGES, "800", "2.00"),
        (PACKAGES, "800.000001", "2.25"),
        (PACKAGES, "0", "0.00"),
        (terms(model="per_unit", unit_price="0.01"), "0.5", "0.00"),
        (terms(model="per_unit", unit_price="0.01"), "1.5", "0.02"),
    ],
)
def test_units_cost_what_the_terms_say_in_cents_half_even(line: Terms, units: str, cost: str) -> None:
    assert D(cost) == line.cost(D(units))


@pytest.mark.parametrize("changes", [{"model": "graduated"}, {"billing_period": "year"}, {"aggregation": "max"}])
def test_a_rate_that_the_second_computation_does_not_know_is_refused_by_name(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="line l: the demo recomputes"):
        terms(**({"model": "per_unit", "unit_price": "1"} | changes))


# -- the course of a month


def test_the_sixteenth_unit_takes_back_seventy() -> None:
    course = month_course(FIFTEEN, {"2024-09-01": D(15), "2024-09-02": D(1)}, "2024-09", over=True)
    assert [("2024-09-01", D("150.00")), ("2024-09-02", D("-70.00"))] == [(day.day, day.booked) for day in course]


def test_a_span_of_a_tier_says_how_many_earlier_units_were_repriced_and_by_how_much() -> None:
    course = month_course(FIFTEEN, {"2024-09-01": D(15), "2024-09-02": D(1), "2024-09-03": D(4)}, "2024-09", over=True)
    first, second = tier_spans(FIFTEEN, course)
    assert (D(15), D("150.00"), D(0)) == (first.units, first.own, first.repriced)
    assert (D(5), D("25.00"), D("-75.00")) == (second.units, second.own, second.repriced)
    assert ("2024-09-02", D(15), D(-5), D("-50.00")) == (
        second.first_day, second.earlier, second.price_change, second.booked,
    )  # fmt: skip


def test_the_minimum_is_due_on_the_last_day_of_a_month_that_is_over() -> None:
    course = month_course(AT_LEAST, {"2024-09-05": D(10)}, "2024-09", over=True)
    assert [("2024-09-05", D("5.00"), D("0.00")), ("2024-09-30", D("20.00"), D("20.00"))] == [
        (day.day, day.booked, day.true_up) for day in course
    ]


def test_the_minimum_is_not_due_in_a_month_that_is_not_over() -> None:
    course = month_course(AT_LEAST, {"2024-10-05": D(10)}, "2024-10", over=False)
    assert [D("5.00")] == [day.booked for day in course]


def test_a_month_above_its_minimum_has_no_true_up() -> None:
    course = month_course(AT_LEAST, {"2024-09-05": D(60)}, "2024-09", over=True)
    assert [(D("30.00"), D("0.00")), (D("0.00"), D("0.00"))] == [(day.booked, day.true_up) for day in course]


# -- delivery

TIMELY = [event("a", "2024-09-10T00:00:00Z", "15"), event("o", "2024-10-05T00:00:00Z", "2")]
BELATED = event("b", "2024-09-20T00:00:00Z")


def test_a_row_of_the_closed_month_is_late_when_a_newer_one_than_the_close_came_before() -> None:
    delivered = deliver([*TIMELY, BELATED, BELATED], CLOSED_AT)
    assert [("a", False), ("o", False), ("b", True)] == [(row.event_id, row.is_late) for row in delivered.rows]
    assert (1, 1) == (delivered.repeated, delivered.first_after_close)
    assert {"2024-09-10": D(15), "2024-10-05": D(2)} == delivered.usage("m", late=False)
    assert {"2024-09-10": D(15), "2024-10-05": D(2), "2024-09-20": D(1)} == delivered.usage("m", late=True)


def test_a_row_at_the_very_time_of_the_close_still_comes_before_it() -> None:
    delivered = deliver([event("a", CLOSED_AT), BELATED], CLOSED_AT)
    assert [False, False] == [row.after_close for row in delivered.rows]
    assert 2 == delivered.first_after_close


def test_a_row_of_the_sample_that_is_missing_or_altered_is_told_of() -> None:
    charges = read_charges()
    events = usage_records(charges)
    assert [] == undelivered(charges, deliver(events, CLOSED_AT))
    name = events[0]["event_id"]
    for changed in (events[1:], [events[0] | {"quantity": "1.0"}, *events[1:]]):
        (told,) = undelivered(charges, deliver(changed, CLOSED_AT))
        assert told.startswith(f"row {name}: ")


def test_the_contract_of_the_demo_is_one_that_is_recomputed() -> None:
    found = [Terms.of(line) for line in contract_record()["lines"]]
    assert [("data-transfer", 3), ("compute-hours", 2), ("public-ip", 1), ("requests", 0)] == [
        (one.line_id, len(one.tiers)) for one in found
    ]


# -- reconciliation

RIGHT = [
    entry(1, "2024-09-10", "150.00", "2024-09"),
    entry(2, "2024-09-20", "-70.00", "2024-10", "2024-09", offset=2),
    entry(3, "2024-10-05", "20.00", "2024-10", offset=1),
]


@pytest.fixture
def delivered() -> Delivered:
    return deliver([*TIMELY, BELATED, BELATED], CLOSED_AT)


def reconciled(delivered: Delivered, entries: list[Entry], line: Terms = FIFTEEN) -> Reconciliation:
    return reconcile([recompute(line, delivered, UNTIL)], delivered, entries)


def test_a_line_is_expected_by_the_close_late_and_in_the_open_month(delivered: Delivered) -> None:
    found = reconciled(delivered, RIGHT)
    assert found.holds
    assert [(AT_CLOSE, D("150.00")), (LATE, D("-70.00")), (OPEN_MONTH, D("20.00"))] == [
        (part.effect, part.recomputed) for part in found.parts
    ]
    assert [1, 1, 1] == [part.rows for part in found.parts]


def test_a_late_unit_that_raises_a_later_day_is_expected_on_that_day() -> None:
    early = deliver(
        [event("a", "2024-09-10T00:00:00Z", "15"), event("c", "2024-09-25T00:00:00Z"), TIMELY[1], BELATED], CLOSED_AT
    )
    expected = recompute(FIFTEEN, early, UNTIL).expected()
    assert (D("-70.00"), D("-70.00"), D("75.00")) == (
        expected["2024-09-25", AT_CLOSE], expected["2024-09-20", LATE], expected["2024-09-25", LATE],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "unexplained"),
    [
        ([*RIGHT[:2], entry(3, "2024-10-05", "20.01", "2024-10", offset=1)], "0.01"),
        (RIGHT[:2], "20.00"),
        ([*RIGHT, entry(4, "2024-10-05", "20.00", "2024-10", offset=1)], "20.00"),
        ([RIGHT[0], entry(2, "2024-09-20", "-70.00", "2024-09", offset=2), RIGHT[2]], "140.00"),
        ([entry(1, "2024-09-10", "149.99", "2024-09"), entry(4, "2024-09-11", "0.01", "2024-09"), *RIGHT[1:]], "0.02"),
        ([RIGHT[0], entry(2, "2024-09-20", "-70.00", "2024-11", "2024-09", offset=2), RIGHT[2]], "140.00"),
    ],
    ids=["a-cent", "missing", "twice", "in-the-closed-month", "cancelling-out", "in-a-later-period"],
)
def test_a_difference_is_unexplained(delivered: Delivered, entries: list[Entry], unexplained: str) -> None:
    found = reconciled(delivered, entries)
    assert not found.holds
    assert D(unexplained) == found.unexplained


def test_an_entry_of_a_line_that_nobody_recomputes_does_not_hold(delivered: Delivered) -> None:
    strange = Entry(**{name: getattr(RIGHT[0], name) for name in Entry.__struct_fields__} | {"line_id": "strange"})
    found = reconciled(delivered, [*RIGHT, strange])
    assert D("150.00") == found.unexplained
    assert ["strange of 2024-09-10, period 2024-09: recomputed 0.00, booked 150.00"] == list(found.details)


def test_usage_within_the_minimum_is_expected_to_change_nothing_in_total() -> None:
    late = deliver([event("a", "2024-09-10T00:00:00Z", "10"), TIMELY[1], event("b", "2024-09-20T00:00:00Z")], CLOSED_AT)
    parts = reconciled(late, [], AT_LEAST).parts
    assert [(AT_CLOSE, D("25.00")), (LATE, D("0.00")), (OPEN_MONTH, D("1.00"))] == [
        (part.effect, part.recomputed) for part in parts
    ]


# -- the close


def test_the_journal_is_split_where_a_row_after_the_close_first_shows() -> None:
    found = closed_month(RIGHT, "2024-09", first_after_close=1)
    assert [(AT_CLOSE, 1, 0), (LATE, 0, 1), (OPEN_MONTH, 0, 1)] == [
        (one.effect, one.entries_before, one.entries_since) for one in found.posted
    ]
    assert ([RIGHT[1]], []) == (list(found.late), list(found.thawed))


@pytest.mark.parametrize("offset", [0, 3])
def test_an_entry_of_the_closed_month_after_the_close_is_seen(offset: int) -> None:
    thawed = entry(4, "2024-09-11", "1.00", "2024-09", offset=offset)
    assert (thawed,) == closed_month([*RIGHT, thawed], "2024-09", first_after_close=1).thawed
