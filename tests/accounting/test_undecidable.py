"""What nobody can decide changes nothing, and what comes after it counts (accounting.md, rules 2 and 5)."""

from __future__ import annotations

from dataclasses import replace

from accounting.allocation import Bundle, SspRange
from accounting.contract import Opening, VersionKind
from accounting.contract_plan import contract_plan
from accounting.coverage import ALWAYS, FOREVER
from accounting.modification import Treatment
from accounting.plan_course import Valuation
from accounting.policy import Policies
from accounting.schedule import Method
from tests.accounting.amended import (
    HALF_YEAR,
    estimate,
    months,
    sub,
    units,
    version,
)
from tests.accounting.examples import at
from tests.accounting.ledgers import cents, ledger, milestone, planned
from tests.accounting.plans import recognised_by

# -- what nobody can decide


def undecided(number, effective, *lines):
    """A version with a treatment that nobody has approved."""
    return version(number, effective, *lines, treatment="cumulative_catch_up", reason="agreed")


def test_a_version_that_nobody_can_decide_changes_nothing():
    found = planned([HALF_YEAR, undecided(2, "2025-04-01", sub("a", 540))])
    assert months(planned([HALF_YEAR])) == months(found)
    reason = "treatment cumulative_catch_up overrides the tests and needs a reason and an approver: amend with both"
    assert ((2, reason), frozenset({2})) == (found.undecidable, found.skipped)
    (told,) = found.decisions
    assert (2, reason, Treatment.CUMULATIVE_CATCH_UP) == (told.version, told.undecidable, told.treatment)
    assert "explicit treatment" in [one.name for one in told.evidence]


def test_the_next_version_is_decided_against_the_last_one_that_was_taken_up():
    found = planned([HALF_YEAR, undecided(2, "2025-04-01", sub("a", 540)), version(3, "2025-04-01", sub("a", 540))])
    assert ledger("a  Jan 100 Feb 100 Mar 100 Apr 80 May 80 Jun 80") == months(found)
    assert (None, frozenset({2}), [2, 3]) == (
        found.undecidable,
        found.skipped,
        [one.version for one in found.decisions],
    )
    assert [True, False] == [one.undecidable is not None for one in found.decisions]
    # Nothing is left of what the version before had said: this is an update.
    update = planned([HALF_YEAR, undecided(2, "2025-04-01", sub("a", 540)), version(3, "2025-05-01", sub("a", 600))])
    assert (None, Treatment.UPDATE) == (update.undecidable, update.decisions[1].treatment)


def test_a_line_that_nobody_could_decide_does_not_stop_the_cancellation_that_lists_it():
    waits = undecided(2, "2025-02-01", sub("a", 600), sub("b", 300))
    ends = version(3, "2025-04-01", sub("a", 600), sub("b", 300), kind=VersionKind.CANCELLED)
    found = planned([HALF_YEAR, waits, ends])
    assert ledger("a  Jan 100 Feb 100 Mar 100") == months(found)
    # A version that goes on after it brings the line, as any version after one that waits does.
    goes_on = version(4, "2025-05-01", sub("a", 600), sub("b", 300))
    assert {"a", "b"} == {one.line_id for one in planned([HALF_YEAR, waits, ends, goes_on]).lines}


def test_the_first_of_the_versions_that_wait_is_told_and_each_has_its_own_reason():
    alone = version(3, "2025-05-01", sub("a", 500), requested_by="ann", approved_by="ann")
    found = planned([HALF_YEAR, undecided(2, "2025-04-01", sub("a", 540)), alone])
    assert (2, frozenset({2, 3})) == (found.undecidable[0], found.skipped)
    assert ["needs a reason" in found.decisions[0].undecidable, "another person" in found.decisions[1].undecidable] == [
        True, True
    ]  # fmt: skip
    assert [(one.version, one.undecidable) for one in found.decisions] == found.waiting
    assert [] == planned([HALF_YEAR]).waiting
    later = planned([HALF_YEAR, undecided(2, "2025-04-01", sub("a", 540)), version(3, "2025-04-01", sub("a", 540)), replace(
        undecided(4, "2025-05-01", sub("a", 500)))])  # fmt: skip
    assert (4, frozenset({2, 4})) == (later.undecidable[0], later.skipped)
    assert [later.undecidable] == later.waiting


