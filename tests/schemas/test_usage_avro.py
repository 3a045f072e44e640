"""Usage in Avro, read by the compiled reader: what it accepts is what fastavro and the model make of it, of whatever bytes."""

import copy
import io
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import fastavro
import polars as pl
import pytest

from schemas.dimensions import dimensions_text
from schemas.native import UsageReader, heads
from schemas.topics import TOPICS, USAGE
from schemas.usage import UsageEvent
from schemas.usage_avro import plain_quantity, quantity_scale, usage_reader
from schemas.usage_columns import SCHEMA

CURRENT = TOPICS[USAGE].avsc()
NODE = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "text", "type": "string"}, {"name": "n", "type": ["int", "null"]}],
}


def schema_with(**more) -> dict:
    """The topic's schema with more fields, before and behind its own."""
    schema = copy.deepcopy(CURRENT)
    fields = [{"name": name, "type": kind} for name, kind in more.items()]
    return {**schema, "fields": [*fields[:7], *schema["fields"], *fields[7:]]}


EVERYTHING = schema_with(
    flag="boolean", small="int", big="long", single="float", real="double", blob="bytes", text="string",
    exact={"type": "fixed", "name": "F", "size": 4}, choice={"type": "enum", "name": "E", "symbols": ["a", "b"]},
    several=["null", "string", "long", NODE], again=["null", "Node"], numbers={"type": "array", "items": "long"},
    named={"type": "map", "values": {"type": "array", "items": "Node"}}, nothing="null",
)  # fmt: skip
SMALL_SCALE = copy.deepcopy(CURRENT)
next(one for one in SMALL_SCALE["fields"] if one["name"] == "quantity")["type"] = {
    "type": "fixed", "name": "Q", "size": 12, "logicalType": "decimal", "precision": 28, "scale": 2,
}  # fmt: skip
SCHEMAS = {"ours": CURRENT, "with every kind of field": EVERYTHING, "a fixed quantity of scale 2": SMALL_SCALE}


def record(rng: random.Random, scale: int) -> dict:
    """Of usage, and of whatever else the schemas have."""
    text = "".join(rng.choices("aé日😀\x00", k=rng.choice((1, 2, 63, 64, 200))))
    node = {"text": text, "n": rng.choice((None, -(2**31), 2**31 - 1))}
    units = rng.randint(-(10**20), 10**20) if scale == 18 else rng.randint(-(10**19), 10**19)
    return {
        "event_id": text, "source": rng.choice(("s", text)), "customer_id": rng.choice("ab"),
        "contract_id": rng.choice((None, "", text)), "meter": "m", "quantity": Decimal(units).scaleb(-scale),
        "event_time": datetime(2025, 1, 1, tzinfo=UTC) + timedelta(microseconds=rng.randint(-(10**15), 10**15)),
        "dimensions": [{"key": rng.choice("xyz"), "value": rng.choice(("", '"\\', text))} for _ in range(rng.choice((0, 1, 3)))],
        "flag": True, "small": -1, "big": rng.choice((0, -(2**63), 2**63 - 1)), "single": 1.5, "real": -2.5, "blob": b"\xff",
        "text": text, "exact": b"1234", "choice": "b", "several": rng.choice((None, "x", 5, node)), "again": node,
        "numbers": [1, -64, 64], "named": {"k": [node, node]}, "nothing": None,
    }  # fmt: skip


def reader(schema: dict) -> UsageReader:
    found = reader_of(schema)
    assert found is not None
    return found


def reader_of(schema: dict, millis: bool = False) -> UsageReader | None:
    return usage_reader(fastavro.parse_schema(plain_quantity(schema)), quantity_scale(schema), millis)


def written(schema: dict, one: dict) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), one)
    return out.getvalue()


def as_model(schema: dict, body: bytes) -> UsageEvent | None:
    """What fastavro and the model make of bytes; None: nothing."""
    file = io.BytesIO(body)
    try:
        found = fastavro.schemaless_reader(file, fastavro.parse_schema(schema), None)
        return UsageEvent.model_validate(found) if file.tell() == len(body) else None
    except Exception:  # whatever damaged bytes make the decoder say
        return None


