"""CloudEvents in usage files: their type names the meter, or the settings say which one."""

import json

import pytest

from schemas.decode import decode
from schemas.dimensions import dimensions_text
from schemas.fault import Fault
from schemas.usage_columns import decode_usage
from tests.support.world import World, line, usage


def cloud_event(record, kind):
    """The same usage as a CloudEvent of a type."""
    return {
        "specversion": "1.0",
        "id": record["event_id"],
        "source": record["source"],
        "type": kind,
        "subject": record["customer_id"],
        "time": record["event_time"],
        "data": {"quantity": record["quantity"], "contract_id": record["contract_id"]},
    }


@pytest.fixture
def worlds(tmp_path):
    """A plain world, and one with the same usage as CloudEvents of the types api.call and storage."""
    made = []
    for name in ("plain", "cloud"):
        (tmp_path / name).mkdir()
        made.append(World(tmp_path / name).contract(line("l", "m"), line("s", "storage")))
    for day in range(1, 10):
        record = usage(f"u{day}", day, meter="storage" if day % 3 == 0 else "m")
        made[0].send(record)
        made[1].send(cloud_event(record, "storage" if day % 3 == 0 else "api.call"))
    return made


def test_the_mapping_of_the_environment_names_the_meters(worlds):
    plain, cloud = worlds
    expected, got = plain.run(), cloud.run(ACCRUAL_CLOUDEVENT_METERS='{"api.call": "m"}')
    assert expected.result.tally == got.result.tally
    assert "54.00" == plain.revenue()
    assert plain.lines("revenue.journal") == cloud.lines("revenue.journal")


def test_the_mapping_of_the_settings_file_names_the_meters_in_every_process(worlds):
    plain, cloud = worlds
    (cloud.root / "accrual.toml").write_text('[cloudevent_meters]\n"api.call" = "m"\n')
    plain.run()
    assert 0 == cloud.process("--workers", "2").code
    assert plain.lines("revenue.journal") == cloud.lines("revenue.journal")


def test_a_type_that_is_not_mapped_is_the_meter(worlds):
    _, cloud = worlds
    assert 0 == cloud.run().code
    assert {"meter_unmapped"} == {one["class"] for one in cloud.exceptions()}
    assert "18.00" == cloud.revenue()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("{", "cloudevent_meters"),
        ('["m"]', "setting cloudevent_meters (ACCRUAL_CLOUDEVENT_METERS)"),
        ('{"api.call": ""}', "setting cloudevent_meters (ACCRUAL_CLOUDEVENT_METERS)"),
        (json.dumps({"api.call": 3}), "setting cloudevent_meters (ACCRUAL_CLOUDEVENT_METERS)"),
    ],
)
def test_a_mapping_that_is_none_is_wrong_configuration(worlds, value, told):
    ended = worlds[1].run(ACCRUAL_CLOUDEVENT_METERS=value)
    assert 2 == ended.code
    assert told in ended.told


WHOLE = cloud_event(usage("a", 3, contract_id=None), "api.call")
VARIANTS = [
    WHOLE,
    {**WHOLE, "type": "other"},
    {**WHOLE, "event_id": None},
    {**WHOLE, "event_id": "e"},
    {**WHOLE, "specversion": None},
    {**WHOLE, "specversion": 1.0},
    {**WHOLE, "id": ""},
    {**WHOLE, "subject": None},
    {**WHOLE, "data": None},
    {**WHOLE, "data": []},
    {**WHOLE, "data": {}},
    {**WHOLE, "data": {"quantity": 3}},
    {**WHOLE, "data": {"quantity": "1e2", "contract_id": "k", "more": {"a": [1e400]}}},
    {**WHOLE, "data": {"quantity": "1.5", "dimensions": [{"key": "b", "value": "2"}, {"key": "a", "value": "1"}]}},
    {**WHOLE, "data": {"quantity": "1.5", "dimensions": [{"key": "", "value": "2"}]}},
    {**WHOLE, "time": "2025-01-03T11:00:00+01:00"},
    {**WHOLE, "time": "yesterday"},
    {**WHOLE, "quantity": "9", "meter": "m", "customer_id": "x"},
    {**WHOLE, "quantity": "9", "meter": "m", "customer_id": "x", "event_id": "e", "event_time": "2025-01-03T11:00:00Z"},
    usage("b", 3),
    {},
]


def test_many_at_once_are_decoded_as_each_by_itself():
    """Lines of both forms among each other, on the fast path and beside it."""
    meters = {"api.call": "m"}
    lines = [json.dumps(one).encode() for one in VARIANTS * 120]
    got = decode_usage(lines, meters)
    rows = {row["row"]: row for row in got.rows.iter_rows(named=True)}
    faults = dict(got.faults)
    assert set(range(len(lines))) == {*rows, *faults}
    assert sorted(rows) == got.rows["row"].to_list()
    for number, line_of in enumerate(lines):
        expected = decode("usage.events", line_of, meters)
        if isinstance(expected, Fault):
            assert expected == faults[number]
            continue
        row = rows[number]
        texts = ("event_id", "source", "customer_id", "contract_id", "meter", "event_time", "quantity")
        assert [getattr(expected, name) for name in texts] == [row[name] for name in texts]
        pairs = ((one.key, one.value) for one in expected.dimensions)
        assert dimensions_text(pairs) == row["dimensions"]
