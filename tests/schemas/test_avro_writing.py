"""What we write without a model is byte for byte what fastavro writes of the model's record."""

import io
import json
from decimal import Decimal

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro_writing import record_writer
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fields import Record
from schemas.topics import JOURNAL, OUTPUTS, TOPICS
from tests.schemas.examples import EXAMPLES, line_of

WRITERS = {topic: record_writer(TOPICS[topic].avsc()) for topic in OUTPUTS}
SCHEMAS = {topic: fastavro.parse_schema(TOPICS[topic].avsc()) for topic in OUTPUTS}


def fastavros(topic, example) -> bytes:
    record = decode(topic, line_of(example))
    assert isinstance(record, Record), record
    out = io.BytesIO()
    fastavro.schemaless_writer(out, SCHEMAS[topic], avro_record(record), strict=True)
    return out.getvalue()


@pytest.mark.parametrize("topic", OUTPUTS)
def test_an_example_of_each_topic_has_fastavros_bytes(topic):
    assert fastavros(topic, EXAMPLES[topic]) == WRITERS[topic](json.loads(line_of(EXAMPLES[topic])))


@pytest.mark.parametrize("topic", OUTPUTS)
def test_what_is_missing_or_null_is_the_default(topic):
    model = TOPICS[topic].model
    optional = [info.alias or name for name, info in model.model_fields.items() if not info.is_required()]
    example = EXAMPLES[topic]
    for name in (one for one in optional if one != "catch_up"):  # which the model has as zero, and we always say
        without = {key: value for key, value in example.items() if key != name}
        assert fastavros(topic, without) == WRITERS[topic](without) == WRITERS[topic]({**without, name: None}), name


@given(
    st.decimals(min_value=-(10**30), max_value=10**30, places=4, allow_nan=False, allow_infinity=False),
    st.integers(1, 2**31),
    st.text(min_size=1, max_size=100).filter(lambda text: text.isprintable()),
)
def test_any_amount_number_and_text_has_fastavros_bytes(amount: Decimal, sequence: int, text: str):
    example = {**EXAMPLES[JOURNAL], "sequence": sequence, "customer_id": text}
    example["lines"] = [{**example["lines"][0], "functional_amount": f"{amount:f}"}]
    assert fastavros(JOURNAL, example) == WRITERS[JOURNAL](example)


@pytest.mark.parametrize(
    ("field", "value"),
    [("sequence", "1"), ("sequence", 1.0), ("sequence", True), ("sequence", 2**63), ("entry_id", 7), ("entry_id", None),
     ("lines", "none"), ("lines", None), ("accounting_date", "31.01.2024"),
     ("window", {"meter": "m", "start": "now", "end": "", "revision": 1}),
     ("lines", [{"account": "a", "side": "debit", "amount": 1.5}]),
     ("lines", [{"account": "a", "side": "debit", "amount": "0.00001"}])],
)  # fmt: skip
def test_what_is_not_of_the_schemas_types_is_refused(field, value):
    with pytest.raises((TypeError, ValueError, KeyError, AttributeError)):
        WRITERS[JOURNAL]({**EXAMPLES[JOURNAL], field: value})
