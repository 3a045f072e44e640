"""`accrual show recalculations`: the list, and one of them explained, on the books of real runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.show.recalculations import show_recalculations
from ops.show.treatment_words import CAUSES
from tests.ops.show.looking import explained, flowing, lines, played, recalculation, show
from tests.ops.test_show import Sink
from tests.support.books import Books
from tests.support.course import HALF_YEAR

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
# April is closed before a price that rises from April on becomes known; a line is added below its selling price.
GROWN = """
    2025-01-01 contract 2025-01-01..2026-01-01 correlation_id=order-1
        a ratable 1200 method=monthly
    2025-05-03 close 2025-04
    2025-05-10 amend effective=2025-04-01 correlation_id=order-2 traceparent=TRACE
        a ratable 1500 method=monthly
    2025-06-01 amend
        a ratable 1500 method=monthly
        b ratable 95 2025-06-01..2026-01-01 method=monthly ssp=100
    run 2025-07-01
"""


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Books:
    return played(tmp_path_factory.mktemp("grown"), GROWN.replace("TRACE", TRACE))


def listed(books: Books, *words: str) -> list[dict[str, Any]]:
    ended = show(books, "recalculations", *words, "--json")
    assert (0, "") == (ended.code, ended.said)
    return [json.loads(line) for line in ended.printed.splitlines()]


# -- the list


def test_they_are_listed_by_the_date_from_which_they_hold(grown: Books) -> None:
    names = [recalculation(grown, version)[:12] for version in (1, 2, 3)]
    found = [line for line in lines(show(grown, "recalculations").printed) if line.split(" ")[0] in names]
    assert [
        f"{names[0]} 2025-01-01 k 1 amendment new_contract 1,200.00 0.00 0",
        f"{names[1]} 2025-04-01 k 1 → 2 amendment prospective 300.00 0.00 0",
        f"{names[2]} 2025-06-01 k 2 → 3 amendment prospective 95.00 0.00 1",
    ] == found


def test_json_gives_the_records_as_they_stand(grown: Books) -> None:
    assert grown.records("recalculations") == listed(grown)
    assert grown.records("recalculations")[:2] == listed(grown, "--limit", "2")


FILTERS: dict[str, tuple[list[str], list[int]]] = {
    "contract": (["--contract", "k"], [1, 2, 3]),
    "customer": (["--customer", "c"], [1, 2, 3]),
    "cause": (["--cause", "amendment"], [1, 2, 3]),
    "a month that only the first two change": (["--period", "2025-05"], [1, 2]),
    "a month that nothing changes": (["--period", "2026-05"], []),
    "all at once": (["--contract", "k", "--customer", "c", "--period", "2025-01", "--cause", "amendment"], [1]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_they_are_filtered(grown: Books, name: str) -> None:
    words, versions = FILTERS[name]
    assert versions == [one["to_version"] for one in listed(grown, *words)]


def test_the_list_is_cut_and_says_so(grown: Books) -> None:
    assert "1 of 3 recalculations shown; --limit 0 shows all." in show(grown, "recalculations", "--limit", "1").printed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--contract", "kk"], "None has --contract 'kk': the nearest are k."),
        (["--cause", "policy"], "None has --cause 'policy': there is amendment (3)."),
        (["--period", "2024-12"], "None has --period '2024-12': there is 2025-01 (1), "),
    ],
)
def test_a_filter_that_none_has_says_what_there_is(grown: Books, words: list[str], expected: str) -> None:
    told = flowing(show(grown, "recalculations", *words).printed)
    assert told.startswith("No recalculation matches; ")
    assert expected in told


def test_filters_that_exclude_each_other_say_so(grown: Books) -> None:
    other = "\n    2025-01-01 contract 2025-01-01..2025-02-01 k=j\n        a ratable 31\n    run 2025-07-01\n"
    books = played(grown.root.with_name("excluded"), GROWN + other)
    told = show(books, "recalculations", "--contract", "j", "--period", "2025-12").printed
    assert "Each filter by itself has some, together they have none." in flowing(told)


def test_a_period_that_is_no_month_is_refused(grown: Books) -> None:
    ended = show(grown, "recalculations", "--period", "May")
    assert (2, True) == (ended.code, ended.said.startswith("--period 'May' is not a month: write YYYY-MM"))


def test_a_run_without_any_and_a_directory_without_a_run_are_told_apart(tmp_path: Any) -> None:
    sink = Sink(tmp_path)
    assert (2, True) == (sink.show(show_recalculations)[0], "nothing has been run" in sink.show(show_recalculations)[2])
    sink.write("revenue.journal")
    code, text, _ = sink.show(show_recalculations)
    assert (0, True) == (code, text.startswith("No recalculation: no contract version has been read so far"))


# -- one of them


def test_it_names_what_its_cause_was_sent_under(grown: Books) -> None:
    text = show(grown, "recalculations", recalculation(grown, 2)).printed
    assert "order-2" in text
    assert TRACE in text


def test_it_says_what_happened_and_since_when_it_is_known(grown: Books) -> None:
    found = explained(grown, recalculation(grown, 2))
    assert (
        "amendment, version 2 of contract k of customer c, effective 2025-04-01, known 2025-05-10",
        "2025-05-10T00:00:00Z",
        ["a: total 1,200.00 → 1,500.00"],
    ) == (found["what"], found["known"], found["change"])
    first = explained(grown, recalculation(grown, 1))["what"]
    assert (
        "version 1 of contract k of customer c, with which it begins, effective 2025-01-01, known 2025-01-01" == first
    )


def test_without_the_source_it_says_what_the_sink_knows(grown: Books) -> None:
    ended = show(grown, "recalculations", recalculation(grown, 2))
    told = flowing(ended.printed)
    assert (0, "") == (ended.code, ended.said)
    assert "amendment, version 2 of contract k of customer c, effective 2025-04-01 " in told
    assert "--source files:DIR, what the run has read, tells when the version became known" in told


def test_it_says_how_it_is_accounted_for_and_why_test_by_test(grown: Books) -> None:
    found = explained(grown, recalculation(grown, 3))
    assert ("prospective", "ASC 606-10-25-13 (a); IFRS 15.21 (a)") == (
        found["treatment"]["name"],
        found["treatment"]["source"],
    )
    assert [
        ("the fixed terms or estimates change: yes (adds b)", "ASC 606-10-25-10; IFRS 15.18"),
        (
            "added at stand-alone selling price: no, 95.00 against 100.00, tolerance 0 % (line b, distinct)",
            "ASC 606-10-25-12 (a), (b); IFRS 15.20 (a), (b)",
        ),
        (
            "all that is added is distinct and at its stand-alone selling price: no (b)",
            "ASC 606-10-25-12; IFRS 15.20",
        ),
        ("remaining services are distinct: yes (ratable line a)", "ASC 606-10-25-13 (a); IFRS 15.21 (a)"),
        ("remaining services are distinct: yes (ratable line b)", "ASC 606-10-25-13 (a); IFRS 15.21 (a)"),
        ("therefore: prospective", "ASC 606-10-25-13 (a); IFRS 15.21 (a)"),
        ("allocation: relative SSP: 1595.00 USD over 1600.00 USD", "ASC 606-10-32-31; IFRS 15.76"),
    ] == [(one["words"], one["source"]) for one in found["tests"]]
    screen = lines(show(grown, "recalculations", recalculation(grown, 3)).printed)
    assert "remaining services are distinct: yes (ratable line a) ASC 606-10-25-13 (a); IFRS 15.21 (a)" in screen


def test_it_shows_before_after_and_change_by_line_and_month(grown: Books) -> None:
    found = explained(grown, recalculation(grown, 2))["changes"]
    assert {"line_id": "a", "period": "2025-03", "before": "100.00", "after": "100.00", "delta": "0.00"} in found
    assert {"line_id": "a", "period": "2025-04", "before": "100.00", "after": "133.33", "delta": "33.33"} in found
    screen = lines(show(grown, "recalculations", recalculation(grown, 2)).printed)
    assert "a 2025-04 100.00 133.33 33.33" in screen
    assert "all 1,200.00 1,500.00 300.00" in screen
    assert "3 lines and periods that do not change are in the sums only." in screen
    short = lines(show(grown, "recalculations", recalculation(grown, 2), "--limit", "2").printed)
    assert [True, False] == ["2025-05 100.00 133.34 33.34" in short, "2025-06 100.00 133.33 33.33" in short]
    assert (
        "2 of 9 rows shown; --limit 0 shows all; 3 lines and periods that do not change are in the sums only." in short
    )


def test_what_was_posted_for_several_versions_belongs_to_the_last(grown: Books) -> None:
    second, third = recalculation(grown, 2), recalculation(grown, 3)
    told = flowing(show(grown, "recalculations", second).printed)
    assert "no entry of its own: what was posted when it became known belongs to the last version" in told
    assert f"version 3 has followed (prospective): {third}" in told
    posted = {one["entry_id"] for one in explained(grown, third)["entries"]}
    assert posted == set(next(one for one in listed(grown) if one["recalculation_id"] == third)["entry_ids"])


@pytest.fixture(scope="session")
def revised(tmp_path_factory: pytest.TempPathFactory) -> Books:
    """January is booked and closed before the price of all of it changes."""
    course = """
    2025-02-03 close 2025-01
    run 2025-03-01
    2025-03-05 amend effective=2025-01-01 treatment=cumulative_catch_up reason=agreed requested_by=eve approved_by=ann
        a ratable 540 method=monthly
    run 2025-03-05
    """
    return played(tmp_path_factory.mktemp("revised"), HALF_YEAR + course)


def test_it_shows_its_entries_those_of_closed_months_with_their_own(revised: Books) -> None:
    name = recalculation(revised, 2)
    dates = [
        (one["accounting_date"], one["origin_period"], one["kind"], one["lines"][0]["amount"])
        for one in explained(revised, name)["entries"]
    ]
    assert [
        ("2025-02-01", "2025-01", "recognition", "10.00"),
        ("2025-02-28", None, "recognition", "10.00"),
    ] == dates
    screen = lines(show(revised, "recalculations", name).printed)
    entry = explained(revised, name)["entries"][0]["entry_id"][:12]
    assert f"2025-02-01 for 2025-01 {entry} recognition c k / a revenue 10.00 USD" in screen
    assert "posted 2 entries" in screen


def test_it_says_what_follows(revised: Books) -> None:
    found = explained(revised, recalculation(revised, 2))
    assert [("2025-03", "-10.00"), ("2025-04", "-10.00"), ("2025-05", "-10.00"), ("2025-06", "-10.00")] == [
        (one["period"], one["amount"]) for one in found["ahead"]
    ]
    told = "-40.00 of the change lies in 2025-03 to 2025-06, of which nothing is posted yet: each period's part is posted when"
    assert told in flowing(show(revised, "recalculations", recalculation(revised, 2)).printed)
    revised.run("2025-07-01")
    assert ["nothing: all of it is posted"] == explained(revised, recalculation(revised, 2))["follows"]


def test_what_is_posted_for_a_closed_month_is_not_what_is_posted_of_the_open_one(tmp_path: Any) -> None:
    course = """
    2025-02-03 close 2025-01
    2025-02-05 amend effective=2025-01-01
        a ratable 540 method=monthly
    run 2025-02-10
    """
    books = played(tmp_path, HALF_YEAR + course)
    found = explained(books, recalculation(books, 2))
    assert [("2025-02", "2025-01")] == [(one["period"], one["origin_period"]) for one in found["entries"]]
    assert "2025-02" == found["ahead"][0]["period"]


def test_usage_that_is_rated_again_is_not_still_to_come(tmp_path: Any) -> None:
    course = """
    2025-01-01 contract 2025-01-01..2025-07-01
        u usage 1
    2025-02-10 usage 7
    run 2025-03-01
    2025-04-01 amend effective=2025-02-01
        u usage 2
    run 2025-04-01
    """
    books = played(tmp_path, course)
    found = explained(books, recalculation(books, 2))
    assert (["7.00"], []) == ([one["delta"] for one in found["changes"]], found["ahead"])


def test_a_treatment_that_somebody_decided_names_who_and_why(revised: Books) -> None:
    told = "a person decides instead of the tests: cumulative catch-up; approved by ann; reason: agreed"
    assert told in [one["words"] for one in explained(revised, recalculation(revised, 2))["tests"]]


def test_usage_that_comes_late_is_told_as_that(tmp_path: Any) -> None:
    books = played(
        tmp_path,
        """
    2025-01-01 contract 2025-01-01..2025-07-01
        u usage 2
    2025-02-10T08 usage 7
    run 2025-03-01
    2025-02-10T09 usage 3
    run 2025-03-01
    """,
    )
    (one,) = listed(books, "--cause", "late_usage")
    found = explained(books, one["recalculation_id"])
    assert CAUSES["late_usage"].name == found["treatment"]["name"]
    assert [("u", "2025-02", "14.00", "20.00", "6.00")] == [tuple(row.values()) for row in found["changes"]]
    assert ["6.00"] == [entry["lines"][0]["amount"] for entry in found["entries"]]
    told = "contract k of customer c: usage of it came after its windows were booked"
    assert flowing(show(books, "recalculations", one["recalculation_id"]).printed).count(told) == 1


# Two products that sell at 150 and 50 alone, for 100 each; the second contract becomes known when two months are posted.
COMBINED = """
    2025-01-01 contract 2025-01-01..2026-01-01 k=A
        a ratable 1200 method=monthly ssp=1800
    run 2025-03-01
    2025-03-05 contract 2025-01-01..2026-01-01 k=B combined_with=A {facts}
        b ratable 1200 method=monthly ssp=600
    run 2025-03-05
