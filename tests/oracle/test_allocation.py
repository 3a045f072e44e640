"""Allocation: relative SSP, bundles and the residual approach (accounting.md rule 2; cases.md I33, I34A, I34B)."""

import pytest

from .scenario import Scenario, by_line, delivered

JANUARY, FEBRUARY = "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"
DELIVERY = "2024-01-10T00:00:00Z"


def contract(root, *rows, **changes):
    """A contract of lines (line and product, SSP, total), all delivered in January."""
    lines = [delivered(name, DELIVERY, total, product_id=name, ssp=ssp) for name, ssp, total in rows]
    return Scenario(root).contract(lines, JANUARY, FEBRUARY, **changes)


def known(scenario, *products):
    """Every product has a record of its own."""
    for product in products:
        scenario.reference("product", id=product)
    return scenario


I34A = (("a", "40", "40"), ("b", "55", "30"), ("c", "45", "30"))


def test_consideration_spreads_by_relative_ssp(tmp_path):
    scenario = contract(tmp_path, ("a", "50", "50"), ("b", "25", "25"), ("c", "75", "25"))
    assert {"a": 3333, "b": 1667, "c": 5000} == by_line(scenario.books(FEBRUARY))


def test_a_tie_of_remainders_goes_to_the_first_line(tmp_path):
    scenario = contract(tmp_path, ("z", "1", "0.01"), ("b", "1", "0"), ("a", "1", "0"))
    assert {"z": 1} == by_line(scenario.books(FEBRUARY))


def test_without_a_bundle_a_discount_is_for_all(tmp_path):
    assert {"a": 2857, "b": 3929, "c": 3214} == by_line(contract(tmp_path, *I34A).books(FEBRUARY))


def test_the_discount_of_a_bundle_stays_with_it(tmp_path):
    scenario = contract(tmp_path, *I34A).reference("bundle", id="bc", products=["b", "c"], price="60")
    assert {"a": 4000, "b": 3300, "c": 2700} == by_line(scenario.books(FEBRUARY))


def test_a_product_of_highly_variable_price_takes_the_residual(tmp_path):
    scenario = contract(tmp_path, *I34A, ("d", None, "30")).reference(
        "bundle", id="bc", products=["b", "c"], price="60"
    )
    known(scenario, "a", "b", "c").reference("product", id="d", highly_variable=True, ssp_low="15", ssp_high="45")
    assert {"a": 4000, "b": 3300, "c": 2700, "d": 3000} == by_line(scenario.books(FEBRUARY))


@pytest.mark.parametrize(
    "low, high, decided", [("30", "45", True), ("15", "30", True), ("30.01", "45", False), ("15", "29.99", False)]
)
def test_a_residual_outside_its_range_cannot_be_decided(tmp_path, low, high, decided):
    scenario = contract(tmp_path, ("a", "70", "60"), ("d", None, "40"))
    known(scenario, "a").reference("product", id="d", highly_variable=True, ssp_low=low, ssp_high=high)
    books = scenario.books(FEBRUARY)
    assert ({"a": 7000, "d": 3000} if decided else {}) == by_line(books)
    assert (set() if decided else {("treatment_undecidable", "contracts.events", 0, 0)}) == books.exceptions


def test_a_highly_variable_product_with_an_ssp_of_its_own_takes_its_share(tmp_path):
    scenario = contract(tmp_path, ("a", "70", "60"), ("d", "70", "40"))
    known(scenario, "a").reference("product", id="d", highly_variable=True, ssp_low="30", ssp_high="30")
    assert {"a": 5000, "d": 5000} == by_line(scenario.books(FEBRUARY))


def test_two_highly_variable_products_take_their_shares(tmp_path):
    scenario = contract(tmp_path, ("a", "40", "60"), ("d", None, "10"), ("f", None, "30"))
    for product in ("d", "f"):
        scenario.reference("product", id=product, highly_variable=True, ssp_low="0", ssp_high="1")
    known(scenario, "a")
    assert {"a": 5000, "d": 1250, "f": 3750} == by_line(scenario.books(FEBRUARY))


@pytest.mark.parametrize(
    "bundle",
    [
        {"products": ["b", "c"], "price": "110"},
        {"products": ["b", "c", "x"], "price": "60"},
        {"products": ["b", "c"], "price": "60", "currency": "EUR"},
        {"products": ["b", "c"], "price": "60", "effective_from": "2024-01-01T00:00:01Z"},
    ],
)
def test_a_bundle_that_does_not_apply_changes_nothing(tmp_path, bundle):
    scenario = contract(tmp_path, *I34A).reference("bundle", id="bc", **bundle)
    assert {"a": 2857, "b": 3929, "c": 3214} == by_line(scenario.books(FEBRUARY))


def test_a_contract_without_a_discount_has_no_bundle(tmp_path):
    rows = (("a", "40", "50"), ("b", "55", "50"), ("c", "45", "40"))
    scenario = contract(tmp_path, *rows).reference("bundle", id="bc", products=["b", "c"], price="60")
    assert {"a": 4000, "b": 5500, "c": 4500} == by_line(scenario.books(FEBRUARY))
