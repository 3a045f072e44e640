"""Messages as a broker gives them: what is a record is read, whatever its neighbours are."""

import copy
import io
import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import fastavro
import pytest

from connectors.avro_form import AvroForm, FormUnusable
from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from schemas.fault import Fault
from schemas.topics import REFERENCE, TOPICS, USAGE
from schemas.usage_columns import SCHEMA

CURRENT = TOPICS[USAGE].avsc()
OLD = copy.deepcopy(CURRENT)  # an older writer: without dimensions, millisecond times
OLD["fields"] = [one for one in OLD["fields"] if one["name"] != "dimensions"]
OLD["fields"][-1]["type"] = {"type": "long", "logicalType": "timestamp-millis"}
WIDE = copy.deepcopy(CURRENT)  # a newer one: with a field that we do not know, and a map, which has no columns
WIDE["fields"].append({"name": "labels", "type": {"type": "map", "values": "string"}, "default": {}})
DEEP = copy.deepcopy(CURRENT)  # newer ones that a few bytes can blow up
_NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
DEEP["fields"].append({"name": "tree", "type": ["null", _NODE], "default": None})
HOLES = copy.deepcopy(CURRENT)
HOLES["fields"].append({"name": "holes", "type": {"type": "array", "items": "null"}, "default": []})
EMPTY = TOPICS[REFERENCE].avsc()
EMPTY = {**EMPTY, "fields": [*EMPTY["fields"], {
    "name": "more", "default": [],
    "type": {"type": "array", "items": {"type": "record", "name": "Nothing", "fields": [{"name": "n", "type": "null"}]}},
}]}  # fmt: skip
SCHEMAS = {1: CURRENT, 2: OLD, 3: WIDE, 4: TOPICS[REFERENCE].avsc(), 5: DEEP, 6: HOLES, 7: EMPTY}


class Known:
    """A registry that holds these."""

    def schema(self, number):
        return SCHEMAS.get(number)


def forms(topic=USAGE):
    return Forms(topic, Known())


def head(number: int) -> bytes:
    return b"\x00" + number.to_bytes(4, "big")


