"""The demo's input: what becomes of each kind of row in a FOCUS file, in both of its parts."""

from __future__ import annotations

import csv
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from ops.demo.charge import SAMPLE, Charge, read_charges
from ops.demo.focus import LEFT_OUT, contract_records, convert, meters, usage_record
from ops.demo.price_list import priced_by
from schemas.decode import decode
from schemas.fault import Fault


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("source")
    convert(directory)
    return directory


BILL, RESOLD = "usage.events/0.jsonl", "usage.events/1.jsonl"
LIST_PRICES, PRICE_LIST = "contracts.events/0.jsonl", "contracts.events/1.jsonl"
CLOSE = "control.events.jsonl"


def json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def charge(**changes: object) -> Charge:
    values: dict[str, object] = {
        "charge_id": "1",
        "provider": "AWS",
        "customer": "c",
        "category": "Usage",
        "pricing_category": "Standard",
        "sku": "SKU",
        "sku_price": "SKU.PRICE",
        "description": "an hour",
        "service": "Amazon Elastic Compute Cloud",
        "service_category": "Compute",
        "region": "us-west-2",
        "currency": "USD",
        "started": "2024-09-18T22:00:00Z",
        "quantity": "2.000000000000000",
        "unit": "Hours",
        "list_unit_price": "0.0000004",
        "list_cost": None,
        "billed": 0,
    }
    return Charge(**(values | changes))  # type: ignore[arg-type]


def test_a_row_becomes_an_event_with_its_digits_unchanged(converted: Path) -> None:
    expected = {
        "event_id": "11472",
        "source": "AWS",
        "customer_id": "51738928782",
        "contract_id": None,
        "meter": "G95FST5FTYV3JSRX.JRTCKXETXF.VXGXCWQKTY",
        "quantity": "2.000000000000000",
        "event_time": "2024-09-18T22:00:00Z",
        "dimensions": [
            {"key": "region", "value": "us-west-2"},
            {"key": "service_category", "value": "Integration"},
        ],
    }
    assert expected == json_lines(converted / BILL)[0]


def test_every_row_is_an_event_in_file_order(converted: Path) -> None:
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        expected = [(row["ProviderName"], row["Id"]) for row in csv.DictReader(file)]
    events = json_lines(converted / BILL)
    assert expected == [(event["source"], event["event_id"]) for event in events]
    assert len(expected) == 1000


def test_no_number_in_the_feed_is_a_json_number(converted: Path) -> None:
    def numbers(value: object) -> list[object]:
        if isinstance(value, dict | list):
            return [one for part in (value.values() if isinstance(value, dict) else value) for one in numbers(part)]
        return [value] if isinstance(value, int | float) else []

    for name in (BILL, RESOLD, LIST_PRICES, PRICE_LIST, CLOSE):
        found = [one for record in json_lines(converted / name) for one in numbers(record)]
        assert set(found) <= {1}, name  # the version of a contract is a count


def test_the_credit_stays_in_the_feed_without_a_quantity(converted: Path) -> None:
    credits = [event for event in json_lines(converted / BILL) if (event["meter"] or "").startswith("Credit/")]
    assert [(event["event_id"], event["quantity"]) for event in credits] == [("2555992", None)]


def test_usage_without_a_price_id_is_metered_by_its_sku() -> None:
    assert meters([charge(sku_price=None, sku="B92307")]) == ["B92307"]


def test_usage_without_any_sku_is_metered_by_its_description() -> None:
    assert meters([charge(sku_price=None, sku=None, description="Standard - E3")]) == ["Standard - E3"]


def test_usage_that_names_nothing_has_a_null_meter() -> None:
    nameless = charge(sku_price=None, sku=None, description=None)
    assert meters([nameless]) == [None]
    assert usage_record(nameless, None)["meter"] is None


def test_an_adjustment_never_shares_a_meter_with_usage_of_its_sku() -> None:
    rows = [charge(sku_price=None), charge(sku_price=None, category="Adjustment")]
    assert meters(rows) == ["SKU", "Adjustment/SKU"]
    assert [line["rate"]["meter"] for record in contract_records(rows, meters(rows)) for line in record["lines"]] == [
        "SKU"
    ]


def test_several_list_prices_of_one_sku_are_several_meters_of_that_customer_only() -> None:
    rows = [
        charge(list_unit_price="0.10"),
        charge(list_unit_price="0.09"),
        charge(list_unit_price="0.1"),
        charge(customer="other"),
    ]
    expected = ["SKU.PRICE@0.1", "SKU.PRICE@0.09", "SKU.PRICE@0.1", "SKU.PRICE"]
    assert expected == meters(rows)


def test_a_region_that_is_missing_is_no_dimension() -> None:
    expected = [{"key": "service_category", "value": "Compute"}]
    assert expected == usage_record(charge(region=None), "m")["dimensions"]


def test_a_contract_lists_each_meter_once_at_its_list_price() -> None:
    rows = [charge(), charge(charge_id="2"), charge(sku_price="ANOTHER", list_unit_price="0")]
    (contract,) = contract_records(rows, meters(rows))
    assert tuple(contract[key] for key in ("contract_id", "version", "kind", "entity", "currency")) == (
        "focus-c",
        1,
        "activated",
        "demo-us",
        "USD",
    )
    assert [(line["line_id"], line["rate"]["meter"], line["rate"]["unit_price"]) for line in contract["lines"]] == [
        ("u001", "ANOTHER", "0"),
        ("u002", "SKU.PRICE", "0.0000004"),
    ]
    assert {"amazon-elastic-compute-cloud"} == {line["product_id"] for line in contract["lines"]}


