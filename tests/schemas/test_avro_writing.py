"""What we write without a model is byte for byte what fastavro writes of the model's record."""

import base64
import io
import json
from datetime import date
from decimal import Decimal

import fastavro
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.decimals import parse_decimal, scaled
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fields import Record
from schemas.instants import EARLIEST, LATEST, instant_text, parse_instant
from schemas.native import RecordWriter
from schemas.topics import JOURNAL, OUTPUTS, TOPICS
from tests.schemas.examples import EXAMPLES, line_of

WRITERS = {topic: RecordWriter(json.dumps(TOPICS[topic].avsc())) for topic in OUTPUTS}
SCHEMAS = {topic: fastavro.parse_schema(TOPICS[topic].avsc()) for topic in OUTPUTS}


def fastavros(topic, example) -> bytes:
    record = decode(topic, line_of(example))
    assert isinstance(record, Record), record
    out = io.BytesIO()
    fastavro.schemaless_writer(out, SCHEMAS[topic], avro_record(record), strict=True)
    return out.getvalue()


def ours(topic, example) -> bytes:
    return WRITERS[topic].write(b"", msgspec.json.encode(example))


@pytest.mark.parametrize("topic", OUTPUTS)
def test_an_example_of_each_topic_has_fastavros_bytes(topic):
    assert fastavros(topic, EXAMPLES[topic]) == ours(topic, json.loads(line_of(EXAMPLES[topic])))


@pytest.mark.parametrize("topic", OUTPUTS)
def test_what_is_missing_or_null_is_the_default(topic):
    model = TOPICS[topic].model
    optional = [info.alias or name for name, info in model.model_fields.items() if not info.is_required()]
    example = EXAMPLES[topic]
    for name in (one for one in optional if one != "catch_up"):  # which the model has as zero, and we always say
        without = {key: value for key, value in example.items() if key != name}
        assert fastavros(topic, without) == ours(topic, without) == ours(topic, {**without, name: None}), name


@given(
    st.decimals(min_value=-(10**30), max_value=10**30, places=4, allow_nan=False, allow_infinity=False),
    st.integers(1, 2**31),
    st.text(min_size=1, max_size=100).filter(lambda text: text.isprintable()),
)
def test_any_amount_number_and_text_has_fastavros_bytes(amount: Decimal, sequence: int, text: str):
    example = {**EXAMPLES[JOURNAL], "sequence": sequence, "customer_id": text}
    example["lines"] = [{**example["lines"][0], "functional_amount": f"{amount:f}"}]
    assert fastavros(JOURNAL, example) == ours(JOURNAL, example)


@pytest.mark.parametrize(
    ("field", "value"),
    [("sequence", "1"), ("sequence", 1.0), ("sequence", True), ("sequence", 2**63), ("entry_id", 7), ("entry_id", None),
     ("lines", "none"), ("lines", None), ("accounting_date", "31.01.2024"),
     ("window", {"meter": "m", "start": "now", "end": "", "revision": 1}),
     ("lines", [{"account": "a", "side": "debit", "amount": 1.5}]),
     ("lines", [{"account": "a", "side": "debit", "amount": "0.00001"}])],
)  # fmt: skip
def test_what_is_not_of_the_schemas_types_is_refused(field, value):
    with pytest.raises(ValueError, match=rf"^{field}: "):
        ours(JOURNAL, {**EXAMPLES[JOURNAL], field: value})


def read(kind: str | dict[str, object], plain: str, text: str) -> object:
    """What a leaf says, by its plain type; None where it is refused."""

    def schema(of: object) -> dict[str, object]:
        return {"type": "record", "name": "r", "fields": [{"name": "v", "type": of}]}

    try:
        written = RecordWriter(json.dumps(schema(kind))).write(b"head", msgspec.json.encode({"v": text}))
    except ValueError:
        return None
    found = fastavro.schemaless_reader(io.BytesIO(written.removeprefix(b"head")), schema(plain), None)
    assert isinstance(found, dict)
    return found["v"]


def or_none(make, *given):
    try:
        return make(*given)
    except ValueError:
        return None


DIGITS = r"[0-9]{0,42}"


@given(
    st.from_regex(rf"[+-]?{DIGITS}(\.{DIGITS})?([eE][+-]?[0-9]{{0,3}})?", fullmatch=True), st.sampled_from([0, 4, 18])
)
@example("-128", 0)
@example("9" * 38, 0)
@example("1" + "0" * 38, 0)
@example("1e34", 4)
@example("1e35", 4)
@example("0.00010e3", 4)
@example("-0.0", 18)
@example("1_0", 4)
@example("\u0661", 4)
@example("1e9999999999999999999999", 4)
def test_a_decimal_is_read_as_everywhere_else(text: str, scale: int):
    found = read({"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": scale}, "bytes", text)
    expected = or_none(lambda: scaled(parse_decimal(text, scale), scale))
    assert expected == (None if found is None else int.from_bytes(found, "big", signed=True))


CLOCK = "[0-2][0-9]:[0-6][0-9]"


@given(
    st.one_of(
        st.integers(EARLIEST, LATEST).map(instant_text),
        st.from_regex(
            rf"[0-9]{{4}}-[01][0-9]-[0-3][0-9][Tt ]{CLOCK}:[0-6][0-9](\.[0-9]{{0,6}}0{{0,4}})?([Zz]|[+-]{CLOCK})",
            fullmatch=True,
        ),
    )
)
@example("0001-01-01T00:00:00+00:01")
@example("0001-01-01T00:00:00Z")
@example("9999-12-31T23:59:59.999999Z")
@example("9999-12-31T23:59:59.999999-00:01")
@example("2023-02-29T00:00:00Z")
@example("2024-02-29T24:00:00Z")
@example("0000-02-28T00:00:00Z")
@example("2024-02-29T00:00:00.1234567Z")
@example("2024-02-29T00:00:00.1234560Z")
@example("2024-02-29T00:00:00.Z")
@example("2024-02-29T00:00:00")
@example("2024-02-29T00:00:0\u0661Z")
@example("2024-02-29T00:00:00+1:000")
def test_an_instant_is_read_as_everywhere_else(text: str):
    expected = or_none(parse_instant, text)
    assert expected == read({"type": "long", "logicalType": "timestamp-micros"}, "long", text)


@given(st.one_of(st.dates().map(str), st.from_regex(r"[0-9]{3,5}-[0-9]{1,3}-[0-9]{1,3}", fullmatch=True)))
@example("0001-01-01")
@example("2023-02-29")
@example("2024-02-29 ")
@example("2024-02")
def test_a_date_is_read_as_everywhere_else(text: str):
    expected = or_none(lambda: date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal())
    assert expected == read({"type": "int", "logicalType": "date"}, "int", text)


@given(st.binary(max_size=40), st.text(alphabet="AB+/=-_ \n", max_size=8))
def test_bytes_are_read_from_base64(payload: bytes, text: str):
    assert payload == read("bytes", "bytes", base64.b64encode(payload).decode())
    assert read("bytes", "bytes", text) in (None, or_none(lambda: base64.b64decode(text, validate=True)))


@pytest.mark.parametrize("schema", ['"float"', '["string", "null"]', '["null", "int", "string"]', "{}", "7", "{"])
def test_a_schema_that_none_of_our_topics_has_is_refused(schema):
    with pytest.raises(ValueError, match=r"."):
        RecordWriter(schema)
