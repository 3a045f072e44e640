"""A sink as Avro files: the same records, read by fastavro and by accrual, and nothing of anybody else's overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from connectors.files.avro import AvroReader
from connectors.files.layout import partitions
from schemas.compatibility import clashes
from schemas.decode import decode
from schemas.encode import avro_record, encode
from schemas.topics import EXCEPTIONS, JOURNAL, TOPICS
from tests.support.process import Ended, accrual, here
from tests.support.world import World, usage


@pytest.fixture(scope="module")
def booked(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two customers in two shards, with exceptions; only looked at."""
    world = World(tmp_path_factory.mktemp("booked")).days()
    world.contract(customer_id="d", contract_id="k2", event_id="k2-1")
    world.send(*(usage(f"d{day}", day, customer_id="d", contract_id="k2") for day in (1, 2)), b"no json", b"\xff\x00")
    world.booked_right()
    return world


def ask(world: World, to: Path, *more: str) -> Ended:
    return here("export", "--sink", f"files:{world.sink}", "--to", str(to), *more, cwd=world.root)


def avro(path: Path) -> list[Any]:
    """Its records as fastavro reads them."""
    with path.open("rb") as file:
        return list(fastavro.reader(file))


def lines(world: World, topic: str) -> dict[str, list[bytes]]:
    """The sink's lines of a topic by shard."""
    return {Path(name).stem: text.splitlines() for name, text in world.lines(topic).items()}


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_every_record_is_there_as_it_was(booked: World, tmp_path: Path, codec: str) -> None:
    assert 0 == ask(booked, tmp_path, "--codec", codec).code
    for topic in (JOURNAL, EXCEPTIONS):
        expected = lines(booked, topic)
        assert expected
        assert {f"{shard}.avro" for shard in expected} == {path.name for path in (tmp_path / topic).iterdir()}
        for shard, stored in expected.items():
            path = tmp_path / topic / f"{shard}.avro"
            with path.open("rb") as file:
                reader = fastavro.reader(file)
                assert (codec, f"{topic}/{shard}") == (reader.codec, reader.metadata["accrual.export"])
                schema, ours = json.loads(reader.metadata["avro.schema"]), TOPICS[topic].avsc()
                assert [] == clashes(reader=ours, writer=schema) + clashes(reader=schema, writer=ours)
                read = [TOPICS[topic].model.model_validate(record) for record in reader]
            assert [decode(topic, line) for line in stored] == read


def test_amounts_and_times_are_logical_types(booked: World, tmp_path: Path) -> None:
    ask(booked, tmp_path)
    (line, *_) = next(iter(lines(booked, JOURNAL).values()))
    stored = json.loads(line)
    (entry,) = [
        one for path in (tmp_path / JOURNAL).iterdir() for one in avro(path) if one["entry_id"] == stored["entry_id"]
    ]
    assert stored["accounting_date"] == entry["accounting_date"].isoformat()
    assert stored["window"]["start"] == entry["window"]["start"].isoformat().replace("+00:00", "Z")
    assert [stored["lines"][0]["amount"] + "00"] == [str(entry["lines"][0]["amount"])]


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_accrual_reads_it_back(booked: World, tmp_path: Path, codec: str) -> None:
    ask(booked, tmp_path, "--codec", codec)
    for topic in (JOURNAL, EXCEPTIONS):
        for shard, (path,) in partitions(tmp_path, topic).items():
            reader = AvroReader(path, topic)
            piece = reader.take(1_000)
            assert piece is not None
            assert [decode(topic, line) for line in lines(booked, topic)[str(shard)]] == piece.outcomes(topic)
            assert reader.take(1) is None
            reader.close()


def test_the_same_sink_gives_the_same_bytes(booked: World, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert 0 == ask(booked, tmp_path / name).code
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / n / JOURNAL).iterdir()} for n in "ab")
    assert first
    assert first == second


def test_an_earlier_export_is_replaced(world: World, tmp_path: Path) -> None:
    world.days(1, 2)
    world.booked_right()
    to = tmp_path / "to"
    ask(world, to)
    world.send(usage("more", 5))
    world.booked_right()
    assert 0 == ask(world, to).code
    (path,) = (to / JOURNAL).iterdir()
    assert 3 == len(avro(path))


def test_only_the_topics_that_are_asked_for(booked: World, tmp_path: Path) -> None:
    ended = ask(booked, tmp_path, "--topic", EXCEPTIONS, "--json")
    assert [EXCEPTIONS] == [path.name for path in tmp_path.iterdir()]
    printed = json.loads(ended.printed)
    assert "deflate" == printed["codec"]
    assert 2 == sum(one["records"] for one in printed["files"])
    assert all(Path(one["file"]).stat().st_size == one["bytes"] for one in printed["files"])


def test_a_topic_without_records_is_said(world: World, tmp_path: Path) -> None:
    world.days(1, 3)
    world.booked_right()
    ended = ask(world, tmp_path, "--topic", EXCEPTIONS)
    assert (0, f"nothing to write: {world.sink} holds no record of {EXCEPTIONS}\n") == (ended.code, ended.printed)


def test_people_are_told_each_file(booked: World, tmp_path: Path) -> None:
    printed = ask(booked, tmp_path, "--topic", EXCEPTIONS).printed
    assert sorted(tmp_path.rglob("*.avro")) == sorted(Path(one.split(": ")[0]) for one in printed.splitlines())


