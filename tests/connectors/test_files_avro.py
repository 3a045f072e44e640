"""Avro containers as input: the same rows as JSON lines of the same records, and a clear word on what cannot be read."""

import json
from decimal import Decimal

import fastavro
import polars as pl
import pytest

from connectors.errors import SourceUnusable
from connectors.files import avro
from connectors.files.partition import PartitionReader
from connectors.timeline import Timeline
from connectors.usage_rows import Lateness, usage_batches
from schemas.topics import CONTRACTS, CONTROL, TOPICS, USAGE
from tests.support.containers import as_avro, container, schema_with
from tests.support.driven import HOUR_US, contract
from tests.support.world import World, usage

DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 18}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}


def events(count=50):
    """Usage of every shape that is allowed."""
    sets = [[], [{"key": "region", "value": "eu"}], [{"key": "z", "value": ""}, {"key": "a", "value": 'q"\\\n'}]]
    return [
        usage(
            f"e{number}", number % 28 + 1, customer_id=f"c{number % 3}", contract_id=[None, "", "k"][number % 3],
            quantity=["1", "-0.000000000000000001", "99999999999999999999.5", "12.50"][number % 4],
            dimensions=sets[number % 3],
        )
        for number in range(count)
    ]  # fmt: skip


def pieces(path, topic=USAGE, most=20_000):
    """Everything a partition of one file gives."""
    reader = PartitionReader(topic, (path,), {})
    found = []
    while piece := reader.take(most):
        assert 0 < len(piece) <= most
        found.append(piece)
    reader.close()
    return found


def rows(path, most=20_000):
    """The rows of a usage file, with their offsets and identities, and what was rejected."""
    batches, offset, newest = [], 0, None
    for piece in pieces(path, most=most):
        batches += usage_batches(0, offset, piece, newest, Timeline.of([]), Lateness(HOUR_US, 35 * 24 * HOUR_US))
        offset, newest = batches[-1].end, batches[-1].newest
    frame = pl.concat([batch.rows for batch in batches]).drop("row")
    return frame, [(one.offset, one.cls, one.reason) for batch in batches for one in batch.rejected]


def json_rows(tmp_path, records):
    """The same of a file of JSON lines."""
    path = tmp_path / "same.jsonl"
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in records))
    return rows(path)


def usage_file(tmp_path, records=None, **how):
    """A usage container of JSON records."""
    given = events() if records is None else records
    return container(tmp_path / "0.avro", USAGE, [as_avro(USAGE, one) for one in given], **how)


def same(expected, got):
    """Assert that rows and rejections are the same."""
    assert expected[0].equals(got[0], null_equal=True)
    assert expected[0].schema == got[0].schema
    assert expected[1] == got[1]


@pytest.mark.parametrize("codec", ["null", "deflate"])
@pytest.mark.parametrize("most", [1, 7, 20_000])
def test_avro_and_json_of_the_same_records_give_the_same_rows_and_identities(tmp_path, codec, most):
    expected = json_rows(tmp_path, events())
    assert 50 == expected[0].height
    same(expected, rows(usage_file(tmp_path, codec=codec), most=most))


def test_avro_and_json_of_the_same_invalid_records_give_the_same_exceptions(tmp_path):
    nullable = {name: ["null", "string"] for name in ("event_id", "source", "customer_id", "meter")}
    schema = schema_with(USAGE, **nullable, quantity=["null", DECIMAL], event_time=["null", MICROS])
    bad = [
        {"event_id": ""}, {"source": None}, {"customer_id": ""}, {"meter": None}, {"quantity": None},
        {"event_time": None}, {"dimensions": [{"key": "", "value": "v"}]}, {"event_time": "1999-12-31T23:59:59Z"},
    ]  # fmt: skip
    good = events(len(bad))
    spoiled = [{**usage(f"b{n}", 3), **one} for n, one in enumerate(bad)]
    records = [one for pair in zip(good, spoiled, strict=True) for one in pair]
    plain = as_avro(USAGE, usage("x", 3))
    written = []
    for record in records:
        fields = {**plain, **{name: record[name] for name in nullable}, "contract_id": record["contract_id"]}
        fields["dimensions"] = record["dimensions"]
        fields["quantity"] = None if record["quantity"] is None else Decimal(record["quantity"])
        time = record["event_time"]
        fields["event_time"] = time and as_avro(USAGE, usage("x", 3, event_time=time))["event_time"]
        written.append(fields)
    expected = json_rows(tmp_path, records)
    assert ["invalid"] * 7 + ["too_early"] == [cls for _, cls, _ in expected[1]]
    same(expected, rows(container(tmp_path / "0.avro", USAGE, written, schema)))


