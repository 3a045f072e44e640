"""`accrual show rollforward`: opening + billed - recognised - credits = closing, and that it ties."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.show.rollforward import show_rollforward
from tests.ops.test_show import Record, Sink, entry, postings
from tests.ops.test_show_balances import reference
from tests.support.process import here
from tests.support.world import World

COLUMNS = ("opening", "billed", "recognised", "credits", "adjusted", "fx", "other", "closing")


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink(tmp_path)


def course(sink: Sink, deferred: str = "deferred_revenue", unbilled: str = "unbilled_receivable") -> None:
    """A subscription that is billed, recognised, credited, amended and remeasured; usage that is billed later."""

    def both(amount: str, used: str, month: str) -> list[Record]:
        return [
            entry(1, kind="recognition", period=month, lines=postings(deferred, "revenue", amount)),
            entry(2, kind="usage", period=month, lines=postings(unbilled, "revenue", used)),
        ]

    sink.write(
        "revenue.journal",
        entry(1, kind="billing", lines=postings("accounts_receivable", deferred, "90.00")),
        *both("30.00", "5.00", "2024-09"),
        *both("30.00", "7.00", "2024-10"),
        entry(2, kind="usage", period="2024-10", lines=postings("revenue", unbilled, "2.00")),
        entry(3, kind="billing", period="2024-11", lines=postings("accounts_receivable", unbilled, "10.00")),
        entry(3, kind="credit", period="2024-11", lines=postings(deferred, "accounts_receivable", "20.00")),
        entry(4, kind="catch_up", period="2024-11", lines=postings(deferred, "revenue", "1.00")),
        entry(5, kind="correction", period="2024-11", lines=postings("revenue", deferred, "0.25")),
        entry(6, kind="fx", period="2025-01", lines=postings(deferred, "fx_gain_loss", "3.00")),
        entry(7, kind="payment", period="2025-01", lines=postings(deferred, "cash", "2.00")),
        entry(8, kind="tomorrow", period="2025-01", lines=postings("cash", deferred, "4.00")),
        entry(9, kind="billing", entity="de", currency="EUR", lines=postings("accounts_receivable", deferred, "8.00")),
    )


DEFERRED = """
    de 2024-09 0.00 8.00 0.00 0.00 0.00 0.00 0.00 8.00
    us 2024-09 0.00 90.00 30.00 0.00 0.00 0.00 0.00 60.00
    us 2024-10 60.00 0.00 30.00 0.00 0.00 0.00 0.00 30.00
    us 2024-11 30.00 0.00 0.00 20.00 -0.75 0.00 0.00 9.25
    us 2025-01 9.25 0.00 0.00 0.00 0.00 -3.00 2.00 8.25
"""
UNBILLED = """
    us 2024-09 0.00 0.00 5.00 0.00 0.00 0.00 0.00 5.00
    us 2024-10 5.00 0.00 5.00 0.00 0.00 0.00 0.00 10.00
    us 2024-11 10.00 10.00 0.00 0.00 0.00 0.00 0.00 0.00
    us 2025-01 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00
