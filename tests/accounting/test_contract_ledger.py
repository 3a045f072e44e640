"""The worked cases of billing: what a contract books by month and account, from versions and billing facts."""

from accounting.contract import VersionKind
from tests.accounting.ledgers import (
    INVOICE,
    PAID,
    QUARTER,
    billed,
    booked,
    metered,
    ratable,
    signed,
    told,
    used,
)


def test_s01_a_month_across_two():
    version = signed(1, "2023-01-15", ratable("L", "2023-01-15", "2023-02-15", 31))
    facts = [told("invoice_finalized", "2023-01-15", 31), told("invoice_paid", "2023-01-15", 31)]
    booked("""
        revenue           Jan 17   Feb 14
        deferred_revenue  Jan 14   Feb -14
        cash              Jan 31
    """, [version], facts)  # fmt: skip


def test_s02_a_year_billed_ahead():
    version = signed(1, "2019-01-01", ratable("L", "2019-01-01", "2020-01-01", 365))
    facts = [told("invoice_finalized", "2019-01-01", 365), told("invoice_paid", "2019-01-01")]
    booked("""
        revenue  Jan 31 Feb 28 Mar 31 Apr 30 May 31 Jun 30 Jul 31 Aug 31 Sep 30 Oct 31 Nov 30 Dec 31
        deferred_revenue  Jan 334 Feb -28 Mar -31 Apr -30 May -31 Jun -30 Jul -31 Aug -31 Sep -30 Oct -31 Nov -30 Dec -31
        cash     Jan 365
    """, [version], facts)  # fmt: skip


def test_s03_metered_sum_billed_after_use():
    version = signed(1, "2023-01-15", metered("U", "2023-01-15"))
    usage = [used("U", "2023-01-25", 15), used("U", "2023-02-04", 17)]
    booked("""
        revenue              Jan 15  Feb 17
        unbilled_receivable  Jan 15  Feb -15
        accounts_receivable  Feb 32
    """, [version], [told("invoice_finalized", "2023-02-14", 32)], usage)  # fmt: skip


def test_s04_metered_maximum_billed_after_use():
    version = signed(1, "2023-01-15", metered("U", "2023-01-15"))
    booked("""
        revenue              Jan 17
        unbilled_receivable  Jan 17  Feb -17
        accounts_receivable  Feb 17
    """, [version], [told("invoice_finalized", "2023-02-14", 17)], [used("U", "2023-01-25", 17)])  # fmt: skip


def month_to_month(over_april, over_both):
    """April at 90, changed on the 21st, renewed for May."""
    return [
        signed(1, "2023-04-01", ratable("L", "2023-04-01", "2023-05-01", 90)),
        signed(2, "2023-04-21", ratable("L", "2023-04-01", "2023-05-01", over_april)),
        signed(3, "2023-05-01", ratable("L", "2023-04-01", "2023-06-01", over_both), kind=VersionKind.RENEWED),
    ]


def may_invoice(amount, *nets):
    return [
        told("invoice_finalized", "2023-04-01", 90), told("invoice_paid", "2023-04-01", 90),
        told("invoice_finalized", "2023-05-01", amount, *(billed("L", net) for net in nets), invoice="J"),
    ]  # fmt: skip


def test_s07_an_upgrade_billed_with_the_renewal():
    booked("""
        revenue              Apr 100  May 120
        unbilled_receivable  Apr 10   May -10
        accounts_receivable  May 130
        cash                 Apr 90
    """, month_to_month(100, 220), may_invoice(130, -30, 40, 120))  # fmt: skip


def test_s08_a_downgrade_leaves_a_contract_liability():
    booked("""
        revenue              Apr 70  May 30
        deferred_revenue     Apr 20  May -20
        accounts_receivable  May 10
        cash                 Apr 90
    """, month_to_month(70, 100), may_invoice(10, -30, 10, 30))  # fmt: skip


def test_s11_a_full_refund():
    booked("""
        revenue           Jan 31
        deferred_revenue  Jan 59  Feb -59
        refunds           Feb 31
        cash              Jan 90  Feb -90
    """, [QUARTER], [INVOICE, PAID, told("refund", "2023-02-01")])  # fmt: skip


def test_s13_a_void():
    booked("""
        revenue              Jan 31
        deferred_revenue     Jan 59  Feb -59
        voids                Feb 31
        accounts_receivable  Jan 90  Feb -90
    """, [QUARTER], [INVOICE, told("invoice_voided", "2023-02-01")])  # fmt: skip


def test_s14_a_write_off_that_is_paid_after_all():
    facts = [
        INVOICE, told("invoice_uncollectible", "2023-02-01"), told("invoice_paid", "2023-04-01")
    ]  # fmt: skip
    booked("""
        revenue              Jan 31
        deferred_revenue     Jan 59  Feb -59
        bad_debt             Feb 31  Apr -31
        accounts_receivable  Jan 90  Feb -90
        cash                 Apr 90
        recoverables         Apr 59
    """, [QUARTER], facts)  # fmt: skip


def test_s19_a_credit_note_in_three_parts():
    note = told("credit_note", "2023-02-01", 45, note="N", refund=15, customer_balance=10, external=20)
    booked("""
        revenue           Jan 31  Feb 14      Mar 15.50
        deferred_revenue  Jan 59  Feb -43.50  Mar -15.50
        credit_notes      Feb 15.50
        customer_balance  Feb 10
        external_balance  Feb 20
        cash              Jan 90  Feb -15
    """, [QUARTER], [INVOICE, PAID, note])  # fmt: skip


def test_s22_tax_on_top():
    version = signed(1, "2023-01-01", ratable("L", "2023-01-01", "2023-02-01", 31))
    facts = [
        told("invoice_finalized", "2023-01-01", "34.10", tax="3.10"), told("invoice_paid", "2023-01-01", "34.10")
    ]  # fmt: skip
    booked("""
        revenue      Jan 31
        cash         Jan 34.10
        tax_payable  Jan 3.10
    """, [version], facts)  # fmt: skip


def test_s26_a_payment_at_another_rate():
    version = signed(1, "2023-01-01", ratable("L", "2023-01-01", "2023-02-01", 30), currency="EUR")
    facts = [
        told("invoice_finalized", "2023-01-01", 30, rate="1.2"), told("invoice_paid", "2023-02-01", 30, rate="1.1")
    ]  # fmt: skip
    functional = """
        accounts_receivable  Jan 36  Feb -36
        revenue              Jan 36
        cash                 Feb 33
        fx_gain_loss         Feb 3
    """
    booked(functional, [version], facts, index=1, functional="USD", rates=lambda day: 1)
    booked("""
        accounts_receivable  Jan 30  Feb -30
        revenue              Jan 30
        cash                 Feb 30
    """, [version], facts, functional="USD", rates=lambda day: 1)  # fmt: skip