def test_the_payload_of_an_invalid_avro_record_is_the_json_line_of_its_values(tmp_path):
    record = {**as_avro(USAGE, usage("x", 3)), "meter": ""}
    (piece,) = pieces(container(tmp_path / "0.avro", USAGE, [record]))
    assert {**usage("x", 3), "meter": "", "quantity": "3.000000000000000000"} == json.loads(piece.payload(0))


@pytest.mark.parametrize(
    "types",
    [
        {"quantity": {"type": "fixed", "name": "Q", "size": 16, "logicalType": "decimal", "precision": 38, "scale": 18}},
        {"quantity": ["null", DECIMAL]},
        {"event_time": ["null", MICROS], "event_id": ["null", "string"]},
        {"event_time": MILLIS},
        {"contract_id": ["string", "null"]},
        {"event_id": {"type": "string", "avro.java.string": "String"}},
        {"extra": "double", "more": {"type": "array", "items": "int"}},
    ],
)  # fmt: skip
def test_other_ways_of_writing_the_same_give_the_same_rows(tmp_path, types):
    records = events()
    written = [{**as_avro(USAGE, one), "extra": 1.5, "more": [1, 2]} for one in records]
    if types.get("event_time") == MILLIS:
        written = [{**one, "event_time": one["event_time"] // 1000} for one in written]
    path = container(tmp_path / "0.avro", USAGE, written, schema_with(USAGE, **types))
    same(json_rows(tmp_path, records), rows(path))


def test_a_decimal_of_a_coarser_scale_keeps_its_value(tmp_path):
    written = [{**as_avro(USAGE, usage("e", 3)), "quantity": Decimal("12.34")}]
    schema = schema_with(USAGE, quantity={**DECIMAL, "precision": 10, "scale": 2})
    path = container(tmp_path / "0.avro", USAGE, written, schema)
    same(json_rows(tmp_path, [usage("e", 3, quantity="12.34")]), rows(path))


@pytest.mark.parametrize("extra", [{"type": "map", "values": "string"}, ["null", "string", "long"], "null"])
def test_extra_fields_that_polars_does_not_take_are_ignored_too(tmp_path, extra):
    value = {"a": "b"} if isinstance(extra, dict) else None
    written = [{**as_avro(USAGE, one), "extra": value} for one in events()]
    path = container(tmp_path / "0.avro", USAGE, written, schema_with(USAGE, extra=extra))
    same(json_rows(tmp_path, events()), rows(path))


def test_missing_optional_fields_have_their_defaults(tmp_path):
    schema = schema_with(USAGE, contract_id=None, dimensions=None)
    records = [usage("e", 3, contract_id=None)]
    path = container(tmp_path / "0.avro", USAGE, [as_avro(USAGE, one) for one in records], schema)
    same(json_rows(tmp_path, records), rows(path))


def test_a_time_that_no_calendar_has_is_invalid_and_its_neighbours_are_rows(tmp_path):
    for kind, time in ((MICROS, 2**62), (MILLIS, 9_300_000_000_000_000), (MILLIS, -(2**62))):
        for extra in ("int", {"type": "map", "values": "int"}):  # by polars, and record by record
            given = {**as_avro(USAGE, usage("e", 3)), "extra": 1 if extra == "int" else {}}
            good = given["event_time"] // (1 if kind is MICROS else 1000)
            written = [{**given, "event_time": one} for one in (time, good, time, good)]
            schema = schema_with(USAGE, event_time=kind, extra=extra)
            frame, rejected = rows(container(tmp_path / "0.avro", USAGE, written, schema))
            assert [1, 3] == frame["offset"].to_list()
            assert [(0, "invalid"), (2, "invalid")] == [one[:2] for one in rejected]


def test_a_quantity_with_too_many_digits_is_invalid(tmp_path):
    written = [{**as_avro(USAGE, usage("e", 3)), "quantity": Decimal(10) ** 30}]
    path = container(tmp_path / "0.avro", USAGE, written, schema_with(USAGE, quantity={**DECIMAL, "scale": 2}))
    ((offset, cls, reason),) = rows(path)[1]
    assert (0, "invalid") == (offset, cls)
    assert "at most 20 digits" in reason


@pytest.mark.parametrize("codec", ["bzip2", "xz", "zstandard", "brotli"])
def test_another_codec_is_refused_by_name(tmp_path, codec):
    path = usage_file(tmp_path)
    named = bytes([2 * len(codec)]) + codec.encode()
    path.write_bytes(path.read_bytes().replace(b"\x08null", named, 1))
    with pytest.raises(SourceUnusable, match=rf"0\.avro .*codec '{codec}': allowed are null, deflate, snappy"):
        pieces(path)


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ({"meter": None}, "UsageEvent.meter: the writer lacks it"),
        ({"quantity": "double"}, "UsageEvent.quantity"),
        ({"event_time": "long"}, "UsageEvent.event_time"),
        ({"event_time": "string"}, "UsageEvent.event_time"),
        ({"quantity": {**DECIMAL, "scale": 20}}, "UsageEvent.quantity"),
        ({"dimensions": {"type": "map", "values": "string"}}, "UsageEvent.dimensions"),
    ],
)
def test_a_foreign_schema_is_refused_with_the_field(tmp_path, types, told):
    path = container(tmp_path / "0.avro", USAGE, [], schema_with(USAGE, **types))
    with pytest.raises(SourceUnusable, match=rf"not written with a schema of usage\.events: {told}"):
        pieces(path)


