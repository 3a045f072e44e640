"""A contract event is checked as a whole, and becomes a contract version in scaled integers."""

import json

import pytest

from accounting.contract import (
    Aggregation,
    BillingPeriod,
    ContractVersion,
    Line,
    LineKind,
    Modification,
    Opening,
    Rate,
    RateModel,
    Tier,
    Variable,
    VersionKind,
)
from accounting.trace import Trace
from schemas import topics
from schemas.contracts import ContractEvent
from schemas.decode import decode
from schemas.fault import Fault
from schemas.instants import parse_instant
from tests.schemas.examples import CONTRACT, FEB, JAN, NEXT_JAN, TRACEPARENT, changed, line_of

JAN_1, FEB_1, JAN_1_2025 = map(parse_instant, (JAN, FEB, NEXT_JAN))
FLAT = {"meter": "m", "unit_price": "1"}
RATABLE = {"line_id": "l", "kind": "ratable", "total": "10"}


def contract(*lines, **changes):
    """The outcome of decoding the example contract with other lines and changes."""
    return decode(topics.CONTRACTS, line_of(changed(CONTRACT, lines=list(lines), modification=None, **changes)))


def usage(**rate):
    """A usage line with a rate."""
    return {"line_id": "l", "kind": "usage", "rate": {"meter": "m", **rate}}


def tiers(*bounds):
    """Tiers with these upper ends."""
    return [{"up_to": bound, "unit_price": "1"} for bound in bounds]


def test_a_contract_becomes_a_version_in_scaled_integers():
    event = decode(topics.CONTRACTS, line_of(CONTRACT))
    rate = Rate(
        meter="api.calls",
        aggregation=Aggregation.UNIQUE,
        billing_period=BillingPeriod.QUARTER,
        model=RateModel.GRADUATED,
        tiers=(Tier(10 * 10**18, 1, 2 * 10**12), Tier(None, 5 * 10**12, 0)),
        package_size=100 * 10**18,
        package_price=35 * 10**11,
        included=5 * 10**18,
        minimum=1000,
        maximum=100000,
        unique_key="user",
    )
    milestone = Line(
        line_id="l2",
        product_id="p2",
        kind=LineKind.MILESTONE,
        start=FEB_1,
        end=JAN_1_2025,
        quantity=25 * 10**17,
        total=120050,
        ssp=130000,
        distinct=True,
        method="monthly",
        satisfied_at=FEB_1,
        progress=(10**18, 3 * 10**18),
    )
    expected = ContractVersion(
        contract_id="k1",
        version=2,
        kind=VersionKind.AMENDED,
        known_at=FEB_1,
        effective_at=JAN_1,
        customer_id="c1",
        entity="e1",
        currency="USD",
        start=JAN_1,
        end=JAN_1_2025,
        lines=(
            Line("l1", "p1", LineKind.USAGE, JAN_1, JAN_1_2025, distinct=True, rate=rate),
            milestone,
            Line("l3", "l3", LineKind.RATABLE, JAN_1, JAN_1_2025, total=0, distinct=True),
        ),
        variable=(Variable("v1", 20000, ("l2",), FEB_1),),
        modification=Modification("prospective", "r", "a", 150, "b"),
        opening=Opening(JAN_1, 10000, 15000),
        combined_with="k0",
    )
    assert isinstance(event, ContractEvent)
    assert expected == event.to_version()
    assert Trace("corr-1", TRACEPARENT) == event.to_version().trace  # versions compare without it


@pytest.mark.parametrize(
    ("currency", "total", "minor"), [("JPY", "100.00", 100), ("KWD", "1.005", 1005), ("USD", "1.5", 150)]
)
def test_totals_are_in_the_currencys_minor_units(currency, total, minor):
    event = contract(dict(RATABLE, total=total), currency=currency, variable=None, opening=None)
    assert isinstance(event, ContractEvent)
    assert minor == event.to_version().lines[0].total


def test_a_rate_has_the_documented_defaults():
    event = contract({"line_id": "l", "kind": "usage", "rate": FLAT})
    assert isinstance(event, ContractEvent)
    rate = event.to_version().lines[0].rate
    assert Rate("m", Aggregation.SUM, BillingPeriod.MONTH, RateModel.PER_UNIT, unit_price=10**12) == rate


@pytest.mark.parametrize(("kind", "expected"), [("milestone", False), ("point_in_time", True), ("credits", True)])
def test_a_line_is_distinct_unless_it_is_a_milestone(kind, expected):
    event = contract({"line_id": "l", "kind": kind})
    assert isinstance(event, ContractEvent)
    assert expected is event.lines[0].distinct


def test_a_line_without_a_method_leaves_it_to_the_product():
    event = contract(RATABLE)
    assert isinstance(event, ContractEvent)
    assert event.to_version().lines[0].method is None


