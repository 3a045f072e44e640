"""Credits, reversals, write-offs, disputes and cancellations: what they take and give back (rule 5, Credits)."""

from .scenario import Scenario, by_line, by_period, delivered, fixed, progress, usage_line
from .test_billing import APRIL, FEBRUARY, JANUARY, JUNE, MARCH, functional, in_euros, movements, quarter


def test_a_credit_takes_the_period_of_its_lines(tmp_path):
    """Half of February is over on the 15th: 14 of 28 days; 30 x 1/2 from there to its end, March stays."""
    line = {"line_id": "l", "amount": "30", "start": FEBRUARY, "end": MARCH}
    scenario = quarter(tmp_path).bill("refund", "2023-02-15T00:00:00Z", "30", lines=[line])
    expected = {
        "revenue": {"01": 3100, "02": 2800 - 1500, "03": 3100},
        "refunds": {"02": 1500},
        "deferred_revenue": {"01": 5900, "02": -2800, "03": -3100},
    }
    assert expected == movements(scenario, *expected)


def test_a_credit_of_a_delivered_line_is_all_contra_and_of_another_all_rest(tmp_path):
    lines = [delivered("a", "2023-01-10T00:00:00Z", "40"), delivered("b", "2023-03-10T00:00:00Z", "60")]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, APRIL).bill("invoice_finalized", JANUARY, "100")
    said = [{"line_id": "a", "amount": "10"}, {"line_id": "b", "amount": "20"}]
    scenario.bill("credit_note", FEBRUARY, "30", credit_note_id="n", lines=said)
    expected = {
        "revenue": {"01": 4000, "03": 4000},
        "credit_notes": {"02": 1000},
        "accounts_receivable": {"01": 10000, "02": -3000},
    }
    assert expected == movements(scenario, *expected)


def test_a_credit_by_progress_leaves_less_for_what_comes(tmp_path):
    """A quarter is over: 10 of 40 against revenue, 30 of the three quarters that come: 120 x 1/2 less 20 at three quarters."""
    scenario = Scenario(tmp_path).contract([progress("l", "1", "4", "120")], JANUARY, APRIL)
    scenario.bill("invoice_finalized", JANUARY, "120")
    scenario.bill("credit_note", FEBRUARY, "40", credit_note_id="n")
    later = [progress("l", "3", "4", "120")]
    scenario.contract(later, JANUARY, APRIL, version=2, effective_at="2023-03-10T00:00:00Z")
    expected = {"revenue": {"01": 3000, "03": 6000 - 2000}, "credit_notes": {"02": 1000}}
    assert expected == movements(scenario, *expected)


def test_usage_is_recognised_when_it_is_credited(tmp_path):
    scenario = Scenario(tmp_path).contract([usage_line("u", unit_price="1")], JANUARY, APRIL)
    scenario.use("2023-01-10T00:00:00Z", "5").bill("invoice_finalized", FEBRUARY, "5")
    scenario.bill("invoice_voided", MARCH)
    expected = {"voids": {"03": 500}, "unbilled_receivable": {"01": 500, "02": -500}, "revenue": {"01": 500}}
    assert expected == movements(scenario, *expected)


def ahead(tmp_path, *amounts):
    """A usage line of which amounts are billed on January 1 and five units used on the tenth, by its end."""
    scenario = Scenario(tmp_path).contract([usage_line("u", unit_price="1")], JANUARY, APRIL)
    lines = [{"line_id": "u", "amount": amount} for amount in amounts]
    scenario.bill("invoice_finalized", JANUARY, str(sum(map(int, amounts))), lines=lines)
    return scenario.use("2023-01-10T00:00:00Z", "5")


def test_of_usage_what_is_deferred_is_credited_first(tmp_path):
    """Of 8 are 3 not used: of notes of 2 and 4 the second finds one."""
    scenario = ahead(tmp_path, "8").bill("credit_note", FEBRUARY, "2", credit_note_id="n")
    scenario.bill("credit_note", MARCH, "4", credit_note_id="m").bill("credit_note_voided", APRIL, credit_note_id="m")
    expected = {
        "revenue": {"01": 500},
        "credit_notes": {"03": 300, "04": -300},
        "deferred_revenue": {"01": 300, "02": -200, "03": -100, "04": 100},
    }
    assert expected == movements(scenario, *expected)


