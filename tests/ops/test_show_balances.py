"""`accrual show balances`: what moved, where it stood, on which side, and whether debits equal credits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops.show.balances import show_balances
from ops.show.by import By
from tests.ops.test_show import Record, Sink, entry, postings
from tests.support.process import here
from tests.support.world import World, line, usage


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink(tmp_path)


def three_months(sink: Sink, **names: str) -> None:
    """Billed 120 in September, recognised 40 in September and November, paid in November; October has another entity."""
    ar, deferred, revenue, cash = (
        names.get(name, name) for name in ("accounts_receivable", "deferred_revenue", "revenue", "cash")
    )
    sink.write(
        "revenue.journal",
        entry(1, kind="billing", lines=postings(ar, deferred, "120.00")),
        entry(2, kind="recognition", lines=postings(deferred, revenue, "40.00")),
        entry(3, kind="recognition", lines=postings(deferred, revenue, "40.00"), period="2024-11"),
        entry(4, kind="payment", lines=postings(cash, ar, "120.00"), period="2024-11", customer_id="bravo"),
        entry(5, entity="de", currency="EUR", period="2024-10", contract_id="k-2"),
    )


def rows(sink: Sink, **options: Any) -> list[Record]:
    code, text, message = sink.show(show_balances, as_json=True, **options)
    assert (0, "") == (code, message)
    return [json.loads(one) for one in text.splitlines()]


def written(found: list[Record], *names: str) -> list[str]:
    return [" ".join(str(row[name]) for name in names) for row in found]


def reference(root: Path, *records: Record) -> str:
    (root / "in").mkdir(exist_ok=True)
    lines = [json.dumps(record) + "\n" for record in records]
    (root / "in" / "reference.events.jsonl").write_text("".join(lines), encoding="utf-8")
    return f"files:{root / 'in'}"


def test_each_account_has_its_movement_and_its_balance_on_its_normal_side(sink: Sink) -> None:
    three_months(sink)
    expected = """
        de EUR 2024-10 unbilled_receivable 1.23 1.23 debit
        de EUR 2024-10 revenue 1.23 1.23 credit
        us USD 2024-09 accounts_receivable 120.00 120.00 debit
        us USD 2024-09 deferred_revenue 80.00 80.00 credit
        us USD 2024-09 revenue 40.00 40.00 credit
        us USD 2024-11 accounts_receivable -120.00 0.00 debit
        us USD 2024-11 deferred_revenue -40.00 40.00 credit
        us USD 2024-11 revenue 40.00 80.00 credit
        us USD 2024-11 cash 120.00 120.00 debit
    """
    found = written(rows(sink), "entity", "currency", "period", "account", "movement", "balance", "normal")
    assert [one.strip() for one in expected.strip().splitlines()] == found


def test_the_table_says_the_same_and_ends_with_the_check(sink: Sink) -> None:
    three_months(sink)
    code, text, _ = sink.show(show_balances, width=120)
    found = [" ".join(one.split()) for one in text.splitlines()]
    assert "us USD 2024-11 deferred_revenue -40.00 40.00 Cr" in found
    assert (0, "✓ debits = credits per entity, currency and period, in 5 entries") == (code, found[-1])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"period": "2024-10", "entity": "us"}, ["2024-10 accounts_receivable 0.00 120.00",
                                                 "2024-10 deferred_revenue 0.00 80.00", "2024-10 revenue 0.00 40.00"]),
        ({"period": "2024-11", "account": "deferred_revenue"}, ["2024-11 deferred_revenue -40.00 40.00"]),
        ({"period": "2025-06", "account": "cash"}, ["2025-06 cash 0.00 120.00"]),
        ({"customer": "bravo"}, ["2024-11 accounts_receivable -120.00 -120.00", "2024-11 cash 120.00 120.00"]),
        ({"contract": "k-2"}, ["2024-10 unbilled_receivable 1.23 1.23", "2024-10 revenue 1.23 1.23"]),
        ({"entity": "us", "limit": 1}, ["2024-09 accounts_receivable 120.00 120.00"]),
    ],
)  # fmt: skip
def test_a_period_is_looked_at_with_all_before_it_and_filters_choose(
    sink: Sink, options: Record, expected: list[str]
) -> None:
    three_months(sink)
    assert expected == written(rows(sink, **options), "period", "account", "movement", "balance")


def test_balances_are_told_by_customer_and_by_contract(sink: Sink) -> None:
    three_months(sink)
    found = rows(sink, by=By.CUSTOMER, account="accounts_receivable")
    names = ("period", "customer_id", "contract_id", "movement", "balance")
    assert [
        "2024-09 acme None 120.00 120.00",
        "2024-11 acme None 0.00 120.00",
        "2024-11 bravo None -120.00 -120.00",
    ] == written(found, *names)
    found = rows(sink, by=By.CONTRACT, account="revenue", period="2024-11")
    assert ["2024-11 acme k-2 0.00 1.23", "2024-11 acme k-1 40.00 80.00"] == written(found, *names)


def test_by_entity_adds_them_up_and_both_sides_are_equal(sink: Sink) -> None:
    three_months(sink)
    found = rows(sink, by=By.ENTITY, entity="us")
    assert ["2024-09 160.00 160.00 120.00 120.00", "2024-11 160.00 160.00 120.00 120.00"] == written(
        found, "period", "debit", "credit", "debit_balances", "credit_balances"
    )
    assert "debit balances" in sink.show(show_balances, by=By.ENTITY)[1]


def test_a_receivable_that_stands_on_the_other_side_counts_there_by_entity(sink: Sink) -> None:
    three_months(sink)
    (found,) = rows(sink, by=By.ENTITY, customer="bravo")
    assert ("120.00", "120.00") == (found["debit_balances"], found["credit_balances"])


def test_numbers_of_the_chart_of_accounts_are_shown_with_their_names_and_sides(sink: Sink) -> None:
    three_months(sink, deferred_revenue="2400", revenue="4711")
    source = reference(
        sink.directory,
        {"kind": "account", "name": "deferred_revenue", "number": "2300", "effective_from": "2020-01-01T00:00:00Z"},
        {"kind": "account", "name": "deferred_revenue", "number": "2400", "entity": "us"},
        {"kind": "account", "name": "sales", "number": "4711"},
        {"kind": "account", "name": "cash", "number": "2400", "entity": "de"},
        {"kind": "product", "id": "api-calls", "revenue_account": "sales"},
        {"kind": "account", "name": "broken"},
    )
    found = rows(sink, source=source, entity="us", period="2024-09")
    expected = ["accounts_receivable accounts_receivable debit", "2400 deferred_revenue credit", "4711 sales credit"]
    assert expected == written(found, "account", "name", "normal")
    for name in ("2400", "deferred_revenue"):
        assert ["2400 80.00"] == written(
            rows(sink, source=source, account=name, period="2024-09", entity="us"), "account", "balance"
        )
    text = sink.show(show_balances, source=source, entity="us")[1]
    assert "2400 deferred_revenue" in text


def test_a_number_that_two_names_share_is_shown_with_both(sink: Sink) -> None:
    three_months(sink, deferred_revenue="2400")
    names = ("tax_payable", "deferred_revenue", "cash")
    shared = [{"kind": "account", "name": name, "number": "2400"} for name in names]
    source = reference(sink.directory, *shared[:2])
    (found,) = rows(sink, source=source, account="tax_payable", period="2024-09", entity="us")
    assert ("deferred_revenue or tax_payable", "credit") == (found["name"], found["normal"])
    source = reference(sink.directory, *shared)
    (found,) = rows(sink, source=source, account="tax_payable", period="2024-09", entity="us")
    assert ("debit", "-80.00") == (found["normal"], found["balance"])


def functional(amount: str, to: str, home: str | None, **changes: Any) -> Record:
    lines = [{**one, "functional_amount": to} for one in postings("unbilled_receivable", "revenue", amount)]
    return entry(1, lines=lines, functional_currency=home, **changes)


def test_functional_amounts_of_all_currencies_are_added_up_in_the_entitys(sink: Sink) -> None:
    sink.write(
        "revenue.journal",
        functional("30.00", "36.00", "USD", currency="EUR"),
        functional("5.00", "5.00", "USD", currency="USD"),
    )
    assert [
        "EUR unbilled_receivable 30.00",
        "EUR revenue 30.00",
        "USD unbilled_receivable 5.00",
        "USD revenue 5.00",
    ] == (written(rows(sink), "currency", "account", "balance"))
    assert ["USD unbilled_receivable 41.00", "USD revenue 41.00"] == written(
        rows(sink, functional=True), "currency", "account", "balance"
    )


def test_a_functional_currency_that_entries_do_not_name_is_that_of_the_reference_data(sink: Sink) -> None:
    sink.write("revenue.journal", functional("30.00", "36.00", None, currency="EUR"), functional("5.00", "5.00", None))
    text = sink.show(show_balances, functional=True)[1]
    assert "The currency shown is the contract's, the amounts are in the entity's functional currency" in text
    source = reference(sink.directory, {"kind": "entity", "id": "us", "functional_currency": "USD"})
    assert ["USD 41.00"] == written(
        rows(sink, functional=True, source=source, account="revenue"), "currency", "balance"
    )
    assert "The currency shown" not in sink.show(show_balances, functional=True, source=source)[1]


def test_debits_that_are_not_credits_are_named_and_fail(sink: Sink) -> None:
    crooked = entry(1)
    crooked["lines"][0]["amount"] = "1.24"
    sink.write("revenue.journal", crooked, entry(2, period="2024-10"))
    told = "✗ entity us, USD, 2024-09: debit 1.24, credit 1.23\n"
    code, text, _ = sink.show(show_balances)
    assert (1, True) == (code, told in text)
    code, text, message = sink.show(show_balances, as_json=True, account="revenue")
    assert (1, 2, told) == (code, len(text.splitlines()), message)
    assert 1 == sink.show(show_balances, account="nothing")[0]


def test_amounts_keep_all_their_digits(sink: Sink) -> None:
    large = "9" * 30 + ".99"
    sink.write("revenue.journal", entry(1, amount=large), entry(2, amount="0.01"))
    assert ["1" + "0" * 30 + ".00"] * 2 == [row["balance"] for row in rows(sink)]


def test_amounts_are_shown_with_the_digits_of_their_currency(sink: Sink) -> None:
    given = [entry(n, currency=currency, lines=postings("cash", "revenue", "7"))
             for n, currency in enumerate(("USD", "JPY", "KWD"), 1)]  # fmt: skip
    sink.write("revenue.journal", *given)
    assert ["JPY 7", "KWD 7.000", "USD 7.00"] == written(rows(sink, account="cash"), "currency", "balance")


def test_a_long_table_says_how_much_it_leaves_out(sink: Sink) -> None:
    three_months(sink)
    text = sink.show(show_balances, limit=2)[1]
    assert "2 of 9 rows shown; --limit 0 shows all." in text
    assert "rows shown" not in sink.show(show_balances, limit=0)[1]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"customer": "acne"}, "No entry matches; the journal in DIR holds 5. No entry has --customer 'acne': "
                               "the nearest are acme."),
        ({"account": "2400"}, "No balance in account '2400'; --source reads the names of ERP accounts."),
        ({"period": "2020-01"}, "No balance at the end of 2020-01."),
    ],
)  # fmt: skip
def test_nothing_to_show_is_explained(sink: Sink, options: Record, expected: str) -> None:
    three_months(sink)
    code, text, _ = sink.show(show_balances, width=300, **options)
    assert (0, expected) == (code, text.replace(str(sink.directory), "DIR").strip())
    code, text, message = sink.show(show_balances, as_json=True, **options)
    assert (0, "", expected) == (code, text, message.replace(str(sink.directory), "DIR").strip())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"period": "soon"}, "--period 'soon' is not a month: write YYYY-MM, for example 2024-09."),
        ({"sink": "kafka://broker"}, "--sink 'kafka://broker' is not files:DIR"),
        ({"source": "kafka://broker"}, "--source 'kafka://broker' is not files:DIR"),
        ({"source": "files:nowhere"}, "--source 'files:nowhere': the directory 'nowhere' does not exist."),
    ],
)
def test_wrong_usage_is_said(sink: Sink, options: Record, told: str) -> None:
    three_months(sink)
    code, text, message = sink.show(show_balances, **options)
    assert (2, "", True) == (code, text, message.startswith(told))


def test_a_way_to_split_that_there_is_not_is_wrong_usage(world: World) -> None:
    ended = here("show", "balances", "--sink", f"files:{world.sink}", "--by", "product", cwd=world.root)
    assert (2, True) == (ended.code, "contract" in ended.said)


def test_a_torn_last_line_is_left_out(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1), tail=json.dumps(entry(2))[:-9])
    assert ["1.23", "1.23"] == [row["balance"] for row in rows(sink)]


def test_what_a_run_has_booked_is_there(world: World) -> None:
    world.contract(line("l", "m"), line("n", "other")).send(*(usage(f"u{day}", day) for day in range(1, 10)))
    world.send(usage("v", 7, meter="other"))
    world.booked_right()
    words = ["show", "balances", "--sink", f"files:{world.sink}", "--source", f"files:{world.source}"]
    ended = here(*words, "--json", "--by", "contract", "--customer", "c", cwd=world.root)
    found = [json.loads(one) for one in ended.printed.splitlines()]
    names = ("entity", "period", "customer_id", "contract_id", "account", "balance")
    assert ["e 2025-01 c k unbilled_receivable 60.00", "e 2025-01 c k revenue 60.00"] == written(found, *names)
    assert world.revenue() == found[1]["balance"]
    ended = here(*words, "--period", "2025-01", "--functional", cwd=world.root)
    assert (0, True) == (
        ended.code,
        "✓ debits = credits per entity, currency and period, in 10 entries" in ended.printed,
    )