def test_a_usage_only_contract_may_be_open_ended():
    event = contract({"line_id": "l", "kind": "usage", "rate": FLAT}, end=None)
    assert isinstance(event, ContractEvent)
    assert (None, None) == (event.to_version().end, event.to_version().lines[0].end)


@pytest.mark.parametrize("bounds", [("1", "2", None), ("1", "2"), (None,)])
def test_ascending_tiers_are_accepted(bounds):
    assert isinstance(contract(usage(model="volume", tiers=tiers(*bounds))), ContractEvent)


REFUSED = {
    "start must lie before end": contract(start=FEB, end=FEB),
    "end may be null only when every line is a usage line": contract(RATABLE, end=None),
    "combined_with must name another contract": contract(RATABLE, combined_with=CONTRACT["contract_id"]),
    "combined_with = ''": contract(RATABLE, combined_with=""),
    "line_id 'l' must be unique": contract(RATABLE, RATABLE),
    "line 'l' must lie inside": contract(dict(RATABLE, start="2023-12-31T23:59:59.999999Z")),
    "line 'l' must lie inside the": contract(dict(RATABLE, end="2025-01-01T00:00:00.000001Z")),
    "line 'l' must start before it ends": contract(dict(RATABLE, start=FEB, end=FEB)),
    "a usage line needs rate": contract({"line_id": "l", "kind": "usage"}),
    "a ratable line needs total": contract({"line_id": "l", "kind": "ratable"}),
    "model per_unit needs unit_price": contract(usage()),
    "model graduated needs tiers": contract(usage(model="graduated", unit_price="1")),
    "model volume needs tiers": contract(usage(model="volume", tiers=[])),
    "model package needs package_size and package_price": contract(usage(model="package", package_size="1")),
    "package_size must be greater than zero": contract(usage(model="package", package_size="0", package_price="1")),
    "tiers must have ascending up_to above zero, tier 2": contract(usage(model="volume", tiers=tiers("2", "2", None))),
    "tiers must have ascending up_to above zero, tier 1": contract(usage(model="volume", tiers=tiers("0", "2"))),
    "only the last of the tiers": contract(usage(model="volume", tiers=tiers("2", None, None))),
    "included must not be negative": contract(usage(unit_price="1", included="-1")),
    "minimum must not exceed maximum": contract(usage(unit_price="1", minimum="2", maximum="1")),
    "expected > 0": contract({"line_id": "l", "kind": "milestone", "progress": {"incurred": "0", "expected": "0"}}),
    "total 1.005 must have at most 2 fraction digits": contract(dict(RATABLE, total="1.005")),
    "minimum 0.001 must have at most 2": contract(usage(unit_price="1", minimum="0.001")),
    "estimate 0.001 must": contract(RATABLE, variable=[{"id": "v", "estimate": "0.001"}]),
    "billed 0.001 must": contract(RATABLE, opening={"as_of": JAN, "billed": "0.001"}),
    "currency = 'usd'": contract(RATABLE, currency="usd"),
    "currency = 'USD\\n'": contract(RATABLE, currency="USD\n"),
    "version = 0": contract(RATABLE, version=0),
    "version = 1.0": contract(RATABLE, version=1.0),
    "version = True": contract(RATABLE, version=True),
    "version = '1'": contract(RATABLE, version="1"),
    "kind = 'signed'": contract(RATABLE, kind="signed"),
    "lines[0].distinct = 'true'": contract(dict(RATABLE, distinct="true")),
    "lines[0].total = 10": contract(dict(RATABLE, total=10)),
    "lines[0].method = 'weekly'": contract(dict(RATABLE, method="weekly")),
    "lines[0] = 'l'": contract("l"),
    "lines is missing": decode(topics.CONTRACTS, line_of(changed(CONTRACT, lines=None))),
    "customer_id is missing": contract(RATABLE, customer_id=None),
    "entity = ''": contract(RATABLE, entity=""),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_contract_that_contradicts_itself_is_invalid_and_says_why(reason):
    fault = REFUSED[reason]
    assert isinstance(fault, Fault)
    assert "invalid" == fault.cls
    assert reason in fault.reason


def test_the_order_of_keys_does_not_matter():
    reversed_keys = json.dumps(dict(reversed(CONTRACT.items()))).encode()
    assert decode(topics.CONTRACTS, line_of(CONTRACT)) == decode(topics.CONTRACTS, reversed_keys)


def test_a_selling_price_is_an_estimate_and_counts_in_whole_minor_units():
    record = contract(dict(RATABLE, ssp="1.5"), currency="JPY", variable=None, opening=None)
    assert isinstance(record, ContractEvent)
    assert 2 == record.to_version().lines[0].ssp
