"""`accrual show contract`: versions as received, lines in words, what is booked of them, what is open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops.show.contract import show_contract
from tests.ops.test_show import Record, Sink, entry, exception, postings
from tests.ops.test_show_balances import reference
from tests.support.containers import as_avro, container
from tests.support.process import here
from tests.support.world import World, line, usage

START, END = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
SEATS: Record = {"line_id": "seats", "product_id": "seat", "kind": "ratable", "quantity": "10", "total": "1200.00"}
CALLS: Record = {"line_id": "calls", "kind": "usage", "rate": {"meter": "api", "unit_price": "0.10", "included": "100"}}
SETUP: Record = {"line_id": "setup", "kind": "milestone", "total": "300.00", "ssp": "350.00", "end": "2024-06-01T00:00:00Z",
                 "progress": {"incurred": "1", "expected": "4"}}  # fmt: skip


def version(number: int, *lines: Record, **changes: Any) -> Record:
    record: Record = {
        "event_id": f"c-{number}",
        "source": "crm",
        "event_time": START,
        "contract_id": "k-1",
        "version": number,
        "kind": "activated" if number == 1 else "amended",
        "effective_at": START,
        "customer_id": "acme",
        "entity": "us",
        "currency": "USD",
        "start": START,
        "end": END,
        "lines": list(lines) or [SEATS],
    }
    return record | changes


class Books(Sink):
    """A sink, and the source beside it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "out")
        self.root = directory / "in"
        self.root.mkdir()
        self.source = f"files:{self.root}"
        self.write("revenue.journal")

    def versions(self, *records: Record | str, partition: int = 0) -> None:
        path = self.root / "contracts.events" / f"{partition}.jsonl"
        path.parent.mkdir(exist_ok=True)
        texts = [one if isinstance(one, str) else json.dumps(one) for one in records]
        path.write_text("".join(f"{one}\n" for one in texts), encoding="utf-8")

    def look(self, contract: str = "k-1", **options: Any) -> tuple[int, str, str]:
        return self.show(show_contract, contract=contract, **{"source": self.source, "sink": self.uri, **options})

    def show(self, command: Any, width: int = 120, **options: Any) -> tuple[int, str, str]:
        return super().show(lambda sink, **rest: command(sink=sink, **rest), width, **options)

    def found(self, **options: Any) -> Record:
        code, text, message = self.look(as_json=True, **options)
        assert (0, "") == (code, message)
        result: Record = json.loads(text)
        return result


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


def changes(found: Record) -> list[list[str]]:
    return [one["change"] for one in found["versions"]]


def test_a_first_version_is_told_by_its_terms(books: Books) -> None:
    books.versions(version(1, SEATS, CALLS, SETUP))
    expected = [
        "USD, 2024-01-01 to 2025-01-01",
        "seats (ratable): total 1,200.00 for 10",
        "calls (usage): 0.10 per api, billed by month; 100 included",
        "setup (milestone): total 300.00; SSP 350.00; progress 1 of 4",
    ]
    assert [expected] == changes(books.found())


PRICES: list[tuple[Record, str]] = [
    ({"unit_price": "2.500000"}, "2.50 per api, billed by month"),
    (
        {"unit_price": "0.00012", "aggregation": "max", "billing_period": "term"},
        "0.00012 per max of api, billed by term",
    ),
    (
        {
            "model": "graduated",
            "tiers": [{"up_to": "100", "unit_price": "0.1"}, {"unit_price": "0.05", "flat_fee": "3"}],
        },
        "graduated api: to 100 at 0.10, above at 0.05 + flat 3, billed by month",
    ),
    (
        {"model": "volume", "tiers": [{"up_to": "5000", "flat_fee": "100"}, {}], "billing_period": "quarter"},
        "volume api: to 5,000 flat 100, above at 0, billed by quarter",
    ),
    (
        {"model": "package", "package_size": "10", "package_price": "15", "minimum": "5", "maximum": "1000.00"},
        "15 per package of 10 api, billed by month; minimum 5.00; maximum 1,000.00",
    ),
]


