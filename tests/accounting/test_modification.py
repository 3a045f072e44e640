"""How the step from one version to the next is decided: tests a to d, what overrides them, and what nobody can decide."""

from dataclasses import replace

import pytest

from accounting.contract import LineKind, Modification, Variable, VersionKind
from accounting.modification import Decision, Evidence, Treatment, decide, fixed_lines
from tests.accounting.examples import at
from tests.accounting.ledgers import cents, metered, milestone, ratable, signed

A = ratable("a", "2025-01-01", "2025-07-01", 600)
B = ratable("b", "2025-05-01", "2025-07-01", 200)
M = milestone("m", "2025-01-01", "2025-07-01", 400, 25)
FIRST = signed(1, "2025-01-01", A)
AGREED = {"reason": "agreed", "approved_by": "ann"}


def amended(*lines, effective="2025-04-01", **stated):
    """Version 2 of a contract from January to June."""
    modification = Modification(**stated) if stated else None
    return replace(
        signed(2, effective, *lines, modification=modification), start=at("2025-01-01"), end=at("2025-07-01")
    )


def own(line):
    """A line's SSP: its own, else its total."""
    return line.ssp if line.ssp is not None else line.total


def decided(version, before=FIRST, tolerance=0, held=()):
    return decide(before, version, own, tolerance, held)


def treated(version, before=FIRST, **terms):
    found = decided(version, before, **terms)
    assert found.undecidable is None
    return found.treatment


def told(decision, name):
    """(inputs, result) of every test of a name."""
    return [(dict(one.inputs), one.result) for one in decision.evidence if one.name == name]


# -- a: a separate contract


def test_distinct_lines_at_their_ssp_are_a_separate_contract_and_the_tests_are_evidence():
    found = decided(amended(A, B))
    untouched = {"removed": "none", "changed": "none", "past_credit": "no", "cancelled_before": "no"}
    inputs = {"line": "b", "distinct": "yes", "new": "yes", "price": "200.00", "ssp": "200.00", "tolerance": "0.00 %"}
    expected = (
        Evidence("terms", tuple({"added": "b", **untouched, "estimates": "unchanged"}.items()), "changed"),
        Evidence("added at SSP", tuple(inputs.items()), "yes"),
        Evidence("separate contract", (("lines", "b"),), "yes"),
    )
    assert Decision(Treatment.SEPARATE_CONTRACT, expected, added=("b",)) == found


@pytest.mark.parametrize(
    ("price", "tolerance", "expected"),
    [
        ("200.00", 0, Treatment.SEPARATE_CONTRACT), ("199.99", 0, Treatment.PROSPECTIVE),
        ("200.01", 0, Treatment.PROSPECTIVE), ("190.00", 500, Treatment.SEPARATE_CONTRACT),
        ("210.00", 500, Treatment.SEPARATE_CONTRACT), ("189.99", 500, Treatment.PROSPECTIVE),
        ("210.01", 500, Treatment.PROSPECTIVE), ("195.00", 250, Treatment.SEPARATE_CONTRACT),
        ("194.99", 250, Treatment.PROSPECTIVE),
    ],
)  # fmt: skip
def test_a_price_is_at_ssp_within_the_tolerance_of_the_policy(price, tolerance, expected):
    line = replace(B, total=cents(price), ssp=cents(200))
    assert expected == treated(amended(A, line), tolerance=tolerance)


def test_the_tolerance_is_told_in_per_cent():
    for tolerance, expected in ((0, "0.00 %"), (250, "2.50 %"), (1005, "10.05 %"), (199, "1.99 %")):
        assert expected == told(decided(amended(A, B), tolerance=tolerance), "added at SSP")[0][0]["tolerance"]


def test_a_price_of_nothing_is_at_ssp_where_the_line_sells_for_nothing():
    free = replace(B, total=0)
    assert Treatment.SEPARATE_CONTRACT == treated(amended(A, free))
    assert Treatment.PROSPECTIVE == treated(amended(A, replace(free, ssp=1)), tolerance=9999)


def test_a_line_without_a_total_costs_nothing():
    """A delivery or a milestone may be sold together with others, without an amount of its own."""
    given = replace(B, kind=LineKind.POINT_IN_TIME, total=None, ssp=0)
    assert Treatment.SEPARATE_CONTRACT == treated(amended(A, given))