def test_the_schema_of_another_topic_is_refused(tmp_path):
    path = container(tmp_path / "0.avro", CONTROL, [], TOPICS[CONTRACTS].avsc())
    with pytest.raises(SourceUnusable, match=r"it is the schema accrual\.ContractEvent, not accrual\.ControlEvent"):
        pieces(path, CONTROL)


def test_the_names_of_records_are_the_writers_own(tmp_path):
    schema = {**TOPICS[USAGE].avsc(), "name": "topLevelRecord", "namespace": "somebody"}
    path = container(tmp_path / "0.avro", USAGE, [as_avro(USAGE, one) for one in events()], schema)
    same(json_rows(tmp_path, events()), rows(path))


@pytest.mark.parametrize(
    "content", [b"", b"Obj", b"Obj\x01", b"{}\n", b"Obj\x01\x02\x16avro.schema\x04{}", b"\x00" * 90]
)
def test_a_broken_header_is_refused(tmp_path, content):
    (tmp_path / "0.avro").write_bytes(content)
    with pytest.raises(SourceUnusable, match=r"0\.avro"):
        pieces(tmp_path / "0.avro")


def blocks_of(path):
    """(position, records) of every block."""
    with path.open("rb") as file:
        found = [(block.offset, block.num_records) for block in fastavro.block_reader(file)]
    return found


def damaged_after(path, topic=USAGE):
    """How many records are read before the one that is undecodable, which must be the last."""
    whole = pieces(path, topic)
    last = whole[-1].outcomes(topic)[-1]
    assert "undecodable" == last.cls
    assert 0 < len(whole[-1].payload(len(whole[-1]) - 1)) <= avro.SHOWN_BYTES
    return sum(map(len, whole)) - 1, last.reason


@pytest.mark.parametrize("codec", ["null", "deflate"])
@pytest.mark.parametrize(("topic", "count"), [(USAGE, 200), (CONTRACTS, 40)])
@pytest.mark.parametrize("damage", ["cut", "sync", "head", "content", "one byte left"])
def test_what_comes_before_a_damaged_block_is_read_and_the_rest_is_one_undecodable_record(
    tmp_path, codec, topic, count, damage
):
    made = events(count)
    if topic == CONTRACTS:
        made = [contract(f"2025-01-01T00:00:{n:02d}Z", f"k{n}", price="1", k=f"k{n}") for n in range(count)]
    path = container(tmp_path / "0.avro", topic, [as_avro(topic, one) for one in made], codec=codec, block=700)
    blocks = blocks_of(path)
    assert len(blocks) > 3
    at, end = blocks[2][0], blocks[3][0]
    before = sum(records for _, records in blocks[:2])
    data = bytearray(path.read_bytes())
    match damage:
        case "cut":
            data = data[: end - 20]
        case "sync":
            data[end - 5] ^= 0xFF
        case "head":
            data[at : at + 2] = b"\xff\xff"
        case "content":
            data[at + 10 : at + 60] = bytes(50)
        case "one byte left":
            data = data[: at + 1]
    path.write_bytes(data)
    read, reason = damaged_after(path, topic)
    assert before == read
    assert f"the file's {before} records before it are read" in reason


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_block_that_holds_more_or_fewer_records_than_it_says_is_noticed(tmp_path, count):
    """As many as are said may be whole, and the rest something else."""
    path = container(tmp_path / "0.avro", USAGE, [as_avro(USAGE, usage("e", 3))] * 3, block=10**6)
    data, ((at, _),) = path.read_bytes(), blocks_of(path)
    path.write_bytes(data[:at] + bytes([2 * count]) + data[at + 1 :])
    assert 0 == damaged_after(path)[0]


@pytest.mark.parametrize("flip", [0x02, 0x04, 0x08])
def test_a_damaged_length_gives_no_other_values(tmp_path, flip):
    """A length that is too short or too long shifts all that follows."""
    made = [as_avro(USAGE, usage(f"event-{n}", 3)) for n in range(30)]
    path = container(tmp_path / "0.avro", USAGE, made, block=10**6)
    data = path.read_bytes()
    for at in [at for at in range(len(data)) if data[at : at + 6] == b"event-"][-9:]:
        path.write_bytes(data[: at - 1] + bytes([data[at - 1] ^ flip]) + data[at:])
        assert 0 == damaged_after(path)[0]