def test_a_meter_left_out_keeps_the_ids_of_the_other_lines() -> None:
    rows = [charge(sku_price=name) for name in ("a", "b", "c")]
    (contract,) = contract_records(rows, meters(rows), left_out=("c", "b"))
    assert [line["line_id"] for line in contract["lines"]] == ["u001", "u003"]


def test_one_customer_in_two_currencies_is_refused_by_name() -> None:
    rows = [charge(), charge(currency="EUR")]
    with pytest.raises(ValueError, match="customer c has charges in EUR"):
        contract_records(rows, meters(rows))


def test_the_sample_makes_a_contract_per_customer_and_a_line_per_meter_but_the_one_left_out(
    tmp_path: Path,
) -> None:
    conversion = convert(tmp_path)
    assert (
        conversion.events,
        conversion.contracts,
        conversion.lines,
        conversion.left_out,
    ) == (1000 + 566, 73 + 1, 480 + 4, LEFT_OUT)


def test_prices_fit_twelve_decimals_and_quantities_eighteen(converted: Path) -> None:
    def places(text: str) -> int:
        return -int(Decimal(text).as_tuple().exponent)

    events = json_lines(converted / BILL)
    assert max(places(event["quantity"]) for event in events if event["quantity"]) <= 18
    contracts = json_lines(converted / LIST_PRICES)
    prices = [line["rate"]["unit_price"] for contract in contracts for line in contract["lines"]]
    assert max(map(places, prices)) <= 12


def test_the_processor_accepts_every_record_but_the_credit(converted: Path) -> None:
    refused = [
        (name, number)
        for name in (BILL, RESOLD, LIST_PRICES, PRICE_LIST, CLOSE)
        for number, line in enumerate((converted / name).read_bytes().splitlines())
        if isinstance(decode(name.removesuffix(".jsonl").partition("/")[0], line), Fault)
    ]
    assert [(BILL, 456)] == refused


def test_a_second_conversion_writes_the_same_bytes(converted: Path, tmp_path: Path) -> None:
    convert(tmp_path)
    for name in (BILL, RESOLD, LIST_PRICES, PRICE_LIST, CLOSE):
        assert (converted / name).read_bytes() == (tmp_path / name).read_bytes()


def test_a_resold_row_keeps_its_digits_and_names_its_account(converted: Path) -> None:
    expected = {
        "event_id": "1445767",
        "source": "reseller-metering",
        "customer_id": "acme",
        "contract_id": None,
        "meter": "public-ip",
        "quantity": "1.000000000000000",
        "event_time": "2024-09-01T03:00:00Z",
        "dimensions": [{"key": "account", "value": "18938484842"}, {"key": "region", "value": "us-west-2"}],
    }
    assert expected == json_lines(converted / RESOLD)[0]


def test_the_resold_rows_are_those_of_the_four_services_on_the_price_list() -> None:
    counts = Counter(one.line_id for row in read_charges() if (one := priced_by(row)) is not None)
    assert {"data-transfer": 386, "compute-hours": 37, "public-ip": 42, "requests": 11} == counts


@pytest.mark.parametrize("changes", [{"category": "Adjustment"}, {"unit": "Seconds"}, {"quantity": None}])
def test_a_row_without_a_price_on_the_list_is_not_resold(changes: dict[str, object]) -> None:
    assert priced_by(charge()) is not None
    assert priced_by(charge(**changes)) is None


def test_the_rows_come_in_time_then_late_then_the_late_ones_once_more(converted: Path) -> None:
    events = json_lines(converted / RESOLD)
    times = [event["event_time"] for event in events]
    in_time, late, again = events[:-42], events[-42:-21], events[-21:]
    assert sorted(times[:-42]) == times[:-42]
    assert {("11353890204", "2024-09-29"), ("11353890204", "2024-09-30")} == {
        (event["dimensions"][0]["value"], event["event_time"][:10]) for event in late
    }
    assert late == again
    assert "2024-10-07" == in_time[-1]["event_time"][:10]


def test_the_start_of_october_is_the_first_week_of_september_a_month_later(converted: Path) -> None:
    events = json_lines(converted / RESOLD)
    told = [(one["event_id"], one["meter"], one["quantity"], one["event_time"]) for one in events]
    expected = [
        (f"october-{name}", meter, quantity, time.replace("2024-09", "2024-10"))
        for name, meter, quantity, time in told
        if time < "2024-09-08"
    ]
    assert expected == [one for one in told if one[3] >= "2024-10"]
    assert 69 == len(expected)


def test_the_late_rows_stand_behind_the_first_row_that_is_newer_than_the_close(converted: Path) -> None:
    (close,) = json_lines(converted / CLOSE)
    assert ("period_close", "demo-reseller", "2024-09") == (close["kind"], close["entity"], close["period"])
    newer = [event["event_time"] > close["event_time"] for event in json_lines(converted / RESOLD)]
    assert 0 < newer.index(True) < len(newer) - 42