def test_usage_of_a_window_that_ends_with_the_credit_goes_before_it(tmp_path):
    before = ahead(tmp_path, "8").bill("invoice_voided", "2023-01-10T23:59:00Z")
    assert {} == movements(before, "voids").get("voids", {})
    (tmp_path / "then").mkdir()
    then = ahead(tmp_path / "then", "8").bill("invoice_voided", "2023-01-11T00:00:00Z")
    assert {"01": 500} == movements(then, "voids")["voids"]


def test_the_parts_of_a_usage_line_share_what_is_deferred(tmp_path):
    """9 less 1, of which 5 are used: the void takes 3 from what is deferred and 5 from revenue."""
    scenario = ahead(tmp_path, "9", "-1").bill("invoice_voided", FEBRUARY)
    expected = {"voids": {"02": 500}, "deferred_revenue": {"01": 300, "02": -300}}
    assert expected == movements(scenario, *expected)


def test_what_a_void_took_of_usage_comes_back_as_it_was_split(tmp_path):
    scenario = ahead(tmp_path, "8").bill("invoice_voided", FEBRUARY)
    scenario.bill("invoice_finalized", MARCH, "8", "again", lines=[{"line_id": "u", "amount": "8"}])
    expected = {"voids": {"02": 500, "03": -500}, "deferred_revenue": {"01": 300, "02": -300, "03": 300}}
    assert expected == movements(scenario, *expected)


def test_usage_of_a_contract_that_keeps_what_is_left_over_is_all_contra(tmp_path):
    """Cancelled in February: the 3 that are not used are revenue since, a later note of 2 takes them back."""
    scenario = ahead(tmp_path, "8").policy("cancellation", "non_refundable", JANUARY)
    lines = [usage_line("u", unit_price="1")]
    scenario.contract(lines, JANUARY, APRIL, 2, kind="cancelled", effective_at=FEBRUARY)
    scenario.bill("credit_note", MARCH, "2", credit_note_id="n")
    expected = {"revenue": {"01": 500, "02": 300}, "credit_notes": {"03": 200}}
    assert expected == movements(scenario, *expected)


def test_tax_is_reversed_pro_rata_or_as_said(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(total="90")], JANUARY, APRIL)
    scenario.bill("invoice_finalized", JANUARY, "99", tax="9")
    scenario.bill("credit_note", FEBRUARY, "33", credit_note_id="n")
    scenario.bill("credit_note", MARCH, "10", credit_note_id="m", tax="2")
    scenario.bill("credit_note", APRIL, "11", credit_note_id="o", lines=[{"line_id": "l", "amount": "10"}])
    assert {"01": 900, "02": -300, "03": -200, "04": -100} == movements(scenario, "tax_payable")["tax_payable"]


def test_a_voided_credit_note_gives_everything_back_at_its_own_date(tmp_path):
    """45 of 90: in February 14 are not recognised, 31 x 28/28 until March 1; they come back on March 11."""
    scenario = quarter(tmp_path).bill("credit_note", FEBRUARY, "45", credit_note_id="n", allocations={"refund": "45"})
    scenario.bill("credit_note_voided", "2023-03-11T10:00:00Z", credit_note_id="n")
    # by March 11 38 of 59 days took 19 of 29.50
    expected = {
        "revenue": {"01": 3100, "02": 1400, "03": 3100 + 1400},
        "credit_notes": {"02": 1550, "03": -1550},
        "cash": {"01": 9000, "02": -4500, "03": 4500},
        "deferred_revenue": {"01": 5900, "02": -4350, "03": -1550},
    }
    assert expected == movements(scenario, *expected)
    # the catch-up does not wait for the end of March: 19 of the 29.50
    books = scenario.books("2023-03-15T00:00:00Z")
    assert {"2023-01": 3100, "2023-02": 1400, "2023-03": 1900} == by_period(books, "revenue")


