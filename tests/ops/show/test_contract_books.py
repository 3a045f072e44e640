"""`accrual show contract`: treatments, schedule, billed against recognised, and what is left, on the books of real runs."""

from __future__ import annotations

import hashlib
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from state.directory import StateDirectory
from tests.ops.show.looking import Record, balance, contract, flowing, lines, played, recalculation, show
from tests.support.books import Books
from tests.support.course import Course
from tests.support.process import here

CONTRA = ("refunds", "credit_notes", "voids", "bad_debt", "disputes")
UNBILLED = ("unbilled_receivable", "contract_asset")

# The standard's example 42 (ASC 606-10-55-305 on): at 31 December, 18 of 24 months are left.
I42 = """
    2025-07-01 contract 2025-07-01..2027-07-01 k=fixed
        a ratable 9600 method=monthly
    2025-07-01 contract 2025-07-01..2027-07-01 k=bonus
        a ratable 2400 method=monthly
        bonus estimate 750
    run 2026-01-01
"""
QUARTER = """
    2025-01-01 contract 2025-01-01..2025-04-01
        a ratable 90
    2025-01-01 invoice i1 90.00
"""
MIXED = """
    2025-01-01 contract 2025-01-01..2026-01-01
        a ratable 1200 method=monthly
        u usage 2
    2025-01-01 invoice i1 1200
        a 1200
    2025-01-10 usage 4
    2025-02-01 invoice i2 6
        u 6
    2025-05-03 close 2025-04
    2025-05-10 amend effective=2025-04-01
        a ratable 1500 method=monthly
        u usage 2
    2025-06-01 note n1 120 of=i1 refund=20
        a 120
    run 2025-07-01
"""


@pytest.fixture(scope="session")
def i42(tmp_path_factory: pytest.TempPathFactory) -> Books:
    return played(tmp_path_factory.mktemp("i42"), I42)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Books:
    return played(tmp_path_factory.mktemp("mixed"), MIXED)


def remaining(books: Books, *words: str, contract_id: str = "k") -> Record:
    found: Record = contract(books, *words, contract_id=contract_id)["remaining"]
    return found


# -- what is still to be recognised


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


def test_usage_is_left_out_with_the_reason(mixed: Books) -> None:
    found = remaining(mixed)
    assert (["a"], ["u"]) == ([one["line_id"] for one in found["lines"]], found["without_usage"])
    told = flowing(show(mixed, "contract", "k", source=True, state=True).printed)
    assert "Usage is left out: " in told
    assert "(ASC 606-10-50-14 to 50-14A with 32-40 and 55-18; IFRS 15.121 (b)). Usage lines: u." in told


# A third of 90.00 is credited when 31 of 90 days are over: 30.00 x 59/90 = 19.67 were not yet earned.
CREDITED = QUARTER + "    2025-02-01 note n1 30.00 of=i1\n    run 2025-02-01\n"


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
    books = played(tmp_path, QUARTER + "    2025-02-02 cancel effective=2025-02-01\n    run 2025-02-05\n")
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


# -- billed against recognised

BILLED = {
    "billed ahead": QUARTER + "    run 2025-03-01\n",
    "usage and fixed lines, late and credited": MIXED,
    "tax on top": QUARTER + "    2025-02-01 invoice i2 11.00 tax=1.00\n        a 10.00\n    run 2025-03-01\n",
    "a credit note in three ways": QUARTER
    + """
    2025-01-01 paid i1 90.00
    2025-02-01 note n1 45.00 of=i1 refund=15.00 balance=10.00 external=20.00
    run 2025-03-01
    """,
    "a credit note that is voided": QUARTER
    + """
    2025-02-01 note n1 45.00 of=i1
    2025-03-01 note_void n1
    run 2025-03-15
    """,
    "voided and invoiced again": QUARTER
    + """
    2025-02-01 void i1
    2025-03-01 invoice i2 90.00
    run 2025-03-15
    """,
    "paid after it was written off": QUARTER
    + """
    2025-02-01 uncollectible i1
    2025-03-01 paid i1 90.00
    run 2025-03-15
    """,
    "lines of two positions, paid after they were written off": """
    2025-01-01 contract 2025-01-01..2025-04-01
        a ratable 90
        u usage 1
    2025-01-10 usage 20
    2025-01-31 invoice i1 110.00
        a 90.00
        u 20.00
    2025-02-01 uncollectible i1
    2025-03-01 paid i1 55.00
    run 2025-03-15
    """,
    "disputed": QUARTER + "    2025-01-02 paid i1 90\n    2025-02-01 dispute i1 90\n    run 2025-03-01\n",
    "cancelled, and what is left over is not refundable": """
    2000-01-01 policy cancellation=non_refundable
"""
    + QUARTER
    + "    2025-02-02 cancel effective=2025-02-01\n    run 2025-02-05\n",
    "a contract asset": "    2000-01-01 policy unbilled=contract_asset\n"
    + """
    2025-01-01 contract 2025-01-01..2025-04-01
        a ratable 90
    run 2025-03-01
    """,
    "in another currency than its entity's": """
    2000-01-01 reference entity id=us functional_currency=USD
    2000-01-01 reference fx_rate id=r base=EUR quote=USD rate=1.20 as_of=2025-01-01
    2025-01-01 contract 2025-01-01..2025-04-01 currency=EUR
        a ratable 90
    2025-01-01 invoice i1 30.00 currency=EUR
    run 2025-03-01
    """,
    "usage alone": """
    2025-01-01 contract 2025-01-01..2025-04-01
        u usage 1
    2025-01-10 usage 20
    run 2025-02-01
    """,
}