def test_progress_of_a_version_that_was_not_taken_up_does_not_count():
    first = version(1, "2025-01-01", units("p", 12000, 30, 120), sub("a", 600))
    second = undecided(2, "2025-04-01", units("p", 12000, 90, 120), sub("a", 540))
    assert ledger("p Jan 3000") == {"p": months(planned([first, second]))["p"]}
    third = version(3, "2025-05-01", units("p", 12000, 60, 120), sub("a", 600))
    assert ledger("p Jan 3000 May 3000") == {"p": months(planned([first, second, third]))["p"]}


def residual(line, _at):
    """Line d sells at highly variable prices, from 15 to 45, unless it names one."""
    span = SspRange(cents(15), cents(45)) if line.line_id == "d" and line.ssp is None else None
    return Valuation(line.ssp if line.ssp is not None else line.total, Method(line.method or "daily"), span)


def test_a_contract_begins_with_the_first_version_that_can_be_decided():
    """The residual of 60 lies outside its range; the next version names an SSP for the line."""
    a = sub("a", 600)
    first = version(1, "2025-01-01", a, sub("d", 60), opening=Opening(at("2025-02-01"), cents(100), cents(660)))
    third = version(3, "2025-04-10", a, sub("d", 60, ssp=cents(60)))
    second = replace(first, version=2, kind=VersionKind.AMENDED, effective_at=at("2025-03-01"), opening=None)
    waiting = contract_plan([first, second], "UTC", residual, lambda _at: [], Policies())
    remedy = (
        "give the line an SSP of its own by the next version, or correct the product's SSP range by a reference record"
    )
    told = f"product P: the residual of 60.00 USD lies outside its SSP range, 15.00 USD to 45.00 USD; {remedy}"
    assert ((), (1, told), 0, ALWAYS) == (waiting.lines, waiting.undecidable, waiting.billed, waiting.opened_at)
    assert [(Treatment.NEW_CONTRACT, 1, told), (Treatment.NEW_CONTRACT, 2, told)] == [
        (one.treatment, one.version, one.undecidable) for one in waiting.decisions
    ]
    (test,) = waiting.decisions[0].evidence
    assert ("allocation", (), told.rpartition("; give")[0]) == (test.name, test.inputs, test.result)
    found = contract_plan([first, second, third], "UTC", residual, lambda _at: [], Policies())
    assert (None, frozenset({1, 2}), [1, 2]) == (
        found.undecidable,
        found.skipped,
        [one.version for one in found.decisions],
    )
    # From its start, as if it were the first, with the opening balance that version 1 has told.
    assert (cents(100), cents(660), at("2025-02-01")) == (found.recognised, found.billed, found.opened_at)
    assert cents(660) == recognised_by(found, FOREVER)
    assert {3} == {one.version for one in found.effects(ALWAYS, FOREVER)}
    assert "Feb" in months(found)["a"]


def test_the_version_that_begins_a_contract_is_valued_at_its_start_and_its_progress_counts_from_there():
    asked = []

    def valued(line, when):
        asked.append(when)
        return residual(line, when)

    first = version(1, "2025-01-01", sub("d", 60), units("p", 100, 0, 10))
    second = version(2, "2024-12-01", sub("d", 60, ssp=cents(60)), units("p", 100, 5, 10))
    found = contract_plan([first, second], "UTC", valued, lambda _at: [], Policies())
    assert {at("2025-01-01")} == set(asked)
    assert [("2025-01-01", cents(50))] == [
        (one.day.isoformat(), one.amount) for one in found.effects(ALWAYS, FOREVER) if one.line_id == "p"
    ]


