"""Variable amounts: what they add to lines, and what a later change of an estimate does (accounting.md, rules 2 and 5)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from accounting.contract_plan import contract_plan
from accounting.coverage import ALWAYS, FOREVER
from accounting.plan_course import Valuation
from accounting.policy import Policies
from accounting.schedule import Method
from tests.accounting.amended import (
    HALF_YEAR,
    C,
    estimate,
    gives,
    jumps,
    months,
    sold,
    sub,
    units,
    version,
)
from tests.accounting.examples import at
from tests.accounting.ledgers import cents, ledger, metered, milestone, planned
from tests.accounting.plans import recognised_by

# -- estimates


def i06(*rest):
    x, y = sold("x", 500, "2025-01-15", 500), sold("y", 500, None, 500)
    z = sold("z", 300, None, 500)
    return [version(1, "2025-01-01", x, y, variable=[estimate(200)]),
            version(2, "2025-03-01", x, y, z, variable=[estimate(200)]), *rest]  # fmt: skip


def i06_delivered(number, amount):
    lines = sold("x", 500, "2025-01-15", 500), sold("y", 500, "2025-06-10", 500), sold("z", 300, "2025-06-20", 500)
    return version(number, "2025-06-01", *lines, variable=[estimate(amount)])


def test_i06_before_the_estimate_changes():
    gives("""
        x  Jan 600
        y  Jun 450
        z  Jun 450
    """, *i06(i06_delivered(3, 200)), decided="prospective update")  # fmt: skip


def test_i06_what_was_delivered_takes_its_share_at_once_and_the_rest_joins_what_is_left():
    x, y, z = sold("x", 500, "2025-01-15", 500), sold("y", 500, None, 500), sold("z", 300, None, 500)
    changed = version(3, "2025-05-01", x, y, z, variable=[estimate(240)])
    found = gives("""
        x  Jan 600 May 20
        y  Jun 460
        z  Jun 460
    """, *i06(changed, i06_delivered(4, 240)), decided="prospective estimate update")  # fmt: skip
    assert [("2025-05-01", "x", 20)] == jumps(found)


def test_an_estimate_that_belongs_to_some_lines_goes_to_them_by_ssp():
    lines = sub("a", 600), sub("b", 300), sub("c", 600)
    gives("""
        a  Jan 120 Feb 120 Mar 120 Apr 120 May 120 Jun 120
        b  Jan 60  Feb 60  Mar 60  Apr 60  May 60  Jun 60
        c  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
    """, version(1, "2025-01-01", *lines, variable=[estimate(180, "b", "a")]))  # fmt: skip


def test_several_estimates_of_one_line_add_up():
    both = [estimate(60, "a"), estimate(30, "a", "b", name="w")]
    gives("""
        a  Jan 112.50 Feb 112.50 Mar 112.50 Apr 112.50 May 112.50 Jun 112.50
        b  Jan 102.50 Feb 102.50 Mar 102.50 Apr 102.50 May 102.50 Jun 102.50
    """, version(1, "2025-01-01", sub("a", 600), sub("b", 600), variable=both))  # fmt: skip


@pytest.mark.parametrize("line_ids", [(), ("a",)])
def test_a_changed_estimate_of_a_subscription_counts_at_once_for_what_is_over(line_ids):
    first = replace(HALF_YEAR, variable=(estimate(60, *line_ids),))
    raised = version(2, "2025-04-01", sub("a", 600), variable=[estimate(120, *line_ids)])
    found = gives("a  Jan 110 Feb 110 Mar 110 Apr 150 May 120 Jun 120", first, raised, decided="estimate")
    assert [("2025-04-01", "a", 30)] == jumps(found)
    assert [1, 1, 1, 2, 2, 2, 2] == [one.version for one in found.effects(ALWAYS, FOREVER)]
    gives("a  Jan 110 Feb 110 Mar 110 Apr 70 May 100 Jun 100", first, version(2, "2025-04-01", sub("a", 600)))
    gives("a  Jan 100 Feb 100 Mar 100 Apr 180 May 120 Jun 120", HALF_YEAR, raised)


def test_a_changed_estimate_keeps_the_prices_by_which_it_was_allocated():
    """606-10-32-43: b sells for twice as much from March on, which moves nothing of what was agreed before."""

    def valued(line, when):
        dearer = 2 if line.line_id == "b" and when >= at("2025-03-01") else 1
        return Valuation(line.total * dearer, Method(line.method))

    def course(third):
        lines = sub("a", 600), sub("b", 600)
        versions = [
            version(1, "2025-01-01", *lines, variable=[estimate(60, "a", "b")]),
            version(2, "2025-04-01", *lines, variable=[estimate(120, "a", "b")]), *third,
        ]  # fmt: skip
        return months(contract_plan(versions, "UTC", valued, lambda _at: [], Policies()))

    expected = """
        a  Jan 105 Feb 105 Mar 105 Apr 125 May 110 Jun 110
        b  Jan 105 Feb 105 Mar 105 Apr 125 May 110 Jun 110
    """
    assert ledger(expected) == course([])
    # An amendment allocates again by the prices of its day: 400 are left, of 1,320 by 600 and 1,200.
    more = replace(sub("a", 600), quantity=1), sub("b", 600)
    after = course([version(3, "2025-05-01", *more, variable=[estimate(180, "a", "b")])])
    assert cents(660 + 660 + 60) == sum(cents(str(amount)) for own in after.values() for amount in own.values())


def test_an_estimate_that_moves_to_another_line_leaves_the_first():
    lines = sub("a", 600), sub("b", 600)
    gives("""
        a  Jan 110 Feb 110 Mar 110 Apr 70  May 100 Jun 100
        b  Jan 100 Feb 100 Mar 100 Apr 140 May 110 Jun 110
    """, version(1, "2025-01-01", *lines, variable=[estimate(60, "a")]),
        version(2, "2025-04-01", *lines, variable=[estimate(60, "b")]), decided="estimate")  # fmt: skip


def test_an_estimate_comes_with_a_modification():
    """300 are earned; 300 and an estimate of 60 are left."""
    gives("a  Jan 100 Feb 100 Mar 100 Apr 120 May 120 Jun 120", HALF_YEAR,
          version(2, "2025-04-01", replace(sub("a", 600), quantity=1), variable=[estimate(60)]))  # fmt: skip


def test_an_estimate_of_one_line_stays_with_it_in_a_modification():
    """Of a's 60, 30 are earned by April; the other 30, and what a new estimate adds, go to a alone."""
    first = version(1, "2025-01-01", sub("a", 600), sub("b", 600), variable=[estimate(60, "a")])
    lines = replace(sub("a", 600), quantity=1), sub("b", 600)
    gives("""
        a  Jan 110 Feb 110 Mar 110 Apr 110 May 110 Jun 110
        b  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
    """, first, version(2, "2025-04-01", *lines, variable=[estimate(60, "a")]))  # fmt: skip
    gives("""
        a  Jan 110 Feb 110 Mar 110 Apr 130 May 130 Jun 130
        b  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
    """, first, version(2, "2025-04-01", *lines, variable=[estimate(120, "a")]))  # fmt: skip
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 120 May 120 Jun 120
        b  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
    """, replace(first, variable=()), version(2, "2025-04-01", *lines, variable=[estimate(60, "a")]))  # fmt: skip
    gives("""
        a  Jan 110 Feb 110 Mar 110 Apr 90  May 90  Jun 90
        b  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
    """, first, version(2, "2025-04-01", *lines))  # fmt: skip


def test_what_was_earned_of_an_estimate_is_counted_by_the_terms_that_held_then():
    """330 of a, 30 of them of its estimate, and 300 of b are earned; 600 and 300 are shared by 675 and 300, 30 are a's."""
    first = version(1, "2025-01-01", sub("a", 600), sub("b", 600), variable=[estimate(60, "a")])
    longer = version(2, "2025-04-01", sub("a", 900, end="2026-01-01"), sub("b", 600), variable=[estimate(60, "a")])
    found = planned([first, longer])
    assert {"a": (33000, 65308), "b": (30000, 27692)} == {
        line.line_id: (line.phases[-1].base, line.phases[-1].amount) for line in found.lines
    }