@pytest.mark.parametrize("case", BILLED)
def test_positions_are_what_is_booked_and_billed_less_recognised_is_their_balance(tmp_path: Path, case: str) -> None:
    books = played(tmp_path, BILLED[case])
    billed = contract(books)["billed"]
    positions = billed["positions"]
    sign = {one["position"]: 1 if one["account"] == "deferred_revenue" else -1 for one in positions}
    for one in positions:
        owed = sign[one["position"]] * Decimal(one["balance"])
        assert owed == Decimal(one["billed"]) - Decimal(one["earned"]), one["position"]
    expected = {
        "recognised": -balance(books, "revenue"), "contra": balance(books, *CONTRA),
        "deferred": -balance(books, "deferred_revenue"), "unbilled": balance(books, *UNBILLED),
        "receivable": balance(books, "accounts_receivable"),
    }  # fmt: skip
    assert expected == {
        "recognised": _sum(one["recognised"] for one in positions),
        "contra": _sum(one["contra"] for one in positions),
        "deferred": _sum(one["balance"] for one in positions if sign[one["position"]] > 0),
        "unbilled": _sum(one["balance"] for one in positions if sign[one["position"]] < 0),
        "receivable": Decimal(billed["receivable"]),
    }


def _sum(amounts: object) -> Decimal:
    return sum(map(Decimal, amounts), Decimal(0))  # type: ignore[call-overload, no-any-return]


def test_what_comes_in_after_a_write_off_of_several_positions_is_apart(tmp_path: Path) -> None:
    books = played(tmp_path, BILLED["lines of two positions, paid after they were written off"])
    positions = contract(books)["billed"]["positions"]
    assert ["fixed lines", "u", "several"] == [one["position"] for one in positions]
    # Half of 31.00 and 20.00 that were revenue is revenue again.
    assert ("-25.50", "-25.50", "0.00") == tuple(positions[2][name] for name in ("credits", "contra", "balance"))


def test_positions_are_shown_with_the_open_receivable(mixed: Books) -> None:
    screen = lines(show(mixed, "contract", "k", source=True, state=True).printed)
    at = screen.index("Billed against recognised, USD")
    assert [
        "position invoiced credits recognised contra deferred unbilled",
        "fixed lines 1,200.00 120.00 690.00 50.00 440.00 0.00",
        "u 6.00 0.00 8.00 0.00 0.00 2.00",
        "all 1,206.00 120.00 698.00 50.00 440.00 2.00",
    ] == [screen[at + 2], screen[at + 4], screen[at + 5], screen[at + 7]]
    told = flowing(" ".join(screen))
    assert "what is due by 2025-06-30; " in told
    assert "open receivable, tax included: 1,106.00 USD after 3 billing events." in told


def test_an_opening_balance_is_apart(tmp_path: Path) -> None:
    books = played(tmp_path, """
    2025-01-01 contract 2025-01-01..2025-07-01 opening=2025-03-01/200.00/300.00
        a ratable 600 method=monthly
    run 2025-05-01
    """)  # fmt: skip
    (one,) = contract(books)["billed"]["positions"]
    names = ("opening_billed", "opening_recognised", "recognised", "billed", "earned", "account", "balance")
    assert ["300.00", "200.00", "200.00", "300.00", "400.00", "unbilled_receivable", "100.00"] == [
        one[n] for n in names
    ]
    told = show(books, "contract", "k", source=True, state=True).printed
    assert "opening: before the books began" in flowing(told)


def test_what_waits_for_a_rate_is_named(tmp_path: Path) -> None:
    books = Books(tmp_path)
    books.reference("entity", id="us", functional_currency="USD")
    books.contract(
        {"line_id": "a", "kind": "ratable", "total": "90"}, start="2025-01-01", end="2025-04-01", currency="EUR"
    )
    books.run("2025-03-01")
    (reason, *_) = contract(books)["billed"]["lacking"]
    assert "there is no rate EUR/USD for 2025-01-31: send an fx_rate record" == reason
    assert f"not in these figures: {reason}" in show(books, "contract", "k", source=True, state=True).printed
    assert {"2025": "31.00"} == remaining(books)["years"], "what is left does not depend on rates"