def values(model: UsageEvent) -> tuple:
    dimensions = dimensions_text((one.key, one.value) for one in model.dimensions)
    return (
        model.event_id, model.source, model.customer_id, model.contract_id, model.meter, model.event_time, model.quantity,
        dimensions,
    )  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_records_have_the_values_that_they_were_written_with(schema):
    rng = random.Random(1)
    bodies = [written(schema, record(rng, 2 if schema is SMALL_SCALE else 18)) for _ in range(300)]
    columns, refused = reader(schema).read(bodies, b"")
    assert [] == refused
    rows = pl.DataFrame(columns).select(*SCHEMA)
    assert SCHEMA == rows.schema
    assert [values(as_model(schema, body)) for body in bodies] == [row[1:] for row in rows.iter_rows()]


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_what_is_accepted_of_damaged_bytes_is_what_others_read_in_them(schema):
    accepted = 0
    for seed in range(300):
        rng = random.Random(seed)
        body = bytearray(written(schema, record(rng, 2 if schema is SMALL_SCALE else 18)))
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(body))
            match rng.randrange(4):
                case 0:
                    body[at] ^= 1 << rng.randrange(8)
                case 1:
                    del body[at : at + rng.randint(1, 5)]
                case 2:
                    body[at:at] = rng.randbytes(rng.randint(1, 12))
                case _:
                    del body[at:]
            body = body or bytearray(b"\x00")
        columns, refused = reader(schema).read([bytes(body)], b"")
        if not refused:
            accepted += 1
            (row,) = pl.DataFrame(columns).select(*SCHEMA).iter_rows()
            assert values(as_model(schema, bytes(body))) == row[1:], f"seed {seed}"
    assert accepted > 10  # else nothing was compared


def test_dimensions_that_are_no_texts_are_refused_and_those_of_their_neighbours_are_not():
    one = record(random.Random(1), 18)
    good = written(CURRENT, {**one, "dimensions": [{"key": "key", "value": "value"}]})
    bad = [good.replace(b"value", b"valu\xff"), good.replace(b"key", b"ke\xc3"), good.replace(b"\x06key", b"\x00")]
    columns, refused = reader(CURRENT).read([good, *bad, good, *bad], b"")
    assert [1, 2, 3, 5, 6, 7] == refused
    assert [(0, '[["key","value"]]'), (4, '[["key","value"]]')] == pl.DataFrame(columns).select(
        "row", "dimensions"
    ).rows()


def test_a_block_is_split_into_its_records_and_nothing_else():
    rng = random.Random(2)
    bodies = [written(EVERYTHING, record(rng, 18)) for _ in range(50)]
    one = reader(EVERYTHING)
    assert bodies == one.split(b"".join(bodies), 50)
    assert None is one.split(b"".join(bodies), 49)
    assert None is one.split(b"".join(bodies), 51)
    assert None is one.split(b"".join(bodies)[:-1], 50)
    assert None is one.split(b"", 2**40)  # takes no memory for what is not there
    assert [] == one.split(b"", 0)


def test_values_without_the_head_are_refused():
    body = written(CURRENT, record(random.Random(3), 18))
    _, refused = reader(CURRENT).read([b"\x00" + body, body, None, b"", b"\x00"], b"\x00")
    assert [1, 2, 3, 4] == refused


def test_heads_are_told_once_with_their_first_row():
    assert [(b"ab", 0), (b"", 2), (b"c", 3), (b"xy", 5)] == heads([b"abc", b"abd", None, b"c", b"", b"xyz", b"ab"], 2)
    assert [] == heads([], 5)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "quantity", "type": "bytes"},
        {"name": "quantity", "type": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 19}},
        {"name": "dimensions", "type": {"type": "map", "values": "string"}},
    ],
)
def test_a_schema_whose_fields_mean_something_else_has_no_columns(change):
    fields = [change if one["name"] == change["name"] else one for one in CURRENT["fields"]]
    assert None is reader_of({**CURRENT, "fields": fields})


def test_milliseconds_become_microseconds():
    body = written(CURRENT, {**record(random.Random(4), 18), "event_time": datetime.fromtimestamp(1.7e3, UTC)})
    columns, _ = reader_of(CURRENT, millis=True).read([body], b"")
    assert 1_700_000_000 * 1_000 == pl.DataFrame(columns)["event_time"].item()


def test_a_time_that_no_calendar_has_is_refused():
    for millis in (False, True):
        one = reader_of(CURRENT, millis)
        schema = copy.deepcopy(CURRENT)
        next(field for field in schema["fields"] if field["name"] == "event_time")["type"] = "long"
        for time in (2**63 - 1, -(2**63), 2**60):
            body = written(schema, {**record(random.Random(5), 18), "event_time": time})
            assert [0] == one.read([body], b"")[1]