def test_an_estimate_of_a_line_that_catches_up():
    first = version(1, "2025-01-01", milestone("m", "2025-01-01", "2025-07-01", 400, 25), variable=[estimate(40, "m")])
    second = version(2, "2025-04-01", milestone("m", "2025-01-01", "2025-07-01", 600, 25), variable=[estimate(80, "m")])
    third = replace(second, version=3, effective_at=at("2025-05-01"), variable=(estimate(120, "m"),))
    gives("m  Jan 110 Apr 60 May 10", first, second, third, decided="cumulative_catch_up estimate")


def test_an_estimate_after_a_prospective_modification_joins_what_was_left_then():
    """Two lines of 600 by July; b is added at half its SSP in April. 40 more: 20 by the old basis for each of x and a."""
    a, x = sub("a", 600), sold("x", 600, "2025-01-10")
    b = sub("b", 150, "2025-04-01", "2025-07-01", ssp=cents(300))
    versions = [
        version(1, "2025-01-01", a, x, variable=[estimate(0)]), version(2, "2025-04-01", a, x, b, variable=[estimate(0)]),
        version(3, "2025-05-01", a, x, b, variable=[estimate(40)]),
    ]  # fmt: skip
    # 300 + 150 are left by 300 and 300: 225 each, 75 a month. a's 20 join them: 10 each, a third of it at once.
    found = gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 75 May 81.67 Jun 78.33
        b                          Apr 75 May 81.67 Jun 78.33
        x  Jan 600                        May 20
    """, *versions, decided="prospective estimate")  # fmt: skip
    assert [
        ("2025-05-01", "a", Decimal("3.33")),
        ("2025-05-01", "x", 20),
        ("2025-05-01", "b", Decimal("3.33")),
    ] == jumps(found)


def test_an_estimate_that_changes_with_an_amendment_counts_at_once_for_what_was_delivered():
    """As I06, and z's price rises to 330 with it: 20 more for x; 450 + 450 + 20 + 30 are left for y and z."""
    x, y, z = sold("x", 500, "2025-01-15", 500), sold("y", 500, None, 500), sold("z", 330, None, 500)
    done = replace(y, satisfied_at=at("2025-06-10")), replace(z, satisfied_at=at("2025-06-20"))
    third = version(3, "2025-05-01", x, y, z, variable=[estimate(240)])
    found = gives("""
        x  Jan 600 May 20
        y  Jun 475
        z  Jun 475
    """, *i06(third, version(4, "2025-06-01", x, *done, variable=[estimate(240)])))  # fmt: skip
    assert [("2025-05-01", "x", 20)] == jumps(found)
    # One of y alone is y's, and nothing of it x's.
    third = version(3, "2025-05-01", x, y, z, variable=[estimate(200), estimate(40, "y", name="w")])
    fourth = version(4, "2025-06-01", x, *done, variable=third.variable)
    gives("""
        x  Jan 600
        y  Jun 505
        z  Jun 465
    """, *i06(third, fourth))  # fmt: skip
    second = [replace(one, variable=third.variable) for one in i06()]
    gives("""
        x  Jan 600
        y  Jun 535
        z  Jun 465
    """, *second, replace(third, variable=(estimate(200), estimate(70, "y", name="w"))),
        replace(fourth, variable=(estimate(200), estimate(70, "y", name="w"))))  # fmt: skip


