"""Every treatment of a contract version is told in words, with its test, its paragraph and what is missing of it."""

from __future__ import annotations

from typing import Any

import pytest

from ops.show.treatment_words import _WORDS, TREATMENTS
from tests.ops.show.looking import explained, flowing, lines, played, recalculation, show
from tests.support.course import HALF_YEAR

COURSES = {
    "separate_contract": (
        HALF_YEAR
        + """
    2025-04-01 amend
        a ratable 600 method=monthly
        b ratable 100 2025-04-01..2025-07-01 method=monthly ssp=100
    run 2025-07-01
    """,
        "added at stand-alone selling price: yes, 100.00 against 100.00, tolerance 0 % (line b, distinct)",
        "IFRS 15.20",
    ),
    "cumulative_catch_up": (
        """
    2025-01-01 contract 2025-01-01..2026-01-01
        m milestone 1000000 420000/700000
    2025-04-15 amend
        m milestone 1150000 420000/820000
    run 2025-07-01
    """,
        "remaining services are distinct: no (milestone line m)",
        "IFRS 15.21 (b)",
    ),
    "mixed": (
        """
    2025-01-01 contract 2025-01-01..2025-07-01
        a ratable 600 method=monthly
        m milestone 400 100/400
    2025-04-01 amend
        a ratable 660 method=monthly
        m milestone 600 100/400
    run 2025-07-01
    """,
        "therefore: line by line",
        "IFRS 15.21 (c)",
    ),
    "estimate": (
        HALF_YEAR
        + """            v estimate 60 lines=a
    2025-04-01 amend
        a ratable 600 method=monthly
        v estimate 120 lines=a
    run 2025-07-01
    """,
        "the fixed terms or estimates change: yes (changes estimates)",
        "IFRS 15.87 to 90",
    ),
    "cancellation": (
        HALF_YEAR + "    2025-04-02 cancel effective=2025-04-16\n    run 2025-07-01\n",
        "the contract ends: yes, from 2025-04-16 on",
        "IFRS 15.18",
    ),
    "update": (
        """
    2025-01-01 contract 2025-01-01..2026-01-01
        m milestone 400 100/400
    2025-04-15 amend
        m milestone 400 200/400
    run 2025-07-01
    """,
        "the fixed terms or estimates change: no",
        "IFRS 15.43, 88",
    ),
    "prospective": (
        """
    2025-01-01 contract 2025-01-01..2025-07-01
        u usage 1
    2025-02-10 usage 7
    2025-04-01 amend effective=2025-02-01
        u usage 2
    run 2025-07-01
    """,
        "usage terms change: yes (changes u); each unit takes the price in force at its time",
        "IFRS 15.21 (a)",
    ),
    "undecided": (
        HALF_YEAR
        + """
    2025-04-01 amend treatment=prospective reason=agreed
        a ratable 540 method=monthly
    run 2025-07-01
    open treatment_undecidable contracts 1
    """,
        "a person decides instead of the tests: prospective; approved by nobody; reason: agreed",
        "None",
    ),
}


@pytest.mark.parametrize("treatment", COURSES)
def test_every_treatment_is_told_with_its_test_and_its_paragraph(tmp_path: Any, treatment: str) -> None:
    course, test, source = COURSES[treatment]
    books = played(tmp_path, course)
    name = recalculation(books, 2)
    found = explained(books, name)
    assert treatment == found["recalculation"]["treatment"]
    assert TREATMENTS[treatment].meaning == found["treatment"]["meaning"]
    assert str(found["treatment"]["source"]).endswith(source)
    assert test in [one["words"] for one in found["tests"]]
    assert all(one["test"] in _WORDS for one in found["tests"]), "a test is told in words of its own"
    assert TREATMENTS[treatment].meaning in flowing(show(books, "recalculations", name).printed)


def test_a_catch_up_is_told_with_its_amount(tmp_path: Any) -> None:
    books = played(tmp_path, COURSES["cumulative_catch_up"][0])
    assert (
        "catch-up -10,975.61, at once, on the day from which on it takes effect"
        in lines(show(books, "recalculations", recalculation(books, 2)).printed)
    )  # fmt: skip


def test_a_version_that_waits_says_what_is_missing_and_where_the_books_stand(tmp_path: Any) -> None:
    books = played(tmp_path, COURSES["undecided"][0])
    told = flowing(show(books, "recalculations", recalculation(books, 2)).printed)
    assert "the books stay on version 1 until somebody decides" in told
    assert "needs a reason and an approver" in told


def test_of_several_versions_that_wait_each_has_its_own_reason(tmp_path: Any) -> None:
    again = """
    2025-05-01 amend treatment=prospective approved_by=ann requested_by=ann reason=agreed
        a ratable 500 method=monthly
    run 2025-07-02
    open treatment_undecidable contracts 1
    open treatment_undecidable contracts 2
    """
    course = COURSES["undecided"][0].replace("    run 2025-07-01\n    open treatment_undecidable contracts 1\n", "")
    books = played(tmp_path, course + again)
    for version, told in ((2, "needs a reason and an approver"), (3, "was requested and approved by ann")):
        (stays, reason) = explained(books, recalculation(books, version))["follows"][:2]
        assert ("the books stay on version 1 until somebody decides", True) == (stays, told in reason)