@pytest.mark.parametrize(("rate", "expected"), PRICES)
def test_a_price_is_told_in_words(books: Books, rate: Record, expected: str) -> None:
    books.versions(version(1, {**CALLS, "rate": {"meter": "api", **rate}}))
    (told,) = books.found()["lines"]
    assert expected == told["price"]


CHANGES: list[tuple[Record, list[str]]] = [
    ({}, ["changes nothing"]),
    ({"lines": [{**SEATS, "total": "1500.00", "quantity": "12"}]}, ["seats: quantity 10 → 12, total 1,200.00 → 1,500.00"]),
    ({"lines": [SEATS, CALLS]}, ["adds calls (usage): 0.10 per api, billed by month; 100 included"]),
    ({"lines": [{**SETUP, "end": END}]},
     ["adds setup (milestone): total 300.00; SSP 350.00; progress 1 of 4", "takes away seats"]),
    ({"end": "2026-01-01T00:00:00Z", "kind": "renewed"},
     ["term 2024-01-01 to 2025-01-01 → 2024-01-01 to 2026-01-01",
      "seats: term 2024-01-01 to 2025-01-01 → 2024-01-01 to 2026-01-01"]),
    ({"kind": "cancelled", "effective_at": "2024-06-01T00:00:00Z"}, ["ends the contract at 2024-06-01"]),
    ({"entity": "de", "lines": [{**SEATS, "method": "monthly", "distinct": False, "ssp": "1000"}]},
     ["entity us → de", "seats: method none → monthly, distinct True → False, ssp none → 1,000.00"]),
    ({"lines": [{**SEATS, "satisfied_at": "2024-03-01T12:00:00Z", "progress": {"incurred": "1", "expected": "2"}}]},
     ["seats: satisfied 2024-03-01T12:00:00Z, progress none → 1 of 2"]),
    ({"variable": [{"id": "bonus", "estimate": "50.00"}]}, ["estimates bonus at 50.00"]),
    ({"modification": {"treatment": "prospective", "reason": "board", "approved_by": "cfo", "past_credit": "5.00"}},
     ["treatment prospective", "past credit 5.00", "reason: board", "approved by cfo"]),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "expected"), CHANGES)
def test_a_version_is_told_by_what_it_changes(books: Books, changed: Record, expected: list[str]) -> None:
    books.versions(version(1), version(2, **changed))
    assert expected == changes(books.found())[1]


def test_a_changed_price_and_estimate_are_told_with_both(books: Books) -> None:
    dearer = {**CALLS, "rate": {"meter": "api", "unit_price": "0.12"}}
    books.versions(
        version(1, CALLS, variable=[{"id": "bonus", "estimate": "50.00"}, {"id": "gone", "estimate": "1.00"}]),
        version(2, dearer, variable=[{"id": "bonus", "estimate": "60.00"}]),
    )
    assert [
        "calls: price 0.10 per api, billed by month; 100 included → 0.12 per api, billed by month",
        "estimate of bonus 50.00 → 60.00",
        "takes away the estimate of gone",
    ] == changes(books.found())[1]


def test_versions_are_listed_as_received_with_what_became_of_them(books: Books) -> None:
    other = {**SEATS, "total": "1.00"}
    books.versions(version(2), version(1), version(2), version(2, other), version(5), version(1, contract_id="k-10"))
    found = books.found()
    assert [
        (2, "holds", 0, ["changes nothing"]),
        (1, "holds", 1, ["USD, 2024-01-01 to 2025-01-01", "seats (ratable): total 1,200.00 for 10"]),
        (2, "repeated", 2, ["the same as version 2 at contracts.events/0 @ 0, which holds"]),
        (2, "in conflict", 3, ["differs from version 2 at contracts.events/0 @ 0, which holds"]),
        (5, "waits", 4, ["waits: version 4 is not there"]),
    ] == [(one["version"], one["status"], one["source"]["offset"], one["change"]) for one in found["versions"]]
    assert "Lines of version 2, USD" in books.look()[1]