def test_an_estimate_that_names_a_line_added_later_goes_to_that_line():
    b = sub("b", 150, "2025-04-01", "2025-07-01", ssp=cents(300))
    second = version(2, "2025-04-01", sub("a", 600), b)
    third = replace(second, version=3, effective_at=at("2025-06-01"), variable=(estimate(30, "b"),))
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 75 May 75 Jun 75
        b                          Apr 75 May 75 Jun 105
    """, HALF_YEAR, second, third, decided="prospective estimate")  # fmt: skip


def test_an_estimate_that_names_a_line_of_a_separate_contract_goes_to_that_line():
    b = sub("b", 300, "2025-04-01", "2025-07-01")
    second = version(2, "2025-04-01", sub("a", 600), b, variable=[estimate(30, "b")])
    third = replace(second, version=3, effective_at=at("2025-05-01"), variable=(estimate(60, "b"),))
    table = "a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100\n"
    gives(table + "b  Apr 110 May 110 Jun 110", HALF_YEAR, second, decided="separate_contract")
    gives(table + "b  Apr 110 May 130 Jun 120", HALF_YEAR, second, third, decided="separate_contract estimate")


def test_estimates_change_one_by_one():
    first = version(1, "2025-01-01", sub("a", 600), variable=[estimate(60), estimate(30, name="w")])
    raised = version(2, "2025-04-01", sub("a", 600), variable=[estimate(60), estimate(90, name="w")])
    gives("a  Jan 115 Feb 115 Mar 115 Apr 155 May 125 Jun 125", first, raised)
    gone = version(2, "2025-04-01", sub("a", 600), variable=[estimate(30, name="w")])
    gives("a  Jan 115 Feb 115 Mar 115 Apr 75 May 105 Jun 105", first, gone)


def test_an_estimate_of_one_separate_contract_comes_with_another_one():
    d = sub("d", 100, "2025-05-01", "2025-07-01")
    second = version(2, "2025-04-01", sub("a", 600), C)
    third = version(3, "2025-05-01", sub("a", 600), C, d, variable=[estimate(30, "c"), estimate(20, "d", name="w")])
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        c                          Apr 100 May 120 Jun 110
        d                                  May 60  Jun 60
    """, HALF_YEAR, second, third, decided="separate_contract separate_contract")  # fmt: skip


