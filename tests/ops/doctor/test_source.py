"""The doctor looks at the source: what cannot be read fails, what is odd is doubted, every file is told."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import fastavro
import pytest

from tests.ops.doctor.asking import USAGE, found
from tests.support.process import here
from tests.support.world import World, usage


def missing(source: Path) -> str:
    shutil.rmtree(source)
    return f"{source} does not exist: name the directory that holds the topics"


def stray(source: Path) -> str:
    (path := source / USAGE / "notes.txt").touch()
    return f"{path} is not a partition of {USAGE}: there are <number>.jsonl, "


def two_control_partitions(source: Path) -> str:
    (source / "control.events").mkdir()
    for number in (0, 1):
        (source / "control.events" / f"{number}.jsonl").touch()
    return "control.events has the partitions 1 besides 0: put all its records into partition 0"


def damaged(source: Path) -> str:
    (path := source / "reference.events.jsonl.gz").write_bytes(gzip.compress(b"{}\n" * 9)[:-12])
    return f"{path} is damaged after its line "


def no_gzip(source: Path) -> str:
    (path := source / "reference.events.jsonl.gz").write_bytes(b"hello, this is no gzip file")
    return f"{path} is damaged after its line 0: "


def other_schema(source: Path) -> str:
    path = source / "reference.events.avro"
    with path.open("wb") as file:
        fastavro.writer(file, {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}, [{"a": 1}])
    return f"{path} was not written with a schema of reference.events: "


def no_container(source: Path) -> str:
    (path := source / "reference.events.avro").write_bytes(b"hello")
    return f"the header of {path} cannot be read (it does not begin with the mark of an Avro container)"


def pipe(source: Path) -> str:
    os.mkfifo(path := source / "reference.events.jsonl")
    return f"{path} is no regular file: put the file itself there"


@pytest.mark.parametrize(
    "spoil", [missing, stray, two_control_partitions, damaged, no_gzip, other_schema, no_container, pipe]
)
def test_a_source_that_cannot_be_read_fails(world: World, spoil: Callable[[Path], str]) -> None:
    world.days(1, 2)
    told = spoil(world.source)
    ended = here("doctor", "--source", f"files:{world.source}", cwd=world.root)
    assert 1 == ended.code
    assert any(one.removeprefix("source").strip().startswith(told) for one in found(ended, "fail")), ended.printed


def misspelt(source: Path) -> str:
    (source / "usage.event.jsonl").touch()
    return "usage.event.jsonl is not read: no topic has that name; topics are usage.events, "


def no_newline(source: Path) -> str:
    path = source / USAGE / "0.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    return f"the last line of {path} has no newline: let the writer finish it, or add the newline"


def another_topics(source: Path) -> str:
    (path := source / "control.events.jsonl").write_bytes((source / USAGE / "0.jsonl").read_bytes())
    return f"the first line of {path} is invalid: kind is missing: a value is required: is it a file of control.events?"


@pytest.mark.parametrize("spoil", [misspelt, no_newline, another_topics])
def test_a_source_with_an_oddity_is_doubted(world: World, spoil: Callable[[Path], str]) -> None:
    world.days(1, 2)
    told = spoil(world.source)
    ended = here("doctor", "--source", f"files:{world.source}", cwd=world.root)
    assert 0 == ended.code, ended.printed
    assert any(one.removeprefix("source").strip().startswith(told) for one in found(ended, "warn")), ended.printed


def test_an_empty_source_is_doubted(world: World) -> None:
    ended = here("doctor", "--source", f"files:{world.source}", cwd=world.root)
    assert any(f"{world.source} holds no topic: topics are usage.events, " in one for one in found(ended, "warn"))


def test_every_file_is_told_to_programs(world: World) -> None:
    world.days(1, 2).send(usage("p", 1), partition=4)
    printed = json.loads(here("doctor", "--source", f"files:{world.source}", "--json", cwd=world.root).printed)
    (files,) = [one["files"] for one in printed["checks"] if one.get("topic") == USAGE]
    assert {str(path): path.stat().st_size for path in (world.source / USAGE).iterdir()} == files
