"""A line whose term changes before or after a credit: what the credit takes from what is still to be recognised."""

from tests.accounting.ledgers import billed, by_month, ledger, ratable, settled, signed, told

YEAR = signed(1, "2025-01-01", ratable("L", "2025-01-01", "2026-01-01", 1200, method="monthly"))
SHORTER = signed(2, "2025-07-01", ratable("L", "2025-01-01", "2025-10-01", 900, method="monthly"))
LONGER = signed(2, "2025-07-01", ratable("L", "2025-01-01", "2027-01-01", 2400, method="monthly"))
BILLED = told("invoice_finalized", "2025-01-01", 1200)
BILLED_AS_SAID = told("invoice_finalized", "2025-01-01", 1200, billed("L", 1200, "2025-01-01", "2026-01-01"))


def booked(text, versions, *facts):
    """Compare some accounts of a contract's ledger by month with `text`."""
    found = settled(versions, facts)
    assert [] == found.problems
    expected = ledger(text)
    assert expected == {account: months for account, months in by_month(found).items() if account in expected}


def in_2026(versions, *facts):
    found = settled(versions, facts)
    assert [] == found.problems
    return sum(effect.amount for effect, _ in found.recognitions if effect.day.year == 2026)


def test_what_is_left_of_a_credit_ends_with_the_shorter_term_that_the_line_gets_later():
    """30 of 120 are earned, the 90 go 10 a month; the 60 left in July go 20 a month, and not 10 to December."""
    for invoice in (BILLED, BILLED_AS_SAID):
        booked("""
            credit_notes  Apr 30
            revenue       Jan 100 Feb 100 Mar 100 Apr 90 May 90 Jun 90 Jul 80 Aug 80 Sep 80
        """, [YEAR, SHORTER], invoice, told("credit_note", "2025-04-01", 120, note="n"))  # fmt: skip


def test_a_credit_after_the_term_became_shorter_is_shared_by_what_was_billed_and_ends_with_the_term():
    """Half of the year that was billed is over: 150 of 300; the other half goes over the three months that are left."""
    booked("""
        credit_notes  Jul 150
        revenue       Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100 Jul 50 Aug 50 Sep 50
    """, [YEAR, SHORTER], BILLED, told("credit_note", "2025-07-01", 300, note="n"))  # fmt: skip


def test_a_credit_on_the_day_of_the_change_but_before_its_hour_belongs_to_the_new_term():
    """The local date of a modification belongs to the new version (rule 5)."""
    shorter = signed(2, "2025-07-01T09:00", ratable("L", "2025-01-01", "2025-10-01", 900, method="monthly"))
    booked("""
        credit_notes  Jul 150
        revenue       Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100 Jul 50 Aug 50 Sep 50
    """, [YEAR, shorter], BILLED, told("credit_note", "2025-07-01T05:00", 300, note="n"))  # fmt: skip


def test_a_note_voided_after_the_term_became_shorter_gives_back_what_it_took():
    """The 30 taken before July and the 20 of July come back in August; the other 40 are not taken."""
    facts = [told("credit_note", "2025-04-01", 120, note="n"), told("credit_note_voided", "2025-08-01", note="n")]
    booked("""
        credit_notes  Apr 30 Aug -30
        revenue       Jan 100 Feb 100 Mar 100 Apr 90 May 90 Jun 90 Jul 80 Aug 150 Sep 100
    """, [YEAR, SHORTER], BILLED, *facts)  # fmt: skip


def test_what_is_left_of_a_credit_goes_over_the_longer_term_that_the_line_gets_later():
    """60 of the 90 are left in July, 60/18 a month to the end of 2026: 40 of them in 2026, of 18 x 100 there 1,200."""
    assert 120_000 - 4_000 == in_2026([YEAR, LONGER], BILLED, told("credit_note", "2025-04-01", 120, note="n"))


def test_a_part_of_the_term_that_an_invoice_says_stays_what_it_is():
    """The second half of the year: what is left of it is taken by December, though the line goes on."""
    said = told("invoice_finalized", "2025-01-01", 600, billed("L", 600, "2025-07-01", "2026-01-01"))
    assert 120_000 == in_2026([YEAR, LONGER], said, told("credit_note", "2025-04-01", 60, note="n"))


def test_a_credit_that_an_invoice_of_an_earlier_term_gets_is_all_contra():
    """April is over; that the line goes on in May changes nothing for it."""
    april = signed(1, "2025-04-01", ratable("L", "2025-04-01", "2025-05-01", 90))
    may = signed(2, "2025-05-01", ratable("L", "2025-04-01", "2025-06-01", 180))
    facts = [told("invoice_finalized", "2025-04-01", 90), told("credit_note", "2025-05-16", 30, note="n")]
    booked("""
        credit_notes  May 30
        revenue       Apr 90 May 90
    """, [april, may], *facts)  # fmt: skip