def test_lines_that_are_no_valid_versions_are_counted_and_named(books: Books) -> None:
    books.versions(
        version(1),
        version(2, currency="dollars"),
        version(1, contract_id="other", lines=3),
        '{"contract_id": "k-1"',
        version(3, lines=[{**SEATS, "total": 12}], customer_id="bravo"),
    )
    found = books.found()
    assert [1, 4] == [one["source"]["offset"] for one in found["invalid"]]
    assert "currency" in found["invalid"][0]["reason"]
    text = books.look(customer="acme")[1]
    assert "contracts.events/0 @ 1: currency = 'dollars'" in text
    assert "1 lines that name this contract are no valid versions" in text


def booked(books: Books, revenue: str = "revenue", deferred: str = "deferred_revenue", months: int = 3) -> None:
    """Billed 300 in January; 100 recognised and 5 used each month; 20 credited in the second one."""
    names = [f"2024-{number:02d}" for number in range(1, months + 1)]
    entries = [entry(1, kind="billing", line_id=None, lines=postings("cash", deferred, "300.00"), period=names[0],
                     accounting_date=f"{names[0]}-01")]  # fmt: skip
    for name in names:
        at = {"period": name, "accounting_date": f"{name}-28"}
        entries.append(entry(2, kind="recognition", line_id="seats", lines=postings(deferred, revenue, "100.00"), **at))
        entries.append(entry(3, line_id="calls", lines=postings("unbilled_receivable", revenue, "5.00"), **at))
    credit = {"kind": "credit", "line_id": "seats", "period": names[1], "accounting_date": f"{names[1]}-10"}
    entries.append(entry(4, **credit, lines=postings("credit_notes", "cash", "20.00")))
    entries.append(entry(5, contract_id="k-2", lines=postings("cash", revenue, "7.00")))
    entries.append(entry(6, customer_id="bravo", lines=postings("cash", revenue, "7.00")))
    books.write("revenue.journal", *entries)


WATERFALL = """
    seats 2024-01 100.00 0.00 -100.00 0.00
    seats 2024-02 100.00 20.00 -200.00 0.00
    seats 2024-03 100.00 0.00 -300.00 0.00
    calls 2024-01 5.00 0.00 0.00 5.00
    calls 2024-02 5.00 0.00 0.00 10.00
    calls 2024-03 5.00 0.00 0.00 15.00
    None 2024-01 0.00 0.00 300.00 0.00
    None 2024-02 0.00 0.00 300.00 0.00
    None 2024-03 0.00 0.00 300.00 0.00
"""


def cells(found: Record) -> list[str]:
    names = ("line_id", "period", "recognised", "contra", "deferred", "unbilled")
    return [" ".join(str(row[name]) for name in names) for row in found["waterfall"]]


def test_what_is_recognised_deferred_and_unbilled_is_told_by_line_and_period(books: Books) -> None:
    books.versions(version(1, SEATS, CALLS))
    booked(books)
    assert [one.strip() for one in WATERFALL.strip().splitlines()] == cells(books.found())
    text = [" ".join(one.split()) for one in books.look()[1].splitlines()]
    for expected in (
        "line 2024-01 2024-02 2024-03 to date",
        "seats recognised 100.00 100.00 100.00 300.00",
        "contra · 20.00 · 20.00",
        "deferred -100.00 -200.00 -300.00 -300.00",
        "calls recognised 5.00 5.00 5.00 15.00",
        "unbilled 5.00 10.00 15.00 15.00",
        "(no line) deferred 300.00 300.00 300.00 300.00",
    ):
        assert expected in text


def test_accounts_by_number_are_known_by_the_reference_data(books: Books) -> None:
    books.versions(version(1, SEATS, CALLS))
    booked(books, revenue="4000", deferred="2400")
    assert "accounts without a name in reference.events are left out above: 2400, 4000" in " ".join(
        books.look()[1].split()
    )
    reference(
        books.root.parent,
        {"kind": "account", "name": "deferred_revenue", "number": "2400"},
        {"kind": "account", "name": "sales", "number": "4000"},
        {"kind": "product", "id": "seat", "revenue_account": "sales"},
    )
    assert [one.strip() for one in WATERFALL.strip().splitlines()] == cells(books.found())


