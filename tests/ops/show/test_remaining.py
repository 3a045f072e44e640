"""What `accrual show contract` says is still to be recognised, by calendar year, on the books of real runs."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.ops.show.looking import MIXED, contract, flowing, lines, played, remaining, show
from tests.support.books import Books
from tests.support.course import INVOICED

# The standard's example 42 (ASC 606-10-55-305 on): at 31 December, 18 of 24 months are left.
I42 = """
    2025-07-01 contract 2025-07-01..2027-07-01 k=fixed
        a ratable 9600 method=monthly
    2025-07-01 contract 2025-07-01..2027-07-01 k=bonus
        a ratable 2400 method=monthly
        bonus estimate 750
    run 2026-01-01
"""


@pytest.fixture(scope="session")
def i42(tmp_path_factory: pytest.TempPathFactory) -> Books:
    return played(tmp_path_factory.mktemp("i42"), I42)


@pytest.mark.parametrize(
    ("contract_id", "years", "total"),
    [
        ("fixed", {"2026": "4800.00", "2027": "2400.00"}, "7200.00"),
        ("bonus", {"2026": "1575.00", "2027": "787.50"}, "2362.50"),
    ],
)
def test_i42_what_is_left_by_year(i42: Books, contract_id: str, years: dict[str, str], total: str) -> None:
    found = remaining(i42, contract_id=contract_id)
    assert ("2025-12-31", years, "0.00", total) == tuple(found[name] for name in ("after", "years", "undated", "total"))


def test_i42_on_the_screen(i42: Books) -> None:
    screen = lines(show(i42, "contract", "bonus", source=True, state=True).printed)
    at = screen.index("Still to be recognised, USD")
    assert ["line 2026 2027 in all", "a 1,575.00 787.50 2,362.50"] == [screen[at + 2], screen[at + 4]]
    told = "Remaining performance obligations after 2025-12-31 by calendar year, of fixed lines, net of credits"
    assert told in flowing(" ".join(screen))


def test_i42_as_of_an_earlier_day(i42: Books) -> None:
    found = remaining(i42, "--as-of", "2025-10-01", contract_id="fixed")
    assert ("2025-09-30", {"2025": "1200.00", "2026": "4800.00", "2027": "2400.00"}) == (found["after"], found["years"])


def test_usage_is_left_out_with_the_reason(tmp_path: Path) -> None:
    mixed = played(tmp_path, MIXED)
    found = remaining(mixed)
    assert (["a"], ["u"]) == ([one["line_id"] for one in found["lines"]], found["without_usage"])
    told = flowing(show(mixed, "contract", "k", source=True, state=True).printed)
    assert "Usage is left out: " in told
    assert "(ASC 606-10-50-14 to 50-14A with 32-40 and 55-18; IFRS 15.121 (b)). Usage lines: u." in told


# A third of 90.00 is credited when 31 of 90 days are over: 30.00 x 59/90 = 19.67 were not yet earned.
CREDITED = INVOICED + "    2025-02-01 note n1 30.00 of=i1\n    run 2025-02-01\n"


def test_what_is_left_is_net_of_credits(tmp_path: Path) -> None:
    books = played(tmp_path, CREDITED)
    assert {"2025": f"{Decimal('59.00') - Decimal('19.67')}"} == remaining(books)["years"]


def test_what_has_no_date_yet_is_apart(tmp_path: Path) -> None:
    books = played(
        tmp_path,
        """
    2025-01-01 contract 2025-01-01..2026-01-01
        m milestone 400 100/400
        x delivered 50 -
        y delivered 70 2025-09-01
    2025-01-01 invoice i1 520
        m 400
        x 50
        y 70
    2025-02-01 note n1 40 of=i1
        m 40
    run 2025-03-01
    """,
    )
    found = remaining(books)
    # A quarter of the credit takes back revenue, the rest what is left of 300.00.
    assert ({"2025": "70.00"}, "320.00", "390.00") == (found["years"], found["undated"], found["total"])
    assert {"m": "270.00", "x": "50.00", "y": "0.00"} == {one["line_id"]: one["undated"] for one in found["lines"]}
    screen = lines(show(books, "contract", "k", source=True, state=True).printed)
    assert "line 2025 no date yet in all" in screen
    assert "all 70.00 320.00 390.00" in screen


def test_nothing_is_left_of_a_cancelled_contract(tmp_path: Path) -> None:
    books = played(tmp_path, INVOICED + "    2025-02-02 cancel effective=2025-02-01\n    run 2025-02-05\n")
    assert ("0.00", {}) == (remaining(books)["total"], remaining(books)["years"])
    told = show(books, "contract", "k", source=True, state=True).printed
    assert "Nothing is left to be recognised of its fixed lines." in told


def test_years_that_do_not_fit_are_one_column(tmp_path: Path) -> None:
    books = played(tmp_path, """
    2025-01-01 contract 2025-01-01..2033-01-01
        a ratable 9600 method=monthly
    run 2025-02-01
    """)  # fmt: skip
    screen = lines(show(books, "contract", "k", source=True, state=True).printed)
    assert "line 2025 2026 2027 2028 2029 from 2030 in all" in screen
    assert "a 1,100.00 1,200.00 1,200.00 1,200.00 1,200.00 3,600.00 9,500.00" in screen
    assert 8 == len(remaining(books)["years"])


def test_a_version_that_waits_is_not_in_the_figures(tmp_path: Path) -> None:
    books = played(
        tmp_path,
        """
    2025-01-01 contract 2025-01-01..2025-07-01
        a ratable 600 method=monthly
    2025-04-01 amend treatment=prospective reason=agreed
        a ratable 540 method=monthly
    run 2025-05-01
    open treatment_undecidable contracts 1
    """,
    )
    found = contract(books)
    assert {"2025": "200.00"} == found["remaining"]["years"]
    assert "Version 2 waits for a decision and is not in these figures." in found["remaining"]["notes"]
    assert ("undecided", True) == (
        found["versions"][1]["treatment"],
        "needs a reason and an approver" in found["versions"][1]["undecided"],
    )


def test_a_contract_that_cannot_be_combined_is_in_the_figures_alone(tmp_path: Path) -> None:
    books = played(
        tmp_path,
        """
    2025-01-01 contract 2025-01-01..2026-01-01 k=A
        a ratable 1200 method=monthly ssp=1800
    2025-01-01 contract 2025-01-01..2026-01-01 k=B combined_with=A entity=de
        b ratable 1200 method=monthly ssp=600
    run 2025-03-01
    open treatment_undecidable contracts 1
    """,
    )
    found = remaining(books, contract_id="B")
    assert ({"2025": "1000.00"}, False) == (found["years"], "waits for a decision" in " ".join(found["notes"]))


def test_contracts_that_are_combined_have_their_shares(tmp_path: Path) -> None:
    books = played(
        tmp_path,
        """
    2025-01-01 contract 2025-01-01..2026-01-01 k=A
        a ratable 1200 method=monthly ssp=1800
    2025-01-01 contract 2025-01-01..2026-01-01 k=B combined_with=A
        b ratable 1200 method=monthly ssp=600
    run 2025-03-01
    """,
    )
    told = "agreed together with contract A: the two are accounted for as one"
    assert told in contract(books, contract_id="B")["versions"][0]["change"]
    assert {"A": "1500.00", "B": "500.00"} == {name: remaining(books, contract_id=name)["total"] for name in "AB"}
