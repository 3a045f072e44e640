"""What is added to a contract at its selling price is a separate contract: when it is one, and that it is kept apart."""

from __future__ import annotations

from dataclasses import replace

from accounting.contract_plan import contract_plan
from accounting.coverage import FOREVER
from accounting.modification import Treatment
from accounting.plan_course import Valuation
from accounting.policy import Policies
from accounting.schedule import Method
from tests.accounting.amended import (
    AGREED,
    HALF_YEAR,
    gives,
    sold,
    sub,
    units,
    version,
)
from tests.accounting.examples import at
from tests.accounting.ledgers import cents, planned, policies
from tests.accounting.plans import recognised_by


def test_i05a_thirty_more_units_at_their_ssp():
    before, after = units("p", 12000, 60, 120), units("p", 12000, 120, 120)
    gives("""
        p  Jan 6000  Jun 6000
        q            Jun 2850
    """, version(1, "2025-01-01", before), version(2, "2025-04-01", before, units("q", 2850, 0, 30)),
        version(3, "2025-06-01", after, units("q", 2850, 30, 30)), decided="separate_contract update")  # fmt: skip


def test_a_separate_contract_does_not_touch_a_discount_and_is_modified_apart():
    """a and b at 75 of their SSPs of 100; c at its SSP; then c's price falls, and a and b stay."""
    pair = sub("a", 450, ssp=cents(600)), sub("b", 450, ssp=cents(600))
    c = sub("c", 300, "2025-04-01", "2025-07-01")
    versions = [
        version(1, "2025-01-01", *pair), version(2, "2025-04-01", *pair, c),
        version(3, "2025-05-01", *pair, replace(c, total=cents(200))),
    ]  # fmt: skip
    gives("""
        a  Jan 75 Feb 75 Mar 75 Apr 75 May 75 Jun 75
        b  Jan 75 Feb 75 Mar 75 Apr 75 May 75 Jun 75
        c                       Apr 100 May 50 Jun 50
    """, *versions, decided="separate_contract prospective")  # fmt: skip
    # Nor does a change of the contract touch c.
    dearer = [replace(pair[0], total=cents(600)), pair[1], c]
    gives("""
        a  Jan 75 Feb 75 Mar 75 Apr 75 May 112.50 Jun 112.50
        b  Jan 75 Feb 75 Mar 75 Apr 75 May 112.50 Jun 112.50
        c                       Apr 100 May 100 Jun 100
    """, *versions[:2], version(3, "2025-05-01", *dearer))  # fmt: skip


def test_a_separate_contract_is_removed_apart():
    c = sub("c", 300, "2025-04-01", "2025-07-01")
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        c                          Apr 100
    """, HALF_YEAR, version(2, "2025-04-01", sub("a", 600), c), version(3, "2025-05-01", sub("a", 600)))  # fmt: skip


def test_a_line_goes_while_a_separate_contract_changes():
    c = sub("c", 300, "2025-04-01", "2025-07-01")
    both = sub("a", 600), sub("b", 300)
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        b  Jan 50  Feb 50  Mar 50  Apr 50
        c                          Apr 100 May 50  Jun 50
    """, version(1, "2025-01-01", *both), version(2, "2025-04-01", *both, c),
        version(3, "2025-05-01", both[0], replace(c, total=cents(200))))  # fmt: skip


def test_a_line_below_its_ssp_joins_the_contract_and_not_what_was_added_apart():
    """a has 200 left, d comes for 100 and sells at 200: 150 each; c, a contract of its own, stays."""
    a, c = sub("a", 600), sub("c", 300, "2025-04-01", "2025-07-01")
    d = sub("d", 100, "2025-05-01", "2025-07-01", ssp=cents(200))
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 75  Jun 75
        c                          Apr 100 May 100 Jun 100
        d                                  May 75  Jun 75
    """, HALF_YEAR, version(2, "2025-04-01", a, c), version(3, "2025-05-01", a, c, d))  # fmt: skip
    # Also where c changes with the same version.
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 75  Jun 75
        c                          Apr 100 May 40  Jun 40
        d                                  May 75  Jun 75
    """, HALF_YEAR, version(2, "2025-04-01", a, c), version(3, "2025-05-01", a, replace(c, total=cents(180)), d))  # fmt: skip


def test_an_explicit_separate_contract_may_be_below_its_ssp():
    b = sub("b", 190, "2025-05-01", "2025-07-01", ssp=cents(200))
    stated = {"treatment": "separate_contract", **AGREED}
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        b                                  May 95  Jun 95
    """, HALF_YEAR, version(2, "2025-05-01", sub("a", 600), b, **stated), decided="separate_contract")  # fmt: skip


def test_the_tolerance_is_the_policys_at_the_date_of_the_version():
    b = sub("b", 190, "2025-05-01", "2025-07-01", ssp=cents(200))
    versions = [HALF_YEAR, version(2, "2025-05-01", sub("a", 600), b)]
    assert Treatment.SEPARATE_CONTRACT == planned(versions, "UTC", policies(ssp_tolerance="5")).decisions[0].treatment
    assert Treatment.PROSPECTIVE == planned(versions, "UTC", policies(ssp_tolerance="4.99")).decisions[0].treatment


def test_selling_prices_are_those_of_the_contracts_start_and_of_the_day_of_a_modification():
    """b sells for 200 at first and for 250 from April on; a contract of its own has it at 250 in May."""

    def valued(line, when):
        listed = {"a": 600, "b": 200 if when < at("2025-04-01") else 250}
        return Valuation(cents(listed[line.line_id]), Method(line.method))

    def treated(price, when):
        b = sub("b", price, "2025-05-01", "2025-07-01")
        found = contract_plan(
            [HALF_YEAR, version(2, when, sub("a", 600), b)], "UTC", valued, lambda _at: [], Policies()
        )
        return found.decisions[0].treatment

    separate, prospective = Treatment.SEPARATE_CONTRACT, Treatment.PROSPECTIVE
    assert [separate, prospective] == [treated(250, "2025-05-01"), treated(200, "2025-05-01")]
    assert [prospective, separate] == [treated(250, "2025-03-01"), treated(200, "2025-03-01")]
    # 800 by 600 and 200 from the start, though it was signed in April; from April on, 400 less 40 by 300 and 125.
    both = replace(version(1, "2025-01-01", sub("a", 400), sub("b", 400)), effective_at=at("2025-04-20"))
    found = contract_plan([both], "UTC", valued, lambda _at: [], Policies())
    assert {"a": cents(600), "b": cents(200)} == {line.line_id: line.phases[0].amount for line in found.lines}
    second = version(2, "2025-04-01", sub("a", 400), sub("b", 360))
    found = contract_plan([both, second], "UTC", valued, lambda _at: [], Policies())
    assert {"a": 25412, "b": 10588} == {line.line_id: line.phases[-1].amount for line in found.lines}


def test_what_is_added_without_a_price_of_its_own_earns_nothing_apart():
    free = replace(sold("f", 0, "2025-05-05"), total=None)
    found = planned([HALF_YEAR, version(2, "2025-05-01", sub("a", 600), free)])
    assert [Treatment.SEPARATE_CONTRACT] == [one.treatment for one in found.decisions]
    assert cents(600) == recognised_by(found, FOREVER)