def test_periods_that_do_not_fit_are_one_column_with_a_note(books: Books) -> None:
    books.versions(version(1, SEATS, CALLS))
    booked(books, months=12)
    code, text, _ = books.look()
    found = [" ".join(one.split()) for one in text.splitlines()]
    heading = next(one for one in found if one.startswith("line") and one.endswith("to date"))
    shown = heading.split()[2:-2]
    hidden = 12 - len(shown)
    assert (0, "2024-12", True) == (code, shown[-1], 0 < hidden < 12)
    assert f"{hidden} periods before {shown[0]} are one column; --json has each" in found
    recognised = [f"{100 * hidden:.2f}", *["100.00"] * len(shown), "1,200.00"]
    unbilled = [f"{5 * (hidden + number):.2f}" for number in range(len(shown) + 1)]
    assert f"seats recognised {' '.join(recognised)}" in found
    assert f"unbilled {' '.join([*unbilled, unbilled[-1]])}" in found
    assert 120 >= max(map(len, text.splitlines()))


def test_the_last_entries_and_the_open_exceptions_of_the_contract_are_shown(books: Books) -> None:
    books.versions(version(1, SEATS, CALLS))
    booked(books, months=5)
    of_k1 = {"contract_id": "k-1"}
    books.write(
        "revenue.exceptions",
        exception(1, **of_k1, reason="still open"),
        exception(2, **of_k1, reason="resolved since"),
        exception(3, contract_id="k-2"),
        exception(4, **of_k1, customer_id="bravo"),
        exception(5),
        exception(6),
        exception(2, **of_k1, status="resolved"),
        exception(6, status="resolved"),
    )
    found = books.found()
    assert ["x1"] == [one["exception_id"] for one in found["exceptions"]]
    assert (12, 10) == (found["entries"], len(found["last_entries"]))
    dates = [one["accounting_date"] for one in found["last_entries"]]
    assert (sorted(dates), "2024-02-10") == (dates, dates[1])
    text = books.look()[1]
    assert "Last 10 of 12 entries" in text
    assert "still open" in text
    assert "resolved since" not in text
    assert "1 more open exceptions of customer acme name no contract: accrual show exceptions --customer acme" in text


def test_as_of_an_instant_there_are_the_versions_and_entries_of_then(books: Books) -> None:
    later = {"event_time": "2024-02-29T00:00:00.000001Z", "effective_at": "2024-02-01T00:00:00Z"}
    books.versions(version(1, SEATS, CALLS), version(2, SEATS, **later))
    booked(books)
    assert [1, 2] == [one["version"] for one in books.found(as_of=later["event_time"])["versions"]]
    found = books.found(as_of="2024-02-29")
    assert [1] == [one["version"] for one in found["versions"]]
    assert "2024-02-28" == max(one["accounting_date"] for one in found["last_entries"])
    assert "2024-02-10" == max(
        one["accounting_date"] for one in books.found(as_of="2024-02-28T23:59:59Z")["last_entries"]
    )
    assert (
        "as of 2024-02-29: versions known by then, entries of days that ended by then"
        in books.look(as_of="2024-02-29")[1]
    )


def test_a_contract_without_entries_says_so(books: Books) -> None:
    books.versions(version(1))
    code, text, _ = books.look()
    assert (0, True) == (code, "Nothing is booked for this contract so far." in text)
    assert "No open exception names this contract." in text


def test_entries_of_a_contract_that_the_source_lacks_are_shown_all_the_same(books: Books) -> None:
    booked(books)
    code, text, _ = books.look("k-2")
    assert (0, True) == (code, "the source holds no valid version" in text)
    assert "Last 1 of 1 entries" in text


@pytest.mark.parametrize("name", ["contract-1", "Contract-0", "0012"])
def test_a_contract_that_does_not_exist_is_named_with_the_nearest(books: Books, name: str) -> None:
    books.versions(*(version(1, contract_id=f"contract-{number:04d}") for number in (12, 500)), version(1))
    code, text, message = books.look(name)
    assert (2, "") == (code, text)
    assert message.startswith(f"no contract {name!r} in {str(books.root)!r}: the nearest are contract-00")


