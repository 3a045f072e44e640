"""Where the next record of a partition goes, and that it gets there whole."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from connectors.errors import SourceUnusable
from connectors.files.layout import partitions
from ops.acting.partition_end import partition_end
from tests.support.world import World, usage

USAGE = "usage.events"


def put(root: Path, *names: str) -> Path:
    """A source with these files of usage, each of one line; compressed ones are."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"{}\n") if name.endswith(".gz") else b"{}\n")
    return root


@pytest.mark.parametrize(
    ("names", "partition", "expected"),
    [
        ([], 0, "usage.events.jsonl"),
        (["usage.events.jsonl"], 0, "usage.events.jsonl"),
        (["usage.events/0.jsonl", "usage.events/1.jsonl"], 1, "usage.events/1.jsonl"),
        (["usage.events/0/a.jsonl.gz", "usage.events/0/b.jsonl"], 0, "usage.events/0/b.jsonl"),
        (["usage.events/0/a.jsonl", "usage.events/0/b.jsonl.gz"], 0, "usage.events/0/b_1.jsonl"),
        (["usage.events/0/0007.jsonl.gz"], 0, "usage.events/0/0007_1.jsonl"),
        (["usage.events/02/7.avro"], 2, "usage.events/02/7_1.jsonl"),
    ],
)
def test_the_next_record_goes_behind_the_last_one(tmp_path, names, partition, expected):
    root = put(tmp_path, *names)
    end = partition_end(root, USAGE, partition)
    assert root / expected == end.path
    end.append([b'{"new": 1}'])
    assert end.path == partitions(root, USAGE)[partition][-1]
    assert b'{"new": 1}\n' == end.path.read_bytes()[-11:]


def test_a_partition_that_is_an_empty_directory_gets_its_first_file(tmp_path):
    (tmp_path / USAGE / "01").mkdir(parents=True)
    assert tmp_path / USAGE / "01" / "0001.jsonl" == partition_end(tmp_path, USAGE, 1).path


def test_an_empty_topic_directory_gets_a_partition(tmp_path):
    (tmp_path / USAGE).mkdir()
    assert tmp_path / USAGE / "0.jsonl" == partition_end(tmp_path, USAGE, 0).path


@pytest.mark.parametrize("name", ["usage.events.jsonl.gz", "usage.events/0.jsonl.gz", "usage.events/0.avro"])
def test_a_single_file_that_cannot_grow_is_refused_with_a_way_out(tmp_path, name):
    put(tmp_path, name)
    suffix = name[name.index(".", len(USAGE)) :]
    with pytest.raises(SourceUnusable) as refused:
        partition_end(tmp_path, USAGE, 0)
    assert f"{tmp_path / name} cannot be added to: move it to {tmp_path / USAGE}/0/0001{suffix} " in str(refused.value)


def test_a_partition_that_is_not_there_is_refused(tmp_path):
    put(tmp_path, "usage.events/0.jsonl", "usage.events/1.jsonl")
    with pytest.raises(SourceUnusable, match=r"has no partition 7 of usage.events \(it has 0, 1\)"):
        partition_end(tmp_path, USAGE, 7)


def test_the_way_out_keeps_what_was_applied(world: World) -> None:
    world.contract()
    lines = b"".join(b"%s\n" % line for line in map(encoded, range(1, 4)))
    packed = world.source / f"{USAGE}.jsonl.gz"
    packed.write_bytes(gzip.compress(lines))
    assert (0, "18.00") == (world.run().code, world.revenue())
    (world.source / USAGE / "0").mkdir(parents=True)
    packed.rename(world.source / USAGE / "0" / "0001.jsonl.gz")
    partition_end(world.source, USAGE, 0).append([encoded(4)])
    ended = world.run()
    assert (4, "24.00") == (ended.result.tally.counted, world.revenue())


def encoded(day: int) -> bytes:
    return json.dumps(usage(f"u{day}", day)).encode()


def test_what_a_producer_adds_later_comes_behind_it(tmp_path):
    put(tmp_path, "usage.events/0/0007.jsonl.gz")
    partition_end(tmp_path, USAGE, 0).append([b"{}"])
    put(tmp_path, "usage.events/0/0008.jsonl.gz")
    assert ["0007.jsonl.gz", "0007_1.jsonl", "0008.jsonl.gz"] == [path.name for path in partitions(tmp_path, USAGE)[0]]


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / f"{USAGE}.jsonl")
    with pytest.raises(SourceUnusable, match="is no regular file: nothing can be added to it safely"):
        partition_end(tmp_path, USAGE, 0)


# -- the last line


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", None), (b"one", None), (b"one\n", b"one"), (b"one\ntwo\n", b"two"), (b"one\ntwo", b"one"), (b"\n", b"")],
)
def test_the_last_whole_line(tmp_path, content, expected):
    (tmp_path / f"{USAGE}.jsonl").write_bytes(content)
    assert expected == partition_end(tmp_path, USAGE, 0).last_line()


def test_a_very_long_last_line_is_not_read(tmp_path):
    path = tmp_path / f"{USAGE}.jsonl"
    path.write_bytes(b"x" * 70_000 + b"\n")
    assert partition_end(tmp_path, USAGE, 0).last_line() is None
    path.write_bytes(b"x" * 70_000 + b"\nshort\n")
    assert b"short" == partition_end(tmp_path, USAGE, 0).last_line()


def test_what_a_killed_command_left_behind_is_in_nobodys_way(tmp_path):
    (tmp_path / f".{USAGE}.jsonl.new").write_bytes(b"half of somethi")
    partition_end(tmp_path, USAGE, 0).append([b"{}"])
    assert {f"{USAGE}.jsonl": b"{}\n"} == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_file_that_a_killed_command_left_under_two_names_is_not_written_into(tmp_path):
    (kept := tmp_path / "kept").write_bytes(b"of last year\n")
    os.link(kept, tmp_path / f".{USAGE}.jsonl.new")
    partition_end(tmp_path, USAGE, 0).append([b"{}"])
    assert (b"of last year\n", b"{}\n") == (kept.read_bytes(), (tmp_path / f"{USAGE}.jsonl").read_bytes())
