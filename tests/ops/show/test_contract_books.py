"""`accrual show contract`: treatments, schedule and billed against recognised, on the books of real runs."""

from __future__ import annotations

import hashlib
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from state.directory import StateDirectory
from tests.ops.show.looking import MIXED, balance, contract, flowing, lines, played, recalculation, remaining, show
from tests.support.books import Books
from tests.support.course import INVOICED, Course
from tests.support.process import here

CONTRA = ("refunds", "credit_notes", "voids", "bad_debt", "disputes")
UNBILLED = ("unbilled_receivable", "contract_asset")


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Books:
    return played(tmp_path_factory.mktemp("mixed"), MIXED)


# -- billed against recognised

BILLED = {
    "billed ahead": INVOICED + "    run 2025-03-01\n",
    "usage and fixed lines, late and credited": MIXED,
    "tax on top": INVOICED + "    2025-02-01 invoice i2 11.00 tax=1.00\n        a 10.00\n    run 2025-03-01\n",
    "a credit note in three ways": INVOICED
    + """
    2025-01-01 paid i1 90.00
    2025-02-01 note n1 45.00 of=i1 refund=15.00 balance=10.00 external=20.00
    run 2025-03-01
    """,
    "a credit note that is voided": INVOICED
    + """
    2025-02-01 note n1 45.00 of=i1
    2025-03-01 note_void n1
    run 2025-03-15
    """,
    "voided and invoiced again": INVOICED
    + """
    2025-02-01 void i1
    2025-03-01 invoice i2 90.00
    run 2025-03-15
    """,
    "paid after it was written off": INVOICED
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
    "disputed": INVOICED + "    2025-01-02 paid i1 90\n    2025-02-01 dispute i1 90\n    run 2025-03-01\n",
    "cancelled, and what is left over is not refundable": """
    2000-01-01 policy cancellation=non_refundable
"""
    + INVOICED
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
    books = played(tmp_path, INVOICED + "    run 2025-03-01\n")
    shutil.move(books.root / "state", books.sink / ".state")
    found = json.loads(show(books, "contract", "k", "--json", source=True).printed)
    assert {"2025": "31.00"} == found["remaining"]["years"]


def test_while_a_run_works_on_the_state_it_is_not_read(tmp_path: Path) -> None:
    books = played(tmp_path, INVOICED + "    run 2025-03-01\n")
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