"""


def lines(text: str) -> list[str]:
    return [one.strip() for one in text.strip().splitlines()]


def told(text: str) -> list[str]:
    """The JSON rows as text, after a look at what every row must say."""
    found = [json.loads(one) for one in text.splitlines()]
    assert all(row["ties"] and row["closing"] == row["balance"] for row in found)
    return [" ".join([row["entity"], row["period"], *(row[name] for name in COLUMNS)]) for row in found]


def test_deferred_revenue_is_rolled_forward_by_kind_of_entry(sink: Sink) -> None:
    course(sink)
    code, text, message = sink.show(show_rollforward, as_json=True)
    assert (0, "", lines(DEFERRED)) == (code, message, told(text))


def test_billing_takes_from_what_was_unbilled(sink: Sink) -> None:
    course(sink)
    code, text, _ = sink.show(show_rollforward, as_json=True, account=["unbilled_receivable"])
    assert (0, lines(UNBILLED)) == (code, told(text))


def test_each_opening_is_the_closing_before_and_the_columns_add_up(sink: Sink) -> None:
    course(sink)
    _, text, _ = sink.show(
        show_rollforward, as_json=True, entity="us", account=["deferred_revenue", "unbilled_receivable"]
    )
    before = {}
    signs = {"deferred_revenue": (1, -1, -1, 1, 1, 1), "unbilled_receivable": (-1, 1, -1, 1, 1, 1)}
    for row in map(json.loads, text.splitlines()):
        cents = [int(row[name].replace(".", "")) for name in COLUMNS]
        moved = sum(sign * one for sign, one in zip(signs[row["account"]], cents[1:-1], strict=True))
        assert before.get(row["account"], 0) == cents[0]
        assert cents[-1] == cents[0] + moved
        before[row["account"]] = cents[-1]
    assert {"deferred_revenue": 825, "unbilled_receivable": 0} == before


def test_the_table_has_the_signs_in_its_headings_and_no_column_of_nothing(sink: Sink) -> None:
    course(sink)
    code, text, _ = sink.show(show_rollforward, width=120, account=["deferred_revenue", "unbilled_receivable"])
    words = " ".join(text.split())
    assert "Roll-forward of deferred_revenue, entity us, USD" in words
    assert "period opening + billed − recognised − credits ± adjusted ± fx ± other = closing" in words
    assert "period opening − billed + recognised − credits = closing" in words
    assert "2024-11 30.00 0.00 0.00 20.00 -0.75 0.00 0.00 9.25" in words
    assert (0, True) == (
        code,
        words.endswith("✓ closing = balance of the account, opening = closing of the period before"),
    )
    assert 120 >= max(map(len, text.splitlines()))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"period": "2024-10", "entity": "us"}, ["us 2024-10 61.00 0.00 30.00 0.00 0.00 0.00 0.00 31.00"]),
        ({"period": "2024-12", "entity": "us"}, ["us 2024-12 10.25 0.00 0.00 0.00 0.00 0.00 0.00 10.25"]),
        ({"entity": "de"}, ["de 2024-09 0.00 8.00 0.00 0.00 0.00 0.00 0.00 8.00"]),
        ({"customer": "bravo"}, ["us 2024-09 0.00 1.00 0.00 0.00 0.00 0.00 0.00 1.00"]),
        ({"contract": "k-2"}, ["us 2024-09 0.00 1.00 0.00 0.00 0.00 0.00 0.00 1.00"]),
    ],
)
def test_filters_choose(sink: Sink, options: Record, expected: list[str]) -> None:
    course(sink)
    lines_of_bravo = postings("accounts_receivable", "deferred_revenue", "1.00")
    sink.write(
        "revenue.journal/1", entry(1, kind="billing", customer_id="bravo", contract_id="k-2", lines=lines_of_bravo)
    )
    _, text, _ = sink.show(show_rollforward, as_json=True, **{"entity": "us", **options})
    assert expected == told(text)


def test_numbers_stand_for_names_with_reference_data_and_may_be_named_without(sink: Sink) -> None:
    course(sink, deferred="2400")
    source = reference(
        sink.directory,
        {"kind": "account", "name": "deferred_revenue", "number": "2300"},
        {"kind": "account", "name": "deferred_revenue", "number": "2400", "effective_from": "2024-01-01T00:00:00Z"},
    )
    _, text, _ = sink.show(show_rollforward, as_json=True, source=source)
    assert lines(DEFERRED) == told(text)
    _, text, _ = sink.show(show_rollforward, as_json=True, account=["2400"], period="2024-10", entity="us")
    (found,) = map(json.loads, text.splitlines())
    # Nobody says here that 2400 is a liability: its balance is on the credit side, so below zero.
    assert ("2400", "-30.00", True) == (found["account"], found["closing"], found["ties"])


def test_a_number_that_changed_in_between_is_one_balance(sink: Sink) -> None:
    sink.write(
        "revenue.journal",
        entry(1, kind="billing", lines=postings("accounts_receivable", "2300", "90.00")),
        entry(2, kind="recognition", period="2024-10", lines=postings("2400", "revenue", "30.00")),
    )
    numbers = [
        {"kind": "account", "name": "deferred_revenue", "number": number, "entity": "us"} for number in ("2300", "2400")
    ]
    _, text, _ = sink.show(show_rollforward, as_json=True, source=reference(sink.directory, *numbers))
    assert [
        "us 2024-09 0.00 90.00 0.00 0.00 0.00 0.00 0.00 90.00",
        "us 2024-10 90.00 0.00 30.00 0.00 0.00 0.00 0.00 60.00",
    ] == told(text)


def test_an_account_without_postings_says_which_ones_there_are(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1, lines=postings("1200", "revenue")))
    expected = (
        "No posting to deferred_revenue: nothing to roll forward. Postings by account: 1200 (1), revenue (1); name one "
        "with --account. If these are ERP numbers, --source files:DIR reads the names they stand for."
    )
    code, text, _ = sink.show(show_rollforward, width=300)
    assert (0, expected) == (code, text.strip())
    code, text, message = sink.show(show_rollforward, as_json=True)
    assert (0, "", expected) == (code, text, message.strip())


def test_a_filter_without_matches_says_what_there_is(sink: Sink) -> None:
    course(sink)
    text = sink.show(show_rollforward, entity="fr", width=300)[1]
    assert "No entry has --entity 'fr': there are de (1), us (13)." in text


def test_a_balance_below_zero_is_pointed_out(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1, lines=postings("deferred_revenue", "revenue", "3.00")))
    code, text, _ = sink.show(show_rollforward)
    assert (0, True) == (code, "! deferred_revenue is below zero at the end of 2024-09: -3.00 USD of entity us" in text)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"period": "2024"}, "--period '2024' is not a month"),
        ({"sink": "out"}, "--sink 'out' is not files:DIR"),
        ({"source": "in"}, "--source 'in' is not files:DIR"),
    ],
)
def test_wrong_usage_is_said(sink: Sink, options: Record, expected: str) -> None:
    course(sink)
    code, text, message = sink.show(show_rollforward, **options)
    assert (2, "", True) == (code, text, message.startswith(expected))


def test_a_record_that_cannot_be_read_is_a_failure(sink: Sink) -> None:
    sink.write("revenue.journal", tail="[]\n" + json.dumps(entry(1)) + "\n")
    code, text, message = sink.show(show_rollforward)
    assert (1, "", True) == (code, text, "revenue.journal.jsonl, line 1" in message)


def test_what_a_run_has_booked_rolls_forward(world: World) -> None:
    world.days().booked_right()
    words = ["show", "rollforward", "--sink", f"files:{world.sink}", "--source", f"files:{world.source}", "--json"]
    ended = here(*words, "--account", "unbilled_receivable", "--customer", "c", "--contract", "k", cwd=world.root)
    assert ["e 2025-01 0.00 0.00 54.00 0.00 0.00 0.00 0.00 54.00"] == told(ended.printed)
    assert (0, "") == (ended.code, ended.said)