def test_every_line_that_is_added_has_to_be_distinct_and_at_its_ssp():
    cheap, bound = replace(B, line_id="c", ssp=cents(300)), replace(B, line_id="d", distinct=False)
    assert Treatment.SEPARATE_CONTRACT == treated(amended(A, B, replace(B, line_id="e")))
    found = decided(amended(A, B, cheap))
    assert Treatment.PROSPECTIVE == found.treatment
    assert ["yes", "no"] == [result for _, result in told(found, "added at SSP")]
    assert [({"lines": "b, c"}, "no")] == told(found, "separate contract")
    found = decided(amended(A, bound))
    assert (Treatment.MIXED, frozenset("d")) == (found.treatment, found.catch_up)
    assert "no" == told(found, "added at SSP")[0][0]["distinct"]


@pytest.mark.parametrize(
    ("version", "others"),
    [
        (amended(replace(A, total=cents(660)), B), {"changed": "a"}),
        (amended(B), {"removed": "a"}),
        (amended(A, B, past_credit=1), {"past_credit": "yes"}),
    ],
)
def test_where_anything_else_moves_it_is_no_separate_contract(version, others):
    found = decided(version)
    assert Treatment.PROSPECTIVE == found.treatment
    untouched = {"removed": "none", "changed": "none", "past_credit": "no", "cancelled_before": "no"}
    assert [(untouched | others, "no: other terms change too")] == told(found, "separate contract")


def test_a_line_that_was_removed_and_comes_back_is_no_separate_contract():
    found = decided(amended(A, B), held={"a", "b"})
    assert (Treatment.PROSPECTIVE, "no") == (found.treatment, told(found, "added at SSP")[0][0]["new"])


def test_a_changed_line_never_is_a_separate_contract_though_it_is_at_its_ssp():
    for change in ({"total": cents(700), "ssp": cents(700)}, {"quantity": 7}, {"end": at("2025-06-01")}):
        assert Treatment.PROSPECTIVE == treated(amended(replace(A, **change)))


def test_an_estimate_that_changes_with_the_same_version_does_not_stand_against_a_separate_contract():
    version = replace(amended(A, B), variable=(Variable("v", 100),))
    found = decided(version)
    assert Treatment.SEPARATE_CONTRACT == found.treatment
    assert "changed" == told(found, "terms")[0][0]["estimates"]


# -- b to d: what remains


def test_what_remains_is_distinct_so_the_change_is_prospective():
    found = decided(amended(replace(A, total=cents(540))))
    assert (Treatment.PROSPECTIVE, ("a",), frozenset()) == (found.treatment, found.changed, found.catch_up)
    assert [({"line": "a", "kind": "ratable"}, "yes")] == told(found, "remaining is distinct")
    assert [({"contract": "K", "version": "2"}, "prospective")] == told(found, "treatment")


def test_what_remains_is_not_distinct_so_it_catches_up():
    before = signed(1, "2025-01-01", M)
    found = decided(amended(replace(M, total=cents(500))), before)
    assert (Treatment.CUMULATIVE_CATCH_UP, frozenset("m")) == (found.treatment, found.catch_up)
    assert [({"line": "m", "kind": "milestone"}, "no")] == told(found, "remaining is distinct")


def test_some_of_it_is_distinct_so_it_is_decided_per_line():
    before = signed(1, "2025-01-01", A, M)
    found = decided(amended(replace(A, total=1), M), before)
    assert (Treatment.MIXED, frozenset("m")) == (found.treatment, found.catch_up)


def test_what_is_removed_needs_no_test():
    found = decided(amended(A), signed(1, "2025-01-01", A, M))
    assert (Treatment.PROSPECTIVE, ("m",), frozenset()) == (found.treatment, found.removed, found.catch_up)
    nothing = decided(amended(metered("u", "2025-01-01")), FIRST)
    assert (Treatment.PROSPECTIVE, ("a",)) == (nothing.treatment, nothing.removed)