def test_a_re_invoice_of_the_same_line_and_period_restores_what_a_void_took(tmp_path):
    scenario = quarter(tmp_path, paid=False).bill("invoice_voided", FEBRUARY)
    scenario.bill("invoice_finalized", "2023-03-11T00:00:00Z", "90", "again")
    expected = {
        "revenue": {"01": 3100, "03": 5900},
        "voids": {"02": 3100, "03": -3100},
        "accounts_receivable": {"01": 9000, "02": -9000, "03": 9000},
        "deferred_revenue": {"01": 5900, "02": -5900},
    }
    assert expected == movements(scenario, *expected)
    scenario.bill("invoice_finalized", "2023-03-12T00:00:00Z", "10", "third")
    assert {"02": 3100, "03": -3100} == movements(scenario, "voids")["voids"]


def test_a_payment_after_a_write_off_first_pays_what_is_open(tmp_path):
    """99 with 9 tax, 33 paid, 66 (6 tax) written off on February 1: 60 x 31/90 is bad debt."""
    scenario = Scenario(tmp_path).contract([fixed(total="90")], JANUARY, APRIL)
    scenario.bill("invoice_finalized", JANUARY, "99", tax="9").bill("invoice_paid", JANUARY, "33")
    scenario.bill("invoice_uncollectible", FEBRUARY).bill("invoice_paid", MARCH, "22").bill("invoice_paid", APRIL)
    expected = {
        "bad_debt": {"02": 2067, "03": -689, "04": -1378},
        "tax_payable": {"01": 900, "02": -600, "03": 200, "04": 400},
        "recoverables": {"03": 2200 - 200 - 689, "04": 4400 - 400 - 1378},
        "cash": {"01": 3300, "03": 2200, "04": 4400},
    }
    assert expected == movements(scenario, *expected)


def test_a_dispute_takes_cash_and_gives_it_back_when_it_is_won(tmp_path):
    scenario = quarter(tmp_path).bill("dispute_opened", FEBRUARY).bill("dispute_won", "2023-03-11T00:00:00Z")
    expected = {
        "cash": {"01": 9000, "02": -9000, "03": 9000},
        "disputes": {"02": 3100, "03": -3100},
        "revenue": {"01": 3100, "03": 5900},
        "deferred_revenue": {"01": 5900, "02": -5900},
    }
    assert expected == movements(scenario, *expected)


def test_a_dispute_of_a_recovered_invoice_takes_from_recoverables(tmp_path):
    """Written off on February 1 and paid: 31 bad debt, 59 recoverables. The dispute goes the way the money came."""
    scenario = quarter(tmp_path, paid=False).bill("invoice_uncollectible", FEBRUARY)
    scenario.bill("invoice_paid", "2023-02-02T00:00:00Z", "90").bill("dispute_opened", MARCH)
    expected = {
        "disputes": {"03": 3100},
        "recoverables": {"02": 5900, "03": -5900},
        "cash": {"02": 9000, "03": -9000},
        "deferred_revenue": {"01": 5900, "02": -5900},
        "revenue": {"01": 3100},
    }
    assert expected == movements(scenario, *expected)


def test_a_refund_that_names_a_note_moves_what_the_note_did_not(tmp_path):
    ways = {"refund": "15", "customer_balance": "10", "external": "15"}
    scenario = quarter(tmp_path).bill("credit_note", FEBRUARY, "45", credit_note_id="n", allocations=ways)
    scenario.bill("refund", MARCH, "28", invoice=None, credit_note_id="n")
    # 15 of the 28 are moved already; 5 lie on the receivable, 8 come from the balance
    expected = {
        "cash": {"01": 9000, "02": -1500, "03": -1300},
        "accounts_receivable": {"02": -500, "03": 500},
        "customer_balance": {"02": 1000, "03": -800},
        "refunds": {},
    }
    assert expected == movements(scenario, "cash", "customer_balance", "refunds", "accounts_receivable")
    scenario.bill("refund", APRIL, "2.01", invoice=None, credit_note_id="n")
    assert {("amount_exceeds", "billing.events", 0, 4)} == scenario.books(JUNE).exceptions