def zigzag(value: int) -> bytes:
    """A size as Avro writes it."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, "long", value)
    return out.getvalue()


def message(number: int, record: dict) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMAS[number]), record)
    return head(number) + out.getvalue()


def usage(event_id: str, **changes: object) -> dict:
    return {
        "event_id": event_id, "source": "app", "customer_id": "c", "contract_id": None, "meter": "calls",
        "quantity": Decimal("1.5"), "event_time": datetime(2026, 1, 5, tzinfo=UTC), "dimensions": [], "labels": {},
        "tree": None, "holes": [],
        **changes,
    }  # fmt: skip


def drawn(rng: random.Random, event_id: str) -> dict:
    """A record with whatever lengths fields can have."""
    return usage(
        event_id, source="ä" * rng.choice((1, 31, 32, 63, 64)), contract_id=rng.choice((None, "k" * rng.randint(1, 90))),
        quantity=Decimal(rng.randint(-(10 ** rng.randint(0, 37)), 10 ** rng.randint(0, 37))).scaleb(-18),
        event_time=datetime(2025, 1, 1, tzinfo=UTC) + timedelta(milliseconds=rng.randint(0, 10 ** rng.randint(1, 10))),
        dimensions=[{"key": f"k{one}", "value": "v" * rng.randint(0, 70)} for one in range(rng.choice((0, 0, 1, 3, 70)))],
    )  # fmt: skip


def damaged(rng: random.Random, value: bytes) -> bytes | None:
    """A message after something has happened to it."""
    at = rng.randrange(len(value))
    return rng.choice([
        None, b"", value[:at], value + b"\x00", value[:at] + bytes([value[at] ^ (1 << rng.randrange(8))]) + value[at + 1 :],
        value + message(1, usage("inside")), head(1), value[:5] + rng.randbytes(rng.randint(0, 40)), b'{"event_id": "e"}',
        head(9) + value[5:], head(4) + value[5:],
    ])  # fmt: skip


def outcome(values) -> tuple[dict[int, tuple], dict[int, Fault]]:
    """What each row is."""
    found = Messages(values, forms()).columns()
    return {row[0]: row[1:] for row in found.rows.iter_rows()}, dict(found.faults)


def test_a_message_is_what_it_is_alone_whatever_its_neighbours_are():
    for seed in range(60):
        rng = random.Random(seed)
        names = (rng.choice(("e", "e", head(1).decode())) + str(row) for row in range(rng.randint(1, 60)))
        values = [message(rng.choice((1, 1, 1, 2, 3)), drawn(rng, name)) for name in names]
        for _ in range(rng.choice((0, 1, 2, 10))):
            at = rng.randrange(len(values))
            values[at] = damaged(rng, values[at] or message(1, usage("e")))
        rows, faults = outcome(values)
        for row, value in enumerate(values):
            alone, fault = outcome([value])
            assert (alone.get(0), fault.get(0)) == (rows.get(row), faults.get(row)), f"seed {seed}, row {row}"
        assert len(values) == len(rows) + len(faults), f"seed {seed}"


def test_a_message_that_is_cut_and_one_with_too_much_do_not_even_out():
    first, second, third = (message(1, usage(name)) for name in ("aa", "bb", "cc"))
    rows, faults = outcome([first[:-1], second + b"\x00", third])
    assert [2] == list(rows)
    assert [0, 1] == sorted(faults)


@pytest.mark.parametrize("bad", [(1, 2), (2, 0), (0, 1)])
def test_a_message_that_holds_another_one_and_one_that_holds_none_do_not_even_out(bad):
    whole, nothing = bad
    values = [message(1, usage(name)) for name in ("aa", "bb", "cc")]
    values[whole], values[nothing] = values[whole] + values[nothing], head(1)
    rows, faults = outcome(values)
    assert {0, 1, 2}.difference(bad) == set(rows)
    assert sorted(bad) == sorted(faults)


@pytest.mark.parametrize("rest", [b"", b"\x00"])
def test_the_head_of_messages_may_stand_inside_a_text(rest):
    strange = usage(head(1).decode() * 3)
    values = [message(1, usage("aa")), message(1, strange), message(1, usage("cc")) + rest]
    rows, faults = outcome(values)
    assert strange["event_id"] == rows[1][0]
    assert (([0, 1], [2]) if rest else ([0, 1, 2], [])) == (list(rows), list(faults))


@pytest.mark.parametrize(
    "value, cls, reason",
    [
        (None, "undecodable", "has no value"),
        (b'{"event_id": "e"}', "undecodable", "begins with 7b 22 65 76 65, not with 00"),
        (b"\x00\x00", "undecodable", "begins with 00 00, not"),
        (head(9) + b"abc", "schema_unknown", "no schema has the number 9"),
        (head(4) + b"abc", "schema_unknown", "schema 4 is none of this topic"),
        (head(1), "undecodable", "its 0 bytes are no record"),
        (head(1) + b"\xc8\x01abc", "undecodable", "its 5 bytes are no record"),  # a text that says it has 100 bytes
        (head(1) + b"\x80\x80\x80\x80\x80\x01abc", "undecodable", "are no record"),  # 16 GB
        (message(1, usage("e")) + b"..", "undecodable", "2 of its"),
        (message(1, usage("e")).replace(b"calls", b"c\xffll\xfe"), "undecodable", "utf-8"),
        (message(1, usage("")), "invalid", "event_id"),
    ],
)  # fmt: skip
def test_a_message_that_is_no_record_says_why_and_its_neighbours_are_read(value, cls, reason):
    good = message(1, usage("e"))
    found = Messages([good, value, good], forms()).columns()
    assert [0, 2] == found.rows["row"].to_list()
    ((row, fault),) = found.faults
    assert (1, cls) == (row, fault.cls)
    assert reason in fault.reason


def test_an_array_that_claims_to_be_endless_takes_no_memory():
    # 2^61 dimensions, none of them there.
    claims = message(1, usage("e"))[:-1] + b"\x80\x80\x80\x80\x80\x80\x80\x80\x40"
    rows, faults = outcome([message(1, usage("a")), claims, message(1, usage("b"))])
    assert ([0, 2], [1]) == (list(rows), list(faults))


def test_versions_of_a_schema_may_stand_in_one_topic():
    at = datetime(2026, 1, 5, 1, 2, 3, 4000, tzinfo=UTC)
    rows, faults = outcome([message(number, usage(f"e{number}", event_time=at)) for number in (3, 1, 2, 1)])
    assert {} == faults
    assert ["e3", "e1", "e2", "e1"] == [rows[row][0] for row in range(4)]
    assert 1 == len({row[5] for row in rows.values()})  # microseconds, whoever wrote them


def test_what_is_kept_of_a_message_is_the_line_that_states_the_same():
    messages = Messages([message(1, usage("e")), b"\x01\x02"], forms())
    assert messages.payload(0).startswith(b'{"event_id":"e","source":"app","customer_id":"c"')
    assert b"\x01\x02" == messages.payload(1)


def test_records_of_other_topics_are_read_one_by_one():
    record = {"event_id": "e", "source": "s", "event_time": datetime(2026, 1, 5, tzinfo=UTC), "kind": "entity", "id": "us",
              "effective_from": None, "currency": "USD"}  # fmt: skip
    good = message(4, record)
    found = Messages([good, good[:-1], None], forms(REFERENCE)).outcomes(REFERENCE)
    assert ("us", "undecodable", "undecodable") == (found[0].id, found[1].cls, found[2].cls)
    assert b'"id":"us"' in Messages([good], forms(REFERENCE)).payload(0)


def test_a_registry_is_asked_once_for_what_it_knows_and_again_for_what_it_does_not():
    asked = []

    class Counting(Known):
        def schema(self, number):
            asked.append(number)
            return super().schema(number)

    counting = Forms(USAGE, Counting())
    for _ in range(2):
        counting.of(1)
        counting.of(4)
        counting.of(9)
    assert [1, 4, 9, 9] == asked


def test_a_record_of_any_depth_is_not_read():
    value = message(5, usage("e"))[:-1] + b"\x02" * 900_000 + b"\x00"  # would end the process: the decoder is recursive
    rows, faults = outcome([message(1, usage("a")), value, message(1, usage("b"))])
    assert ([0, 2], [1]) == (list(rows), list(faults))
    assert "schema_unknown" == faults[1].cls
    assert "Node contains itself" in faults[1].reason


def test_an_array_of_things_that_take_no_bytes_is_not_read():
    value = message(6, usage("e"))[:-1] + b"\x80\x80\x80\x80\x80\x80\x80\x80\x40\x00"  # 2^61 nulls, all of them there
    rows, faults = outcome([message(1, usage("a")), value, message(1, usage("b"))])
    assert ([0, 2], [1]) == (list(rows), list(faults))
    assert "an array whose items take no bytes" in faults[1].reason


def written_with(schema: dict, **values: object) -> bytes:
    """A record as bytes, of a schema that is not the topic's own."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), {**usage("e"), **values})
    return out.getvalue()


