"""The contract table: versions in order, each stored once, and what of a customer's usage they cover."""

from accounting.coverage import ALWAYS
from dataflows.contract_table import Change
from tests.support.timeline import micros


def covering(parts, at, contract_id=None, meter="m", customer="c"):
    """(contract, line, version) of the covers at an instant."""
    found = parts.contracts.covering(customer, contract_id, meter, micros(at))
    return [(cover.contract_id, cover.line_id, cover.version) for cover in found]


def test_an_unknown_customer_has_no_cover(parts):
    assert [] == covering(parts, "2025-01-02")


def test_the_first_version_changes_everything_from_the_beginning(parts):
    assert Change("c", ALWAYS, "k", 0) == parts.contract(price="2")
    assert [("k", "l", 1)] == covering(parts, "2025-01-02")


def test_a_later_version_changes_what_follows_its_effective_date(parts):
    parts.contract(price="2")
    change = parts.contract(1, price="3", version="2", effective="2025-02-01")
    assert Change("c", micros("2025-02-01"), "k", 1) == change
    assert ["l", 1, "l", 2] == [
        fact for at in ("2025-01-31T23", "2025-02-01") for _, *facts in covering(parts, at) for fact in facts
    ]


def test_terms_are_half_open(parts):
    parts.contract(price="2", start="2025-01-05", end="2025-01-08")
    days = ("2025-01-04T23:59:59", "2025-01-05", "2025-01-07T23:59:59", "2025-01-08")
    assert [0, 1, 1, 0] == [len(covering(parts, at)) for at in days]


def test_usage_that_names_a_contract_is_covered_by_that_one_alone(parts):
    parts.contract(price="2", k="k1")
    parts.contract(1, price="2", k="k2")
    assert [("k2", "l", 1)] == covering(parts, "2025-01-02", "k2")
    assert ["k1", "k2"] == sorted(contract for contract, _, _ in covering(parts, "2025-01-02"))


def test_a_version_ahead_of_its_predecessor_waits_and_says_so(parts):
    assert None is parts.contract(version="2", price="3")
    assert ([("version_gap", "open")], []) == (parts.told(), covering(parts, "2025-01-02"))


def test_the_missing_version_takes_up_those_that_waited(parts):
    parts.contract(0, version="3", price="3", effective="2025-02-01")
    parts.contract(1, version="2", price="3", effective="2025-03-01")
    assert Change("c", ALWAYS, "k", 0) == parts.contract(2, price="2")
    expected = [("version_gap", status) for status in ("open", "open", "resolved", "resolved")]
    assert expected == parts.told()
    assert [("k", "l", 3)] == covering(parts, "2025-03-02")


def test_the_earliest_effective_date_of_the_versions_taken_up_says_what_changes(parts):
    parts.contract(0, price="2")
    parts.contract(1, version="3", price="3", effective="2025-02-01")
    assert Change("c", micros("2025-02-01"), "k", 1) == parts.contract(
        2, version="2", price="3", effective="2025-03-01"
    )


def test_the_same_record_again_changes_nothing(parts):
    parts.contract(price="2")
    records = parts.contract(0, price="2"), parts.contract(0, price="2.0")
    assert ((None, None), []) == (records, parts.told())


def test_another_content_of_a_version_is_a_conflict_and_the_first_one_holds(parts):
    parts.contract(price="2")
    assert None is parts.contract(1, price="3")
    [record] = parts.said()
    expected = ("version_conflict", "open", 1)
    assert expected == (record["class"], record["status"], record["source"]["offset"])
    [cover] = parts.contracts.covering("c", None, "m", micros("2025-01-02"))
    assert 2 * 10**12 == cover.rate.unit_price


def test_contracts_are_there_after_a_restart(parts):
    parts.contract(price="2")
    parts.contract(1, version="2", price="3", effective="2025-02-01T00:07")
    parts.contract(2, version="3", line="x", price="3", effective="2025-03-01T00:07")
    before = [covering(parts, at) for at in ("2025-01-02", "2025-02-02", "2025-03-02")]
    edges = parts.contracts.edges
    parts.store.commit()
    parts.reopen()
    assert before == [covering(parts, at) for at in ("2025-01-02", "2025-02-02", "2025-03-02")]
    assert {"c": [micros("2025-03-01T00:07")]} == edges == parts.contracts.edges


def why(parts, at, contract_id=None):
    """Exception class and entity for usage without a line."""
    lacking = parts.contracts.why_not("c", contract_id, micros(at))
    return lacking.cls, lacking.entity


def test_usage_without_a_line_is_unmapped_where_a_contract_is_in_force_and_unknown_elsewhere(parts):
    parts.contract(price="2", start="2025-01-05", end="2025-02-01")
    expected = [("contract_unknown", None), ("meter_unmapped", "us"), ("contract_unknown", None)]
    assert expected == [why(parts, at) for at in ("2025-01-04", "2025-01-05", "2025-02-01")]
    assert ("contract_unknown", None) == why(parts, "2025-01-05", "another")


def test_a_cancelled_contract_is_not_in_force(parts):
    parts.contract(price="2")
    parts.contract(1, version="2", kind="cancelled", price="2", effective="2025-03-01")
    assert ["meter_unmapped", "contract_unknown"] == [why(parts, at)[0] for at in ("2025-02-28", "2025-03-01")]