def cancelled(tmp_path, *policy):
    """90 for a quarter, paid, cancelled on February 11: 41 earned."""
    scenario = quarter(tmp_path)
    for value in policy:
        scenario.policy("cancellation", value, JANUARY)
    return scenario.contract(
        [fixed(total="90")], JANUARY, APRIL, 2, kind="cancelled", effective_at="2023-02-11T09:00:00Z"
    )


def test_a_balance_left_at_a_cancellation_stays_until_it_is_credited(tmp_path):
    scenario = cancelled(tmp_path)
    expected = {"revenue": {"01": 3100, "02": 1000}, "deferred_revenue": {"01": 5900, "02": -1000}}
    assert expected == movements(scenario, *expected)
    line = {"line_id": "l", "amount": "49", "start": "2023-02-11T00:00:00Z", "end": APRIL}
    scenario.bill("refund", MARCH, "49", lines=[line])
    expected = {
        "revenue": {"01": 3100, "02": 1000},
        "deferred_revenue": {"01": 5900, "02": -1000, "03": -4900},
        "refunds": {},
    }
    assert expected == movements(scenario, *expected)


def test_a_balance_left_at_a_cancellation_is_recognised_by_policy(tmp_path):
    scenario = cancelled(tmp_path, "non_refundable")
    expected = {"revenue": {"01": 3100, "02": 5900}, "deferred_revenue": {"01": 5900, "02": -5900}}
    assert expected == movements(scenario, *expected)
    # at once, without waiting for the ten days of February
    assert {"2023-01": 3100, "2023-02": 4900} == by_period(scenario.books("2023-02-11T00:00:00Z"), "revenue")


def test_a_smaller_re_invoice_restores_as_much_as_it_bills(tmp_path):
    """Half of what the void took: 15.50 of 31, and 29.50 of the schedule, 38 of 59 days of it at once."""
    scenario = quarter(tmp_path, paid=False).bill("invoice_voided", FEBRUARY)
    scenario.bill("invoice_finalized", "2023-03-11T00:00:00Z", "45", "again")
    expected = {"revenue": {"01": 3100, "03": 2950}, "voids": {"02": 3100, "03": -1550}}
    assert expected == movements(scenario, *expected)
    assert {"2023-01": 3100, "2023-03": 1900} == by_period(scenario.books("2023-03-15T00:00:00Z"), "revenue")


def test_a_credit_takes_its_share_from_the_terms_of_its_invoice(tmp_path):
    """On March 15 73 of the 90 days that were billed are over, whatever the term is since."""
    scenario = quarter(tmp_path)
    scenario.contract([fixed(total="150")], JANUARY, JUNE, 2, effective_at=MARCH, kind="renewed")
    scenario.bill("refund", "2023-03-15T00:00:00Z", "90")
    assert {"03": 7300} == movements(scenario, "refunds")["refunds"]
    scenario.contract([fixed(total="150")], JANUARY, "2023-07-01T00:00:00Z", 3, effective_at="2023-04-15T00:00:00Z")
    assert {"03": 7300} == movements(scenario, "refunds")["refunds"]


def test_an_invoice_after_a_cancellation_that_is_not_refundable_is_recognised_at_once(tmp_path):
    scenario = cancelled(tmp_path, "non_refundable").bill("invoice_finalized", MARCH, "20", "late")
    expected = {"revenue": {"01": 3100, "02": 5900, "03": 2000}, "deferred_revenue": {"01": 5900, "02": -5900}}
    assert expected == movements(scenario, *expected)
    scenario.bill("invoice_voided", APRIL, None, "late")
    assert {"04": 2000} == movements(scenario, "voids")["voids"]


def test_what_nobody_could_decide_has_earned_nothing_that_a_credit_could_take(tmp_path):
    line = {"line_id": "v", "kind": "point_in_time", "product_id": "v", "satisfied_at": JANUARY, "total": "5"}
    scenario = Scenario(tmp_path).contract([line], JANUARY, APRIL)
    scenario.reference("product", id="v", highly_variable=True, ssp_low="10", ssp_high="20")
    scenario.bill("invoice_finalized", JANUARY, "5").bill("invoice_voided", MARCH)
    expected = {"deferred_revenue": {"01": 500, "03": -500}, "voids": {}}
    assert expected == movements(scenario, *expected)