def of_type(name: str, kind: object) -> dict:
    """The topic's schema with another type of a field."""
    fields = [{**one, "type": kind} if one["name"] == name else one for one in CURRENT["fields"]]
    return {**CURRENT, "fields": fields}


def both_ways(schema: dict, body: bytes) -> list[tuple]:
    """What a record is in columns, and looked at by itself."""
    form = AvroForm(USAGE, schema)
    alone = form._singly([body], 0)
    return [found.rows.select(*SCHEMA).row(0) for found in (form.columns([body]), alone)]


@pytest.mark.parametrize("name", ["event_id", "source", "customer_id", "contract_id", "meter"])
def test_a_text_that_was_written_as_bytes_is_the_text_it_is(name):
    schema = of_type(name, ["null", "bytes"] if name == "contract_id" else "bytes")
    quick, slow = both_ways(schema, written_with(schema, **{name: "é1".encode()}))
    assert quick == slow
    assert "é1" == quick[list(SCHEMA).index(name)]
    broken = written_with(schema, **{name: b"\xff"})
    ((_, fault),) = AvroForm(USAGE, schema).columns([broken]).faults
    assert "undecodable" == fault.cls


def test_dimensions_that_were_written_as_bytes_are_the_texts_they_are():
    pair = {"type": "record", "name": "P", "fields": [{"name": one, "type": "bytes"} for one in ("key", "value")]}
    schema = of_type("dimensions", {"type": "array", "items": pair})
    quick, slow = both_ways(schema, written_with(schema, dimensions=[{"key": b"k", "value": "é".encode()}]))
    assert quick == slow
    assert '[["k","é"]]' == quick[-1]


