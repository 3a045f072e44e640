"""The Avro schemas say what the models say, and records go through them unchanged."""

import io
import typing
from decimal import Decimal

import fastavro
import polars as pl
import pytest

from schemas import topics
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fields import Record
from schemas.topics import INPUTS, OUTPUTS, TOPICS
from tests.schemas.examples import EXAMPLES, line_of

SCALES = {
    "quantity": 18,
    "unit_price": 12,
    "total": 4,
    "amount": 4,
    "rate": 18,
    "fx_rate": 18,
    "package_price": 12,
}

NEEDED_BY_KIND = {
    topics.CONTRACTS: ("end",),
    topics.BILLING: ("credit_note_id", "amount"),
    topics.CONTROL: ("actor", "approver", "entity", "period"),
}


def named_types(schema, found):
    """Collect every record and enum of a schema by its short name."""
    if isinstance(schema, list):
        for branch in schema:
            named_types(branch, found)
    elif isinstance(schema, dict):
        if "name" in schema:
            found[schema["name"]] = schema
        for part in (schema.get("items"), schema.get("type") if "fields" not in schema else None):
            named_types(part, found)
        for field in schema.get("fields", ()):
            named_types(field["type"], found)
    return found


def records_in(annotation):
    """The models an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in records_in(part)]


def record_in(schema):
    """The Avro record a field's type mentions, or None."""
    if isinstance(schema, str):
        return None
    if isinstance(schema, list):
        return next((found for branch in schema if (found := record_in(branch))), None)
    if schema["type"] == "array":
        return record_in(schema["items"])
    return schema if schema["type"] == "record" else None


def assert_same_fields(model, schema):
    """Assert that a model and an Avro record have the same fields, in order, and so down the tree."""
    fields = {info.alias or name: info for name, info in model.model_fields.items()}
    assert list(fields) == [field["name"] for field in schema["fields"]], model
    for field in schema["fields"]:
        info = fields[field["name"]]
        assert info.is_required() == ("default" not in field), (model, field["name"])
        nested, inner = records_in(info.annotation), record_in(field["type"])
        assert bool(nested) == bool(inner), (model, field["name"])
        if nested:
            assert_same_fields(nested[0], inner)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_model_has_the_fields_of_its_avro_schema(topic):
    assert_same_fields(TOPICS[topic].model, TOPICS[topic].avsc())


@pytest.mark.parametrize("topic", TOPICS)
def test_every_field_is_documented_and_every_optional_one_defaults_to_null_or_none(topic):
    for schema in named_types(TOPICS[topic].avsc(), {}).values():
        assert schema["doc"], schema["name"]
        for field in schema.get("fields", ()):
            assert field["doc"], field["name"]
            if "default" in field:
                assert field["default"] in (None, []), field["name"]
                kind = field["type"][0] if field["default"] is None else field["type"]["type"]
                assert kind == ("null" if field["default"] is None else "array"), field["name"]


@pytest.mark.parametrize("topic", TOPICS)
def test_decimals_have_their_scale_and_instants_microseconds(topic):
    for schema in named_types(TOPICS[topic].avsc(), {}).values():
        for field in schema.get("fields", ()):
            plain = field["type"][1] if isinstance(field["type"], list) else field["type"]
            logical = plain.get("logicalType") if isinstance(plain, dict) else None
            if logical == "decimal":
                assert SCALES.get(field["name"], plain["scale"]) == plain["scale"], field["name"]
                assert 38 == plain["precision"]
            elif logical is not None:
                assert logical == ("date" if field["name"] == "accounting_date" else "timestamp-micros")


@pytest.mark.parametrize("topic", TOPICS)
def test_no_schema_has_a_map_which_polars_cannot_read(topic):
    assert '"map"' not in str(TOPICS[topic].avsc()).replace("'", '"')


@pytest.mark.parametrize("topic", TOPICS)
def test_a_record_goes_through_avro_unchanged(topic):
    record = decode(topic, line_of(EXAMPLES[topic]))
    assert isinstance(record, Record)
    schema = fastavro.parse_schema(TOPICS[topic].avsc())
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, avro_record(record), strict=True)
    buffer.seek(0)
    assert record == TOPICS[topic].model.model_validate(fastavro.schemaless_reader(buffer, schema, None))


@pytest.mark.parametrize("topic", TOPICS)
def test_a_record_with_only_what_is_required_goes_through_avro(topic):
    example = EXAMPLES[topic]
    required = {info.alias or name for name, info in TOPICS[topic].model.model_fields.items() if info.is_required()}
    required.update(NEEDED_BY_KIND.get(topic, ()))
    record = decode(topic, line_of({name: example[name] for name in required}))
    assert isinstance(record, Record), record
    schema = fastavro.parse_schema(TOPICS[topic].avsc())
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, avro_record(record))
    buffer.seek(0)
    assert record == TOPICS[topic].model.model_validate(fastavro.schemaless_reader(buffer, schema, None))


@pytest.mark.parametrize("topic", TOPICS)
def test_polars_reads_a_container_of_every_topic(topic):
    record = decode(topic, line_of(EXAMPLES[topic]))
    assert isinstance(record, Record)
    buffer = io.BytesIO()
    fastavro.writer(buffer, fastavro.parse_schema(TOPICS[topic].avsc()), [avro_record(record)] * 3)
    buffer.seek(0)
    frame = pl.read_avro(buffer)
    assert 3 == frame.height
    assert [field["name"] for field in TOPICS[topic].avsc()["fields"]] == frame.columns


def test_polars_reads_quantities_and_instants_exactly():
    record = decode(topics.USAGE, line_of(EXAMPLES[topics.USAGE]))
    assert isinstance(record, Record)
    buffer = io.BytesIO()
    fastavro.writer(buffer, fastavro.parse_schema(TOPICS[topics.USAGE].avsc()), [avro_record(record)])
    buffer.seek(0)
    frame = pl.read_avro(buffer)
    assert Decimal("-12.000000000000000001") == frame["quantity"].item()
    assert record.model_dump()["event_time"] == frame["event_time"].cast(pl.Int64).item()


def test_every_topic_is_an_input_or_an_output():
    assert set(TOPICS) == {*INPUTS, *OUTPUTS}
    assert 10 == len(TOPICS)