def test_of_successive_credits_the_last_takes_what_is_left_of_the_tax(tmp_path):
    """A third of 0.50 is 0.17, half of 0.33 is 0.16, and 0.17 are left."""
    scenario = Scenario(tmp_path).contract([fixed(total="90")], JANUARY, APRIL)
    scenario.bill("invoice_finalized", JANUARY, "30", tax="0.50")
    for month, note in ((JANUARY, "a"), (FEBRUARY, "b"), (MARCH, "c")):
        scenario.bill("credit_note", month, "10", credit_note_id=note)
    assert {"01": 50 - 17, "02": -16, "03": -17} == movements(scenario, "tax_payable")["tax_payable"]


def test_a_share_by_time_is_that_of_the_start_of_the_day(tmp_path):
    scenario = quarter(tmp_path, method="exact").bill("refund", "2023-02-01T12:00:00Z", "90")
    assert {"02": 3100} == movements(scenario, "refunds")["refunds"]


def test_what_a_credit_takes_follows_the_later_terms_of_the_line(tmp_path):
    """All that is left is voided; when the line then ends on March 1, nothing is earned on the way there either."""
    scenario = quarter(tmp_path, paid=False).bill("invoice_voided", FEBRUARY)
    scenario.contract([fixed(total="90", end=MARCH)], JANUARY, APRIL, 2, effective_at="2023-02-15T00:00:00Z")
    assert {"01": 3100} == movements(scenario, "revenue")["revenue"]


def test_one_re_invoice_restores_what_one_void_took(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(total="90")], JANUARY, APRIL)
    for name in ("i", "j"):
        scenario.bill("invoice_finalized", JANUARY, "45", name).bill("invoice_voided", FEBRUARY, None, name)
    scenario.bill("invoice_finalized", MARCH, "45", "again")
    assert {"02": 3100, "03": -1550} == movements(scenario, "voids")["voids"]


def test_a_credit_takes_the_deferred_revenue_of_its_own_invoice_first(tmp_path):
    """30 at 1.20 and 60 at 1.50, voided before anything was earned: 30 at 1.20 are left to be earned."""
    scenario = in_euros(tmp_path, [fixed(total="90")], APRIL)
    scenario.bill("invoice_finalized", JANUARY, "30", currency="EUR")
    scenario.bill("invoice_finalized", JANUARY, "60", "j", currency="EUR", fx_rate="1.50")
    scenario.bill("invoice_voided", JANUARY, None, "j", currency="EUR", fx_rate="1.50")
    assert -3600 == sum(functional(scenario, "revenue").values())


def test_what_is_left_when_everything_is_earned_is_of_the_first_line(tmp_path):
    lines = [fixed("a", "31", end=FEBRUARY), fixed("b", "31", end=FEBRUARY)]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, APRIL).bill("invoice_finalized", JANUARY, "70")
    scenario.contract(lines, JANUARY, APRIL, 2, kind="cancelled", effective_at=MARCH)
    scenario.policy("cancellation", "non_refundable", JANUARY)
    assert {"a": 3900, "b": 3100} == by_line(scenario.books(JUNE))


def test_what_a_fact_brings_after_a_cancellation_is_booked_with_it(tmp_path):
    scenario = cancelled(tmp_path, "non_refundable").bill("invoice_finalized", APRIL, "20", "late")
    assert {"01": 3100, "02": 5900, "04": 2000} == movements(scenario, "revenue", as_of=MARCH)["revenue"]


def test_a_refund_is_booked_whether_or_not_the_payment_is_known(tmp_path):
    scenario = quarter(tmp_path, paid=False).bill("refund", FEBRUARY, "90")
    expected = {"refunds": {"02": 3100}, "cash": {"02": -9000}, "accounts_receivable": {"01": 9000}}
    assert expected == movements(scenario, *expected)