def test_an_estimate_of_old_and_new_lines_counts_once():
    b = sub("b", 300, "2025-04-01", "2025-07-01")
    second = version(2, "2025-04-01", sub("a", 600), b, variable=[estimate(60, "a", "b")])
    third = version(3, "2025-05-01", sub("a", 660), b, variable=[estimate(60, "a", "b")])
    # The first group that has a line of it bears it: a.
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 140 May 110 Jun 110
        b                          Apr 100 May 100 Jun 100
    """, HALF_YEAR, second, decided="separate_contract")  # fmt: skip
    assert cents(660 + 60 + 300) == recognised_by(planned([HALF_YEAR, second, third]), FOREVER)


def test_an_estimate_that_changes_with_a_separate_contract_counts_with_the_old_lines():
    second = version(2, "2025-04-01", sub("a", 600), sub("b", 300, "2025-04-01", "2025-07-01"), variable=[estimate(60)])
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 140 May 110 Jun 110
        b                          Apr 100 May 100 Jun 100
    """, HALF_YEAR, second, decided="separate_contract")  # fmt: skip


def test_an_estimate_that_changes_with_an_amendment_of_something_else_counts_with_its_own_lines():
    """c, a contract of its own, falls to 200; the estimate is of the contract, or of a line of it, or of c."""
    apart = version(2, "2025-04-01", sub("a", 600), C)
    for line_ids, expected in (
        ((), "a  Jan 100 Feb 100 Mar 100 Apr 100 May 150 Jun 110 \n c  Apr 100 May 50 Jun 50"),
        (("a",), "a  Jan 100 Feb 100 Mar 100 Apr 100 May 150 Jun 110 \n c  Apr 100 May 50 Jun 50"),
        (("c",), "a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100 \n c  Apr 100 May 80 Jun 80"),
    ):
        lines = sub("a", 600), replace(C, total=cents(200))
        gives(expected, HALF_YEAR, apart, version(3, "2025-05-01", *lines, variable=[estimate(60, *line_ids)]))


def test_an_estimate_of_a_line_that_is_gone_counts_at_once_for_what_it_delivered():
    both = version(1, "2025-01-01", sub("a", 600), sub("b", 300), variable=[estimate(30, "b")])
    gone = version(2, "2025-04-01", sub("a", 600), variable=[estimate(30, "b")])
    more = replace(gone, version=3, effective_at=at("2025-05-01"), variable=(estimate(50, "b"),))
    found = gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        b  Jan 55  Feb 55  Mar 55          May 20
    """, both, gone, more)  # fmt: skip
    assert [("2025-05-01", "b", 20)] == jumps(found)
    p = version(1, "2025-01-01", units("p", 100, 1, 2), sub("a", 600))
    gone = version(2, "2025-04-01", sub("a", 600))
    more = replace(gone, version=3, effective_at=at("2025-05-01"), variable=(estimate(20, "p"),))
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        p  Jan 50  May 20
    """, p, gone, more)  # fmt: skip


def test_an_estimate_of_a_line_that_is_gone_and_one_that_is_there_goes_to_that_one():
    both = version(1, "2025-01-01", sub("a", 600), sub("b", 300))
    gone = version(2, "2025-04-01", sub("a", 600))
    more = version(3, "2025-05-01", sub("a", 600), variable=[estimate(60, "a", "b")])
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 150 Jun 110
        b  Jan 50  Feb 50  Mar 50
    """, both, gone, more)  # fmt: skip


def test_an_estimate_of_usage_lines_is_not_theirs():
    """It prices usage where later units change the price of earlier ones (rule 4)."""
    lines = sub("a", 600), metered("u", "2025-01-01", "2026-01-01")
    first = version(1, "2025-01-01", *lines, variable=[estimate(500, "u")])
    gives("a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100", first,
          version(2, "2025-04-01", *lines, variable=[estimate(900, "u")]), decided="estimate")  # fmt: skip
    meter = lines[1:]
    assert (
        ()
        == planned([version(1, "2025-01-01", *meter), version(2, "2025-04-01", *meter, variable=[estimate(900)])]).lines
    )


def test_an_estimate_of_a_contract_without_fixed_lines_waits_for_one_that_joins_it():
    meter = metered("u", "2025-01-01", "2026-01-01")
    first = version(1, "2025-01-01", meter)
    told = version(2, "2025-02-01", meter, variable=[estimate(60)])
    apart = version(3, "2025-04-01", meter, sub("b", 300, "2025-04-01", "2025-07-01"), variable=[estimate(60)])
    gives("b  Apr 100 May 100 Jun 100", first, told, apart, decided="estimate separate_contract")
    joins = version(
        3, "2025-04-01", meter, sub("b", 240, "2025-04-01", "2025-07-01", ssp=cents(300)), variable=[estimate(60)]
    )
    gives("b  Apr 100 May 100 Jun 100", first, told, joins, decided="estimate prospective")


def test_an_estimate_that_changes_before_a_modification_that_is_known_already_counts_with_it():
    second = version(2, "2025-04-01", sub("a", 540))
    third = version(3, "2025-03-01", sub("a", 540), variable=[estimate(30)])
    gives("a  Jan 100 Feb 100 Mar 100 Apr 90 May 90 Jun 90", HALF_YEAR, second, third, decided="prospective estimate")