@pytest.mark.parametrize("topic", [USAGE, CONTROL])
@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_whatever_byte_is_damaged_no_later_record_moves_to_another_offset(tmp_path, topic, codec):
    made = [{"kind": "clock", "as_of": f"2025-02-{n % 28 + 1:02d}T00:00:00Z"} for n in range(60)]
    made = events(60) if topic == USAGE else made
    path = container(tmp_path / "0.avro", topic, [as_avro(topic, one) for one in made], codec=codec, block=500)
    expected, data = [one for piece in pieces(path, topic) for one in piece.outcomes(topic)], path.read_bytes()
    for at in range(blocks_of(path)[0][0], len(data), 17):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x15]) + data[at + 1 :])
        got = [one for piece in pieces(path, topic) for one in piece.outcomes(topic)]
        # Flipped inside a text it is another value; where it changes a length or a number of records, the file ends there.
        assert len(got) <= len(expected)
        different = [row for row, one in enumerate(got) if one != expected[row]]
        # Avro's deflate has no checksum: one byte may stand for several places, which nobody can notice.
        assert codec == "deflate" or len(different) <= 1, (at, different)


def test_a_count_that_cannot_be_true_reserves_no_memory(tmp_path):
    path = container(tmp_path / "0.avro", USAGE, [as_avro(USAGE, usage("e", 3))], block=10**6)
    data, at = path.read_bytes(), blocks_of(path)[0][0]
    path.write_bytes(data[:at] + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f" + data[at + 1 :])
    assert 0 == damaged_after(path)[0]


def test_a_low_volume_record_is_kept_as_the_json_that_decodes_to_it(tmp_path):
    made = [
        contract("2025-01-01T00:00:00Z", "k1", tiers="100:0.10,-:0.05"),
        contract("2025-01-02T00:00:00Z", "k2", price="2", k="q"),
    ]
    path = container(tmp_path / "0.avro", CONTRACTS, [as_avro(CONTRACTS, one) for one in made])
    (piece,) = pieces(path, CONTRACTS)
    expected = [TOPICS[CONTRACTS].model.model_validate_json(json.dumps(one)) for one in made]
    assert expected == piece.outcomes(CONTRACTS)
    assert expected == [TOPICS[CONTRACTS].model.model_validate_json(piece.payload(row)) for row in range(2)]


def test_a_low_volume_record_that_fails_the_model_is_invalid(tmp_path):
    record = {**as_avro(CONTROL, {"kind": "clock", "as_of": "2025-02-01T00:00:00Z"}), "kind": "holiday"}
    (piece,) = pieces(container(tmp_path / "0.avro", CONTROL, [record]), CONTROL)
    assert ["invalid"] == [one.cls for one in piece.outcomes(CONTROL)]
    assert b'"holiday"' in piece.payload(0)


def test_reading_resumes_inside_a_block(tmp_path):
    path = usage_file(tmp_path, block=10**6)
    for applied in (0, 1, 17, 49, 50):
        reader = PartitionReader(USAGE, (path,), {})
        reader.skip(applied)
        piece = reader.take(100)
        reader.close()
        assert [f"e{n}" for n in range(applied, 50)] == (
            [] if piece is None else piece.columns().rows["event_id"].to_list()
        )


def test_resuming_counts_a_damaged_rest_as_the_one_record_it_was(tmp_path):
    path = usage_file(tmp_path, block=700)
    path.write_bytes(path.read_bytes()[:-30])
    read, _ = damaged_after(path)
    (tmp_path / "1.jsonl").write_bytes(b"{}\n")
    reader = PartitionReader(USAGE, (path, tmp_path / "1.jsonl"), {})
    reader.skip(read + 1)
    assert [b"{}"] == reader.take(10).lines
    reader.close()


def test_a_run_on_avro_files_books_what_one_on_json_lines_books(tmp_path):
    (one := tmp_path / "json").mkdir()
    (two := tmp_path / "avro").mkdir()
    first, second = World(one).days(), World(two)
    topics = {USAGE: "0", CONTRACTS: "0", CONTROL: "0"}
    first.scenario.close("2025-01", "2025-02-01T00:00:00Z")
    for topic, partition in topics.items():
        files = [*first.source.glob(f"{topic}.jsonl"), *first.source.glob(f"{topic}/*.jsonl")]
        made = [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
        if made:
            container(second.source / topic / f"{partition}.avro", topic, [as_avro(topic, one) for one in made])
    ended = [first.run(), second.run()]
    assert [0, 0] == [one.code for one in ended], ended
    assert [] == second.problems(ended[1])
    assert ended[0].result.tally == ended[1].result.tally
    assert first.lines("revenue.journal") == second.lines("revenue.journal")