# -- the schedule


def test_the_schedule_is_shown_with_what_is_posted(mixed: Books) -> None:
    found = {(one["line_id"], one["period"]): (one["scheduled"], one["posted"]) for one in contract(mixed)["schedule"]}
    # 400.00 more over nine months; of the 120.00 that are credited, 70.00 lie in the seven months that are left.
    assert {
        ("a", "2025-03"): ("100.00", "100.00"),
        ("a", "2025-04"): ("133.33", "100.00"),
        ("a", "2025-05"): ("133.34", "166.67"),
        ("a", "2025-06"): ("123.33", "123.33"),
        ("a", "2025-07"): ("123.33", "0.00"),
    } == {cell: amounts for cell, amounts in found.items() if "2025-03" <= cell[1] <= "2025-07"}
    assert {"a"} == {line for line, _ in found}
    ended = show(mixed, "contract", "k", source=True, state=True)
    screen = lines(ended.printed)
    at = screen.index("Schedule of the fixed lines, USD")
    heading = screen[at + 2].split()[1:-2]
    assert screen[at + 4].split()[-1] == "1,430.00"
    row = dict(zip(heading, screen[at + 4].split()[2:-1], strict=True))
    posted = dict(zip(heading, screen[at + 5].split()[1:-1], strict=True))
    assert ("133.34", "166.67", "123.33", "·") == (row["2025-05"], posted["2025-05"], row["2025-07"], posted["2025-07"])


def test_months_that_do_not_fit_stand_before_and_after(tmp_path: Path) -> None:
    books = played(tmp_path, """
    2025-01-01 contract 2025-01-01..2029-01-01
        a ratable 4800 method=monthly
    run 2027-01-01
    """)  # fmt: skip
    ended = show(books, "contract", "k", source=True, state=True)
    screen = lines(ended.printed)
    at = screen.index("Schedule of the fixed lines, USD")
    first, *months, last = screen[at + 2].split()[1:-2]
    assert ("before", "after") == (first, last)
    assert {"2026-12", "2027-01", "2027-02", "2027-03"} <= set(months)
    hidden = (int(months[0][:4]) - 2025) * 12 + int(months[0][5:]) - 1
    cells = screen[at + 4].split()[2:]
    assert (f"{hidden * 100:,}.00", f"{(48 - hidden - len(months)) * 100:,}.00", "4,800.00") == (
        cells[0],
        cells[-2],
        cells[-1],
    )
    assert 120 >= max(map(len, ended.printed.splitlines()))


def test_schedule_positions_and_what_is_left_agree(mixed: Books) -> None:
    found = contract(mixed)
    (fixed,) = (one for one in found["billed"]["positions"] if one["position"] == "fixed lines")
    scheduled = _sum(one["scheduled"] for one in found["schedule"])
    assert scheduled == Decimal(fixed["recognised"]) + Decimal(found["remaining"]["total"])


def test_as_of_an_instant_the_books_are_those_of_the_versions_and_invoices_known_then(mixed: Books) -> None:
    found = contract(mixed, "--as-of", "2025-05-01")
    (fixed, used) = found["billed"]["positions"]
    assert ("2025-04-30", "1200.00", "0.00", "400.00") == (
        found["billed"]["by"], fixed["invoiced"], fixed["credits"], fixed["recognised"],
    )  # fmt: skip
    assert ("6.00", "8.00") == (used["invoiced"], used["recognised"])
    assert {"2025": "800.00"} == found["remaining"]["years"]
    assert "1206.00" == found["billed"]["receivable"]
    (_, used) = contract(mixed, "--as-of", "2025-01-05")["billed"]["positions"]
    assert ("0.00", "0.00") == (used["invoiced"], used["recognised"])


# -- the versions


def test_each_version_is_shown_with_its_treatment_and_tests(mixed: Books) -> None:
    found = contract(mixed)["versions"]
    assert [("new_contract", recalculation(mixed, 1)), ("prospective", recalculation(mixed, 2))] == [
        (one["treatment"], one["recalculation_id"]) for one in found
    ]
    assert "remaining services are distinct: yes (ratable line a)" in [one["words"] for one in found[1]["tests"]]
    screen = lines(show(mixed, "contract", "k", source=True, state=True).printed)
    assert f"2 prospective remaining services are distinct: yes (a) {recalculation(mixed, 2)[:12]}" in screen