def test_a_past_credit_alone_is_a_modification():
    assert Treatment.PROSPECTIVE == treated(amended(A, past_credit=cents(10)))
    assert Treatment.UPDATE == treated(amended(A, past_credit=0))


def test_a_contract_that_goes_on_after_its_cancellation_is_modified():
    ended = replace(FIRST, version=2, kind=VersionKind.CANCELLED)
    assert Treatment.PROSPECTIVE == treated(amended(A), ended)
    assert Treatment.PROSPECTIVE == treated(amended(A, B), ended)
    assert Treatment.PROSPECTIVE == treated(replace(amended(A), variable=(Variable("v", 1),)), ended)
    assert Treatment.CANCELLATION == treated(replace(amended(A), kind=VersionKind.CANCELLED), ended)


def test_usage_lines_take_no_part():
    meter = metered("u", "2025-01-01")
    assert [A] == fixed_lines(amended(meter, A))
    assert Treatment.UPDATE == treated(amended(A, meter))


# -- no modification


@pytest.mark.parametrize(
    "change", [{}, {"ssp": 1}, {"progress": (1, 2)}, {"satisfied_at": 5}, {"distinct": False}]
)  # fmt: skip
def test_progress_delivery_and_ssp_are_no_modification(change):
    found = decided(amended(replace(A, **change)))
    assert (Treatment.UPDATE, ()) == (found.treatment, found.changed)
    assert "unchanged" == told(found, "terms")[0][1]


@pytest.mark.parametrize(
    "change",
    [
        {"product_id": "Q"}, {"kind": LineKind.MILESTONE}, {"start": at("2025-02-01")}, {"end": at("2025-06-01")},
        {"quantity": 1}, {"total": 1}, {"method": "exact"},
    ],
)  # fmt: skip
def test_the_terms_of_a_line_are_its_product_kind_dates_quantity_total_and_method(change):
    assert ("a",) == decided(amended(replace(A, **change))).changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((), (Variable("v", 1),)), ((Variable("v", 1),), ()), ((Variable("v", 1),), (Variable("v", 2),)),
        ((Variable("v", 1),), (Variable("v", 1, ("a",)),)), ((Variable("v", 1),), (Variable("w", 1),)),
    ],
)  # fmt: skip
def test_a_changed_estimate_is_no_modification(old, new):
    before, version = replace(FIRST, variable=old), replace(amended(A), variable=new)
    found = decided(version, before)
    assert Treatment.ESTIMATE == found.treatment
    assert ("changed", "changed") == (told(found, "terms")[0][0]["estimates"], told(found, "terms")[0][1])


def test_an_estimate_that_is_resolved_at_its_amount_changes_nothing():
    before = replace(FIRST, variable=(Variable("v", 1), Variable("w", 2)))
    version = replace(amended(A), variable=(Variable("w", 2), Variable("v", 1, resolved_at=at("2025-04-01"))))
    assert Treatment.UPDATE == treated(version, before)


def test_a_cancellation_is_told_from_all_else():
    version = replace(amended(replace(A, total=1), B), kind=VersionKind.CANCELLED)
    found = decided(version)
    assert (Treatment.CANCELLATION, ("b",), ("a",)) == (found.treatment, found.added, found.changed)
    assert [({"effective_from": "2025-04-01T00:00:00Z"}, "the schedule ends")] == told(found, "cancellation")


# -- an explicit treatment


@pytest.mark.parametrize(
    ("treatment", "catch_up"), [("prospective", ""), ("cumulative_catch_up", "am"), ("separate_contract", "")]
)
def test_an_explicit_treatment_overrides_the_tests(treatment, catch_up):
    line = replace(B, ssp=1) if treatment == "separate_contract" else None
    lines = [A, M, line] if line else [replace(A, total=1), M]
    found = decided(amended(*lines, treatment=treatment, **AGREED), signed(1, "2025-01-01", A, M))
    assert (treatment, frozenset(catch_up), None) == (found.treatment, found.catch_up, found.undecidable)
    assert [({"reason": "agreed", "approved_by": "ann"}, treatment)] == told(found, "explicit treatment")
    assert [] == told(found, "remaining is distinct")


def test_an_explicit_treatment_of_what_is_no_modification_is_an_update():
    assert Treatment.UPDATE == treated(amended(A, treatment="prospective"))