def test_a_torn_last_line_is_left_out(world: World, tmp_path: Path) -> None:
    world.days(1, 3)
    world.booked_right()
    (path,) = (world.sink / JOURNAL).iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    assert 0 == ask(world, tmp_path / "to").code
    (written,) = (tmp_path / "to" / JOURNAL).iterdir()
    assert [1, 2] == [one["sequence"] for one in avro(written)]


# -- what is refused


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--codec", "snappy"], "--codec 'snappy' is not known: allowed are null, deflate"),
        (
            ["--topic", "usage.events"],
            "--topic 'usage.events' is not written by a run: topics of a sink are revenue.journal, revenue.recalculations, "
            "revenue.exceptions",
        ),
        (["--sink", "files:nowhere"], "--sink 'files:nowhere': the directory 'nowhere' does not exist. "),
        (["--sink", "nowhere"], "--sink 'nowhere' is not files:DIR"),
        (["--sink", "files:."], "no revenue.journal in '.' yet: nothing has been run into this directory"),
    ],
)
def test_wrong_usage_is_refused(booked: World, tmp_path: Path, more: list[str], told: str) -> None:
    ended = ask(booked, tmp_path / "to", *more)
    assert (2, "") == (ended.code, ended.printed)
    assert ended.said.startswith(f"accrual export: {told}"), ended.said
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("inside", ["", "export", "revenue.journal"])
def test_nothing_is_written_into_the_sink(booked: World, inside: str) -> None:
    to = booked.sink / inside
    ended = ask(booked, to)
    assert (2, f"accrual export: --to {to} is in the sink {booked.sink}: name a directory outside of it\n") == (
        ended.code, ended.said,
    )  # fmt: skip
    assert [] == list(booked.sink.rglob("*.avro"))


def theirs(path: Path) -> str:
    path.write_bytes(b"their own")
    return "was not made by this command"


def their_container(path: Path) -> str:
    with path.open("wb") as file:
        fastavro.writer(file, {"type": "string"}, ["their own"])
    return "was not made by this command"


def another_shard(path: Path) -> str:
    with path.open("wb") as file:
        fastavro.writer(file, {"type": "string"}, [], metadata={"accrual.export": f"{JOURNAL}/99"})
    return f"is the export of {JOURNAL}/99"


@pytest.mark.parametrize("put", [theirs, their_container, another_shard])
def test_a_file_that_is_not_ours_is_not_overwritten(booked: World, tmp_path: Path, put: Any) -> None:
    shard = max(lines(booked, JOURNAL))
    path = tmp_path / JOURNAL / f"{shard}.avro"
    path.parent.mkdir()
    told = put(path)
    before = path.read_bytes()
    ended = ask(booked, tmp_path)
    assert (2, f"accrual export: {path} {told}: move it away, or name another --to\n") == (ended.code, ended.said)
    assert before == path.read_bytes()
    assert [path] == list(tmp_path.rglob("*.avro"))  # nothing else was begun


def test_a_line_that_is_no_record_is_named_and_nothing_half_is_left(world: World, tmp_path: Path) -> None:
    world.days(1, 3)
    world.booked_right()
    (path,) = (world.sink / JOURNAL).iterdir()
    text = path.read_bytes()
    path.write_bytes(text.replace(b'"debit"', b'"left"', 3))
    ended = ask(world, tmp_path / "to")
    assert 1 == ended.code
    assert f"accrual export: {path}, line 1 is invalid: lines[0].side = 'left': " in ended.said
    assert [] == list((tmp_path / "to" / JOURNAL).iterdir())
    path.write_bytes(text)
    assert 0 == ask(world, tmp_path / "to").code


def test_a_full_disk_leaves_the_earlier_export(booked: World, tmp_path: Path) -> None:
    ask(booked, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.avro")}
    words = ["export", "--sink", f"files:{booked.sink}", "--to", str(tmp_path)]
    ended = accrual(*words, cwd=booked.root, largest_file=500)
    assert 1 == ended.code
    assert "File too large; make room and run the same command again: nothing is lost" in ended.said
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_the_json_lines_and_the_container_say_the_same(booked: World, tmp_path: Path) -> None:
    """Through the model and back: nothing is dropped between the two forms."""
    ask(booked, tmp_path)
    for shard, stored in lines(booked, JOURNAL).items():
        records = avro(tmp_path / JOURNAL / f"{shard}.avro")
        assert [json.loads(line) for line in stored] == [
            trimmed(json.loads(encode(TOPICS[JOURNAL].model.model_validate(one))), json.loads(line))
            for one, line in zip(records, stored, strict=True)
        ]


def trimmed(read: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """Amounts come back with the schema's digits: with those that were stored."""
    for one, before in zip(read["lines"], stored["lines"], strict=True):
        for name in ("amount", "functional_amount"):
            assert set(one[name][len(before[name]) :]) <= {"0"}
            one[name] = one[name][: len(before[name])]
    return read


def test_avro_record_takes_every_record(booked: World) -> None:
    for topic in (JOURNAL, EXCEPTIONS):
        for stored in lines(booked, topic).values():
            assert all(avro_record(decode(topic, line)) for line in stored)  # type: ignore[arg-type]