"""


def test_what_a_combined_contract_changes_of_the_other_is_told(tmp_path: Any) -> None:
    books = played(tmp_path, COMBINED.format(facts=""))
    (one,) = (one for one in listed(books, "--contract", "A") if one["from_version"] == 1)
    found = explained(books, one["recalculation_id"])
    assert (
        "contract A of customer c: a contract that it is combined with came or changed; the first change is at"
        in (found["what"])
    )
    assert "ASC 606-10-25-9; IFRS 15.17" == found["treatment"]["source"]
    assert ["50.00"] * 12 == [row["delta"] for row in found["changes"]]
    assert {"2025-03", "2025-12"} == {found["ahead"][0]["period"], found["ahead"][-1]["period"]}
    assert ["combined with: a version of one is one of both (contract B, version 1)"] == [
        test["words"] for test in found["tests"]
    ]
    assert version_of(listed(books, "--contract", "A")[0]) == explained(books, recalculation(books, 1, "A"))["what"]


def version_of(record: dict[str, Any]) -> str:
    at = record["effective_at"][:10]
    return (
        f"version 1 of contract {record['contract_id']} of customer c, with which it begins, effective {at}, known {at}"
    )


def test_the_beginning_of_an_id_is_enough_and_a_wrong_one_names_the_nearest(grown: Books) -> None:
    name = recalculation(grown, 2)
    assert explained(grown, name) == explained(grown, name[:6])
    wrong = ("0" if name[7] != "0" else "1").join((name[:7], name[8:10]))
    ended = show(grown, "recalculations", wrong)
    expected = f"no recalculation's id is {wrong!r} or begins with it in {str(grown.sink)!r}: the nearest are {name}"
    assert (2, "", True) == (ended.code, ended.printed, ended.said.startswith(expected))


def test_a_beginning_that_several_ids_have_asks_for_more(tmp_path: Any) -> None:
    sink = Sink(tmp_path)
    record = {"contract_id": "k", "cause": "amendment", "effective_at": "2025-01-01T00:00:00Z", "to_version": 1}
    sink.write("revenue.recalculations", *({**record, "recalculation_id": f"abc{n}", "sequence": n} for n in (1, 2)))
    ended = show(_at(tmp_path), "recalculations", "abc")
    assert (2, "more than one recalculation's id begins with 'abc': abc1, abc2. Write more of it.\n") == (
        ended.code,
        ended.said,
    )


def test_what_a_later_version_of_the_program_writes_is_told_as_it_is(tmp_path: Any) -> None:
    sink = Sink(tmp_path)
    test = {"test": "of tomorrow", "inputs": [{"key": "moon", "value": "full"}], "result": "yes"}
    record = {"contract_id": "k", "cause": "moonlight", "effective_at": "soon", "evidence": [test], "entry_ids": ["e9"]}
    sink.write("revenue.recalculations", {**record, "recalculation_id": "abc1", "new": 1})
    told = flowing(show(_at(tmp_path), "recalculations", "abc1").printed)
    for expected in (
        "of tomorrow: yes (moon full)",
        "contract k of customer -: moonlight",
        "written by a later version of the program",
        "the journal does not hold 1 of its entries: e9",
    ):
        assert expected in told


def _at(sink: Any) -> Books:
    books = Books.__new__(Books)
    books.root = books.source = books.sink = sink
    return books