def test_a_residual_outside_its_range_of_a_later_version_leaves_every_line_as_it_was():
    """Also those that the version only adds, or takes away, and those of a separate contract."""
    a, d, c = sub("a", 600), sub("d", 30), sub("c", 300, "2025-04-01", "2025-07-01")
    taken = [version(1, "2025-01-01", a, d), version(2, "2025-04-01", a, d, c)]
    third = version(3, "2025-05-01", d, replace(c, total=cents(100)), sub("e", 10, ssp=cents(99)))
    third = replace(third, variable=(estimate(200),))
    plans = [contract_plan(given, "UTC", residual, lambda _at: [], Policies()) for given in (taken, [*taken, third])]
    assert plans[0].lines == plans[1].lines
    assert (3, True) == (plans[1].undecidable[0], "outside its SSP range" in plans[1].undecidable[1])
    # The next one is decided as if it had not been there.
    fourth = replace(taken[1], version=4, kind=VersionKind.AMENDED, effective_at=at("2025-06-01"))
    again = contract_plan([*taken, third, fourth], "UTC", residual, lambda _at: [], Policies())
    assert (None, Treatment.UPDATE, plans[0].lines) == (again.undecidable, again.decisions[-1].treatment, again.lines)


def test_after_a_version_that_nobody_can_decide_bundles_count_as_before():
    def valued(line, _at):
        return Valuation(line.ssp, Method.MONTHLY)

    lines = [
        replace(sub(name, 50, ssp=cents(ssp)), product_id=name.upper())
        for name, ssp in (("a", 40), ("b", 55), ("c", 45))
    ]
    first = version(1, "2025-01-01", replace(lines[0], total=0), *lines[1:])
    bundles = [Bundle(("B", "C"), cents(60))]
    lost = undecided(2, "2025-04-01", replace(lines[0], total=7), *lines[1:])
    plans = [contract_plan(given, "UTC", valued, lambda _at: bundles, Policies()) for given in ([first], [first, lost])]
    assert [cents(40), cents(33), cents(27)] == [line.phases[0].amount for line in plans[1].lines]
    assert plans[0].lines == plans[1].lines


def test_a_line_does_not_change_from_a_schedule_to_progress():
    first = version(1, "2025-01-01", sub("a", 600), sub("b", 600))
    other = milestone("a", "2025-01-01", "2025-07-01", 600, 50)
    found = planned([first, version(2, "2025-04-01", other, sub("b", 600))])
    told = "line a was ratable and is to be milestone: send the next version with a line of another id instead"
    assert (2, told) == found.undecidable
    # Nor where it was away in between.
    gone = version(2, "2025-04-01", sub("b", 600))
    assert (3, told) == planned([first, gone, version(3, "2025-05-01", other, sub("b", 600))]).undecidable
    # A cancellation ends it, whatever it says.
    ended = version(2, "2025-04-01", other, sub("b", 600), kind=VersionKind.CANCELLED)
    assert planned([first, ended]).undecidable is None


def test_a_cancellation_may_name_lines_that_never_began():
    late = undecided(2, "2025-03-01", sub("a", 600), sub("b", 600))
    end = version(3, "2025-04-01", sub("a", 600), sub("b", 600), kind=VersionKind.CANCELLED)
    found = planned([HALF_YEAR, late, end])
    assert (ledger("a  Jan 100 Feb 100 Mar 100"), [2]) == (months(found), sorted(found.skipped))
    assert ["a"] == [line.line_id for line in found.lines]
    # Without the version that waits, too; and a line that the contract goes on with comes then.
    assert months(found) == months(planned([HALF_YEAR, replace(end, version=2)]))
    again = version(4, "2025-05-01", sub("a", 600), sub("b", 600, "2025-05-01", "2025-07-01"))
    plain = version(3, "2025-04-01", sub("a", 600), kind=VersionKind.CANCELLED)
    revived = [planned([HALF_YEAR, late, gone, again]) for gone in (end, plain)]
    assert months(revived[0]) == months(revived[1])
    assert {"a", "b"} == set(months(revived[0]))