def test_a_quantity_of_more_digits_than_its_schema_states_is_not_rounded():
    wide, narrow = (
        of_type("quantity", {"type": "bytes", "logicalType": "decimal", "precision": digits, "scale": 2})
        for digits in (20, 4)
    )
    quick, slow = both_ways(narrow, written_with(wide, quantity=Decimal("1234567.89")))
    assert quick == slow
    assert Decimal("1234567.89") == quick[list(SCHEMA).index("quantity")]


def test_a_decimal_that_states_no_scale_is_a_whole_number():
    schema = of_type("quantity", {"type": "bytes", "logicalType": "decimal", "precision": 10})
    quick, slow = both_ways(schema, written_with(schema, quantity=Decimal(15)))
    assert quick == slow
    assert 15 == quick[list(SCHEMA).index("quantity")]


@pytest.mark.parametrize("sign", [b"\x00", b"\xff"])
def test_a_quantity_of_many_bytes_is_read_or_refused_at_once(sign):
    plain = of_type("quantity", "bytes")
    tail = b"\x05" if sign == b"\x00" else b"\xfb"
    padded = written_with(plain, quantity=sign * 400_000 + tail)
    quick, slow = both_ways(CURRENT, padded)
    assert quick == slow
    assert (1 if sign == b"\x00" else -1) * Decimal(5).scaleb(-18) == quick[list(SCHEMA).index("quantity")]
    huge = written_with(
        plain, quantity=b"\x7f" * 400_000
    )  # fastavro would take a quarter of a minute to make it a decimal
    ((_, fault),) = AvroForm(USAGE, CURRENT).columns([huge]).faults
    assert ("undecodable", True) == (fault.cls, "400000 bytes" in fault.reason)


def nested(levels: int, twice: bool) -> list:
    """Records that hold the one before by name."""
    made = [{"name": "r0", "type": {"type": "record", "name": "R0", "fields": [{"name": "n", "type": "int"}]}}]
    for level in range(1, levels):
        inner = [{"name": f"f{number}", "type": ["null", f"accrual.R{level - 1}"]} for number in range(1 + twice)]
        made.append({"name": f"r{level}", "type": {"type": "record", "name": f"R{level}", "fields": inner}})
    return made


@pytest.mark.parametrize(
    "more, told",
    [
        (nested(40, twice=True), "more than 10,000 fields"),
        (nested(3_000, twice=False), "more than"),
        ([{"name": "x", "type": {"type": "fixed", "name": "X", "size": 2**70}}], "cannot be read"),
    ],
)
def test_a_schema_that_unfolds_without_bound_is_not_read(more, told):
    with pytest.raises(FormUnusable, match=told):
        AvroForm(USAGE, {**CURRENT, "fields": [*CURRENT["fields"], *more]})


def test_low_volume_records_are_bounded_too():
    found = Messages([head(7) + b"anything"], forms(REFERENCE)).outcomes(REFERENCE)
    assert "schema_unknown" == found[0].cls


def test_a_text_that_claims_100_mb_takes_none_of_them():
    tracemalloc.start()
    claims = head(1) + zigzag(100_000_000) + b"abc"
    rows, faults = outcome([message(1, usage("a")), claims, message(1, usage("b"))])
    one = Messages([head(4) + zigzag(100_000_000) + b"abc"], forms(REFERENCE)).outcomes(REFERENCE)[0]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ([0, 2], [1]) == (list(rows), list(faults))
    assert ("undecodable", "undecodable") == (faults[1].cls, one.cls)
    assert peak < 10_000_000