def test_what_the_state_says_now_wins_over_what_was_said_then(tmp_path: Path) -> None:
    def product(at: str, high: str) -> None:
        books.reference("product", at=at, id="hv", highly_variable=True, ssp_low="10", ssp_high=high)

    books = Books(tmp_path)
    books.reference("product", id="a")
    product("2025-01-01", "20")
    Course(
        """
    2025-01-01 contract 2025-01-01..2025-07-01
        a ratable 600 method=monthly
    2025-04-01 amend
        a ratable 500 method=monthly
        x ratable 90 2025-04-01..2025-07-01 product=hv
    run 2025-05-01
    open treatment_undecidable contracts 1
    """
    ).play(books)
    assert "undecided" == contract(books)["versions"][1]["treatment"]
    product("2025-05-02", "200")
    books.run("2025-05-03")
    found = contract(books)["versions"][1]
    assert ("prospective", "undecided") == (
        found["treatment"],
        next(one["treatment"] for one in books.records("recalculations") if one["to_version"] == 2),
    )


# -- the state it is read from


def test_without_the_state_it_says_where_the_rest_comes_from(mixed: Books) -> None:
    ended = show(mixed, "contract", "k", source=True)
    told = flowing(ended.printed)
    assert (0, "") == (ended.code, ended.said)
    assert "Schedule, billed against recognised and what is still to be recognised are not shown: " in told
    assert "holds no state of a run: name it with --state DIR." in told
    assert f"2 prospective remaining services are distinct: yes (a) {recalculation(mixed, 2)[:12]}" in lines(
        ended.printed
    )
    found = json.loads(show(mixed, "contract", "k", "--json", source=True).printed)
    assert (None, None, None) == (found["schedule"], found["billed"], found["remaining"])


def test_a_state_that_is_none_is_refused(mixed: Books) -> None:
    ended = show(mixed, "contract", "k", "--state", str(mixed.source), source=True)
    assert (2, "") == (ended.code, ended.printed)
    assert ended.said.startswith(f"--state {str(mixed.source)!r} holds no state of a run: name the --state of the run")


def test_the_state_beside_the_sink_is_found(tmp_path: Path) -> None:
    books = played(tmp_path, QUARTER + "    run 2025-03-01\n")
    shutil.move(books.root / "state", books.sink / ".state")
    found = json.loads(show(books, "contract", "k", "--json", source=True).printed)
    assert {"2025": "31.00"} == found["remaining"]["years"]


def test_while_a_run_works_on_the_state_it_is_not_read(tmp_path: Path) -> None:
    books = played(tmp_path, QUARTER + "    run 2025-03-01\n")
    settings = json.loads((books.root / "state" / "accrual-state.json").read_text())["settings"]
    held = StateDirectory.acquire(books.root / "state", 2, settings)
    try:
        ended = show(books, "contract", "k", source=True, state=True)
    finally:
        held.release()
    assert (0, True) == (ended.code, "is in use by process" in ended.printed)
    assert contract(books)["state"] is None


def test_looking_leaves_the_state_as_it_is(mixed: Books) -> None:
    def content() -> dict[str, str]:
        files = sorted(path for path in (mixed.root / "state").rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = content()
    contract(mixed)
    assert before == content()


def test_the_settings_of_the_state_are_those_that_count(tmp_path: Path) -> None:
    books = Books(tmp_path)
    books.contract({"line_id": "a", "kind": "ratable", "total": "365"}, start="2025-01-01", end="2026-01-01")
    books.run("2025-02-01", ACCRUAL_TIME_ZONE="Asia/Tokyo")
    words = ["show", "contract", "k", "--json", "--sink", f"files:{books.sink}", "--source", f"files:{books.source}"]
    found = json.loads(here(*words, "--state", str(books.root / "state"), cwd=books.root).printed)
    assert ("31.00", "334.00") == (found["billed"]["positions"][0]["recognised"], found["remaining"]["total"])


def test_a_contract_that_waits_for_its_first_version_has_no_books(tmp_path: Path) -> None:
    books = Books(tmp_path)
    books.contract({"line_id": "a", "kind": "ratable", "total": "10"}, start="2025-01-01", end="2026-01-01", version=2)
    books.run("2025-02-01")
    ended = show(books, "contract", "k", source=True, state=True)
    assert (0, True) == (ended.code, "waits" in ended.printed)
    assert "Still to be recognised" not in ended.printed


def test_before_any_date_is_reached_all_of_it_is_left(tmp_path: Path) -> None:
    books = Books(tmp_path)
    books.contract({"line_id": "a", "kind": "ratable", "total": "90"}, start="2025-01-01", end="2025-04-01")
    books.run(None)
    found = contract(books)
    assert (None, {"2025": "90.00"}) == (found["remaining"]["after"], found["remaining"]["years"])
    told = show(books, "contract", "k", source=True, state=True).printed
    assert "no date has been reached: nothing scheduled is due" in told