def test_the_contract_of_another_customer_or_of_later_is_told_as_that(books: Books) -> None:
    books.versions(version(1, event_time="2024-02-01T00:00:00Z"))
    assert (2, "", "contract 'k-1' is not one of customer 'bravo': it is one of acme.\n") == books.look(
        customer="bravo"
    )
    told = "contract 'k-1' was not known by --as-of 2024-01-31: its first version is of 2024-02-01.\n"
    assert (2, "", told) == books.look(as_of="2024-01-31")


def test_an_id_that_two_customers_use_wants_the_customer(books: Books) -> None:
    books.versions(version(1), version(1, CALLS, customer_id="bravo"))
    code, _, message = books.look()
    assert (2, True) == (code, "of each of these customers: acme, bravo. Name one with --customer." in message)
    assert "calls" == books.found(customer="bravo")["lines"][0]["line_id"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"as_of": "soon"}, "--as-of 'soon' is no instant"),
        ({"source": "files:nowhere"}, "--source 'files:nowhere': the directory 'nowhere' does not exist."),
        ({"sink": "nowhere"}, "--sink 'nowhere' is not files:DIR"),
    ],
)
def test_wrong_usage_is_said(books: Books, options: Record, expected: str) -> None:
    books.versions(version(1))
    code, text, message = books.look(**options)
    assert (2, "", True) == (code, text, message.startswith(expected))


def test_a_source_without_contracts_says_so(books: Books) -> None:
    code, _, message = books.look()
    assert (2, True) == (code, message.endswith("its contracts.events holds none.\n"))


def test_a_source_that_is_no_source_is_wrong_usage(books: Books) -> None:
    books.versions(version(1))
    (books.root / "contracts.events.jsonl").touch()
    code, _, message = books.look()
    assert (2, True) == (code, "keep one of them" in message)


def test_versions_in_avro_read_the_same(books: Books) -> None:
    given = [version(1, SEATS, CALLS), version(2, SEATS), version(1, contract_id="k-2")]
    books.versions(*given)
    expected = books.look()[1]
    assert "total 1,200.00 for 10" in expected
    (books.root / "contracts.events" / "0.jsonl").unlink()
    records = [as_avro("contracts.events", one) for one in given]
    container(books.root / "contracts.events" / "0.avro", "contracts.events", records)
    assert expected == books.look()[1]


def test_a_contract_id_that_is_written_with_escapes_is_found(books: Books) -> None:
    books.versions(version(1, contract_id="Überlingen/7"))
    assert 1 == len(books.found(contract="Überlingen/7")["versions"])


def test_what_a_run_has_booked_is_there(world: World) -> None:
    world.contract(line("l", "m")).contract(line("l", "m", "3"), version=2, effective_at="2025-01-05T00:00:00Z")
    world.send(*(usage(f"u{day}", day) for day in range(1, 10)), usage("x", 3, meter="strange"))
    world.booked_right()
    words = ["show", "contract", "k", "--sink", f"files:{world.sink}", "--source", f"files:{world.source}"]
    found = json.loads(here(*words, "--json", "--customer", "c", cwd=world.root).printed)
    assert ["l: price 2 per m, billed by month → 3 per m, billed by month"] == changes(found)[1]
    assert [("l", "2025-01", "69.00", "69.00")] == [
        (row["line_id"], row["period"], row["recognised"], row["unbilled"]) for row in found["waterfall"]
    ]
    assert world.revenue() == found["waterfall"][0]["recognised"]
    assert 9 == found["entries"]
    ended = here(*words, "--as-of", "2025-01-05", cwd=world.root)
    assert (0, True) == (ended.code, "Last 4 of 4 entries" in ended.printed)
    ended = here(*words[:2], "kk", *words[3:], cwd=world.root)
    assert (2, True) == (ended.code, "no contract 'kk'" in ended.said)
    assert 2 == here("show", "contract", "k", "--sink", f"files:{world.sink}", cwd=world.root).code