def problem(version, before=FIRST, **terms):
    found = decided(version, before, **terms)
    assert found.evidence
    return found.undecidable


@pytest.mark.parametrize(
    "stated", [{"reason": "agreed"}, {"approved_by": "ann"}, {}, {"reason": "", "approved_by": "ann"}]
)
def test_an_explicit_treatment_needs_a_reason_and_an_approver(stated):
    expected = "treatment prospective overrides the tests and needs a reason and an approver: amend with both"
    found = decided(amended(replace(A, total=1), treatment="prospective", **stated))
    assert expected == found.undecidable
    shown = {"reason": stated.get("reason") or "none", "approved_by": stated.get("approved_by") or "nobody"}
    assert [(shown, "prospective")] == told(found, "explicit treatment")


@pytest.mark.parametrize("treatment", ["auto", "prospective"])
def test_who_asks_for_a_modification_does_not_approve_it(treatment):
    changed = replace(A, total=1)
    alone = amended(changed, treatment=treatment, requested_by="ann", **AGREED)
    expected = "treatment prospective was requested and approved by ann: another person has to approve it"
    assert expected == problem(alone)
    assert problem(amended(changed, treatment=treatment, requested_by="bob", **AGREED)) is None
    assert problem(amended(changed, requested_by="", approved_by="")) is None
    # There is nothing to approve in an update.
    assert Treatment.UPDATE == treated(amended(A, treatment=treatment, requested_by="ann", **AGREED))


@pytest.mark.parametrize(
    ("lines", "stated", "named"),
    [
        ((replace(A, total=1), B), {}, "a"), ((B,), {}, "a"), ((A, B), {"past_credit": 1}, "past_credit"),
        ((replace(A, total=1),), {"past_credit": 1}, "a, past_credit"),
    ],
)  # fmt: skip
def test_a_separate_contract_only_adds(lines, stated, named):
    version = amended(*lines, treatment="separate_contract", **AGREED, **stated)
    expected = (
        f"a separate contract only adds lines, but {named} changes: amend without that, or choose another treatment"
    )
    assert expected == problem(version)


def test_what_was_cancelled_or_removed_is_no_separate_contract_though_somebody_says_so():
    version = amended(A, B, treatment="separate_contract", **AGREED)
    ended = replace(FIRST, version=2, kind=VersionKind.CANCELLED)
    assert "but contract K, which was cancelled changes" in problem(version, ended)
    expected = "line b was in the contract before: add it under an id of its own, as another contract"
    assert expected == problem(version, held={"a", "b"})
    assert problem(version, held={"a"}) is None


# -- the date


@pytest.mark.parametrize(
    ("effective", "inside"),
    [
        ("2024-12-31 23:59:59.999999", False), ("2025-01-01", True), ("2025-06-30 23:59:59.999999", True),
        ("2025-07-01", False), ("2026-01-01", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [VersionKind.AMENDED, VersionKind.RENEWED])
def test_a_modification_takes_effect_within_the_term(effective, inside, kind):
    found = problem(replace(amended(replace(A, total=1), effective=effective), kind=kind))
    assert inside is (found is None)


def test_a_date_outside_the_term_is_told_with_the_term_and_the_remedy():
    expected = (
        "effective_at 2025-07-01T00:00:00Z lies outside the term [2025-01-01T00:00:00Z, 2025-07-01T00:00:00Z): "
        "send the next version with a date within its term"
    )
    assert expected == problem(amended(replace(A, total=1), effective="2025-07-01"))
    endless = replace(amended(replace(A, total=1), effective="2024-07-01"), end=None)
    assert "[2025-01-01T00:00:00Z, open)" in problem(endless)
    assert problem(replace(endless, effective_at=at("2099-01-01"))) is None


def test_what_is_no_modification_may_take_effect_outside_the_term():
    late = amended(replace(A, progress=(1, 1)), effective="2025-08-01")
    assert Treatment.UPDATE == treated(late)
    assert Treatment.ESTIMATE == treated(replace(late, variable=(Variable("bonus", 1),)))
    assert Treatment.CANCELLATION == treated(replace(late, kind=VersionKind.CANCELLED))
