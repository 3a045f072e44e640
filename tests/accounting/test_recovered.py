"""What came in after a write-off: a credit takes it first, as it was composed, and gives it back the same way."""

from __future__ import annotations

import pytest

from accounting.billing_fact import AMOUNT_EXCEEDS
from tests.accounting.ledgers import INVOICE, LINE, QUARTER, billed, ratable, settled, signed, told, totals

OTHER = ratable("B", "2023-01-01", "2023-04-01", 30)
TERMS = signed(1, "2023-01-01", LINE, OTHER)
# 33 of 99 are paid. 66 are written off at 31 of 90 days and come in after all: 6 of tax, 20.67 were earned, 39.33 were not.
SOLD = told("invoice_finalized", "2023-01-01", 99, billed("L", 60), billed("B", 30), tax=9)
LOST = [SOLD, told("invoice_paid", "2023-01-05", 33), told("invoice_uncollectible", "2023-02-01")]
FOUND = [*LOST, told("invoice_paid", "2023-04-05")]


def moved(facts, kind, number=-1):
    """account -> minor units of one event of a kind, and (line, net, contra) of it."""
    found = settled([TERMS], facts)
    assert [] == found.problems
    one = [one for one in found.billing if one.fact.kind == kind][number]
    return {name: amounts[0] for name, amounts in one.movements.items()}, [line[:3] for line in one.lines]


def test_what_comes_in_is_composed_as_what_was_written_off():
    assert ({"cash": 6600, "bad_debt": -2067, "tax_payable": -600, "recoverables": -3933}, []) == (
        moved(FOUND, "invoice_paid")
    )


@pytest.mark.parametrize("tax", [0, 9])
def test_a_dispute_of_all_takes_what_came_in_and_the_rest_by_the_shares_of_its_lines(tax):
    """Of 33 that were paid at once 3 are tax; 20 and 10 by its lines. What the event says of tax is of the whole invoice."""
    dispute = told("dispute_opened", "2023-05-01", 99, billed("L", 60), billed("B", 30), tax=tax)
    expected = {"disputes": 2067 + 3000, "tax_payable": 900, "recoverables": 3933, "cash": -9900}
    assert (expected, [("L", 2000, 2000), ("B", 1000, 1000)]) == moved([*FOUND, dispute], "dispute_opened")


def test_a_dispute_of_what_came_in_alone_has_no_part_of_its_lines():
    dispute = told("dispute_opened", "2023-05-01", 66, billed("L", 60), billed("B", 30))
    expected = {"disputes": 2067, "tax_payable": 600, "recoverables": 3933, "cash": -6600}
    assert (expected, [("L", 0, 0), ("B", 0, 0)]) == moved([*FOUND, dispute], "dispute_opened")


def test_what_came_in_first_is_taken_first():
    """Of two payments the dispute takes a part of the first one, a third of it all."""
    paid = [told("invoice_paid", "2023-04-05", 44), told("invoice_paid", "2023-04-06", 22)]
    dispute = told("dispute_opened", "2023-05-01", 22)
    expected = {"disputes": 689, "tax_payable": 200, "recoverables": 1311, "cash": -2200}
    assert expected == moved([*LOST, *paid, dispute], "dispute_opened")[0]


def test_what_one_dispute_took_is_not_there_for_the_next():
    """A third of what came in, then the rest of it and the 33 that were paid at once."""
    third = told("dispute_opened", "2023-05-01", 22, name="a")
    rest = told("dispute_opened", "2023-05-02", name="b")
    assert {"disputes": 689, "tax_payable": 200, "recoverables": 1311, "cash": -2200} == (
        moved([*FOUND, third, rest], "dispute_opened", 0)[0]
    )
    assert {"disputes": 1378 + 3000, "tax_payable": 400 + 300, "recoverables": 2622, "cash": -7700} == (
        moved([*FOUND, third, rest], "dispute_opened", 1)[0]
    )
    more = settled([TERMS], [*FOUND, third, rest, told("dispute_opened", "2023-05-03", "0.01")])
    assert [AMOUNT_EXCEEDS] == [one.cls for one in more.problems]


def test_a_dispute_that_is_won_in_parts_gives_back_what_it_took():
    """A third of 30, 3, 20.67, 6 and 39.33; then the rest; then nothing is in dispute, and all of it may be again."""
    facts = [*FOUND, told("dispute_opened", "2023-05-01"), told("dispute_won", "2023-06-01", 33)]
    expected = {"disputes": -1000 - 689, "tax_payable": -300, "recoverables": -1311, "cash": 3300}
    assert (expected, [("L", -667, -667), ("B", -333, -333)]) == moved(facts, "dispute_won")
    facts += [told("dispute_won", "2023-06-02")]
    expected = {"disputes": -2000 - 1378, "tax_payable": -600, "recoverables": -2622, "cash": 6600}
    assert (expected, [("L", -1333, -1333), ("B", -667, -667)]) == moved(facts, "dispute_won")
    assert totals(settled([TERMS], FOUND)) == totals(settled([TERMS], facts))
    beyond = settled([TERMS], [*facts, told("dispute_won", "2023-06-03", "0.01")])
    assert [AMOUNT_EXCEEDS] == [one.cls for one in beyond.problems]
    again = [*facts, told("dispute_opened", "2023-06-04")]
    assert moved([*FOUND, told("dispute_opened", "2023-05-01")], "dispute_opened") == moved(again, "dispute_opened")


# -- what is still open is not what came in

HALVES = [
    INVOICE, told("credit_note", "2023-02-01", 45, note="N"), told("invoice_uncollectible", "2023-02-02"),
    told("invoice_paid", "2023-03-01"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "account"), [("invoice_voided", "voids"), ("invoice_uncollectible", "bad_debt")])
def test_a_void_or_a_write_off_is_of_what_is_open_and_leaves_what_came_in(kind, account):
    """A note that comes back makes 45 due again: 61 of their 90 days were earned on 3 March."""
    found = settled([QUARTER], [*HALVES, told("credit_note_voided", "2023-03-02", note="N"), told(kind, "2023-03-03")])
    assert [] == found.problems
    taken = {name: amounts[0] for name, amounts in found.billing[-1].movements.items()}
    assert (3050, -4500) == (taken.pop(account), taken.pop("accounts_receivable"))
    assert 1450 == sum(taken.values())
    assert set(taken) <= {"deferred_revenue", "unbilled_receivable"}


@pytest.mark.parametrize("kind", ["invoice_voided", "invoice_uncollectible"])
def test_what_a_refund_makes_due_again_is_credited_once_though_as_much_came_in(kind):
    found = settled([QUARTER], [*HALVES, told("refund", "2023-03-02", note="N"), told(kind, "2023-03-03")])
    reason = f"{kind}: invoice I: 45.00 USD asked for, 0.00 can still be credited: send an event that fits"
    assert [reason] == [one.reason for one in found.problems]
