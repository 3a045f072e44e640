"""What a recalculation says beside its amounts, and what nobody can decide: files in, books out, by the command line."""

from __future__ import annotations

import pytest

from tests.support.books import Books
from tests.support.course import Course, movements, table


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


# What nobody can decide: why it cannot be, and what the exception tells about it.
UNDECIDED = {
    "nobody approved the treatment": ("treatment=cumulative_catch_up reason=agreed", "approver"),
    "there is no reason for the treatment": ("treatment=cumulative_catch_up approved_by=ann", "reason"),
    "who asked for the treatment approved it": (
        "treatment=cumulative_catch_up reason=agreed requested_by=ann approved_by=ann",
        "another person",
    ),
    "a separate contract that changes a line": ("treatment=separate_contract reason=x approved_by=ann", "only adds"),
    "it takes effect after the end": ("effective=2025-07-01", "2025-07-01"),
}
WITH_USAGE = """
    2025-01-01 contract 2025-01-01..2025-07-01
        a ratable 600 method=monthly
        u usage 1
    2025-02-10 usage 7
    2025-04-01 amend {facts}
        a ratable 540 method=monthly
        u usage 1
    2025-04-10 usage 5
    run 2025-07-01
    open treatment_undecidable contracts 1
"""
AS_BEFORE = """
                         2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
    revenue               100.00  107.00  100.00  105.00  100.00  100.00
    unbilled_receivable   100.00  107.00  100.00  105.00  100.00  100.00
"""


@pytest.mark.parametrize("case", UNDECIDED)
def test_what_nobody_can_decide_changes_nothing_and_usage_goes_on(case, books):
    facts, told = UNDECIDED[case]
    Course(WITH_USAGE.format(facts=facts)).play(books)
    assert table(AS_BEFORE) == movements(books)
    (one,) = books.exceptions()
    assert told in one["reason"]


def test_the_next_version_settles_what_nobody_could_decide(books):
    course = WITH_USAGE.format(facts=UNDECIDED["nobody approved the treatment"][0])
    course += """
    2025-07-05 amend effective=2025-04-01 treatment=cumulative_catch_up reason=agreed approved_by=ann
        a ratable 540 method=monthly
        u usage 1
    run 2025-08-01
"""
    Course(course).play(books)
    expected = """
                         2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
    revenue               100.00  107.00  100.00   65.00   90.00   90.00
    unbilled_receivable   100.00  107.00  100.00   65.00   90.00   90.00
    """
    assert table(expected) == movements(books)


LATE = """
    2025-01-01 contract 2025-01-01..2025-07-01 correlation_id=order-1
        a ratable 600 method=monthly
    run 2025-07-01
    2025-07-05 amend effective=2025-04-01 treatment=cumulative_catch_up reason=agreed approved_by=ann correlation_id=order-2
        a ratable 540 method=monthly
    run 2025-07-05
"""


def test_a_recalculation_names_the_entries_it_caused(books):
    Course(LATE).play(books)
    (told,) = (one for one in books.records("recalculations") if one["to_version"] == 2)
    caused = {one["entry_id"]: one for one in books.records("journal") if one["lineage"]["contract_version"] == 2}
    assert sorted(caused) == sorted(told["entry_ids"])
    found = sorted((one["kind"], one["accounting_date"], one["lines"][0]["amount"]) for one in caused.values())
    expected = [("catch_up", "2025-04-01", "30.00")]
    expected += [("recognition", day, "10.00") for day in ("2025-04-30", "2025-05-31", "2025-06-30")]
    assert expected == found
    assert {"order-2"} == {one["correlation_id"] for one in (told, *caused.values())}


def test_a_recalculation_says_why(books):
    Course(LATE).play(books)
    (told,) = (one for one in books.records("recalculations") if one["to_version"] == 2)
    assert ("amendment", "2025-04-01T00:00:00Z", "c") == (told["cause"], told["effective_at"], told["customer_id"])
    tests = {
        one["test"]: (one["result"], {pair["key"]: pair["value"] for pair in one["inputs"]}) for one in told["evidence"]
    }
    result, inputs = tests["explicit treatment"]
    assert ("cumulative_catch_up", "agreed", "ann") == (result, inputs["reason"], inputs["approved_by"])


def test_a_recalculation_is_said_once(books):
    Course(LATE).play(books)
    before = books.records("recalculations")
    books.run("2025-08-01")
    assert before == books.records("recalculations")


# Input that contradicts itself: an exception of that contract alone; what it had, and its neighbour, go on.
CONTRADICTIONS = {
    "another currency in mid-contract": ("amend currency=EUR", "currency_mismatch"),
    "another record for a version that is there": ("amend version=1", "version_conflict"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_what_contradicts_itself_is_an_exception_of_its_contract_alone(case, books):
    amended, cls = CONTRADICTIONS[case]
    Course(f"""
        2025-01-01 contract 2025-01-01..2025-04-01
            a ratable 90
        2025-01-01 contract 2025-01-01..2025-04-01 k=n
            b ratable 90
        2025-02-01 {amended}
            a ratable 180
        run 2025-04-01
        open {cls} contracts 2
    """).play(books)
    months = {"2025-01": "31.00", "2025-02": "28.00", "2025-03": "31.00"}
    expected = {(name, period): amount for name in ("k", "n") for period, amount in months.items()}
    assert expected == books.sums("contract_id", "period")


def test_usage_of_lines_that_overlap_is_kept_and_booked_once_it_is_clear_whose_it_is(books):
    course = """
        2025-01-01 contract 2025-01-01..2025-04-01
            u usage 1
        2025-01-01 contract 2025-01-01..2025-04-01 k=n
            v usage 2
        2025-01-05 usage 10
        run 2025-01-31
        open contract_ambiguous usage 0
    """
    Course(course + "    2025-02-01 cancel k=n effective=2025-01-01\n        run 2025-02-02").play(books)
    assert {"k": "10.00"} == books.sums("contract_id")
    told = [one["status"] for one in books.records("exceptions") if one["class"] == "contract_ambiguous"]
    assert ["open", "resolved"] == told
