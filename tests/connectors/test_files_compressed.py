"""Compressed JSON lines, and several files as one partition: the books of the plain file, and no line lost to a bad copy."""

import gzip
import json

import pytest
import zstandard

from connectors.errors import SourceUnusable
from connectors.files.layout import partitions
from connectors.files.partition import PartitionReader
from tests.support.containers import as_avro, container
from tests.support.world import World, usage

PACK = {
    ".jsonl": bytes,
    ".jsonl.gz": gzip.compress,
    ".jsonl.zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}
LINES = [b'{"n":%d,"noise":"%032x"}' % (number, number * 7919**9) for number in range(5_000)]
WHOLE = b"".join(line + b"\n" for line in LINES)


def read(path, most=700):
    """The lines of a file, and what it was refused for."""
    reader, lines = PartitionReader("usage.events", (path,), {}), []
    try:
        while piece := reader.take(most):
            lines += piece.lines
    except SourceUnusable as error:
        return lines, str(error)
    finally:
        reader.close()
    return lines, None


def written(tmp_path, suffix, content):
    """A file with this content."""
    path = tmp_path / f"0{suffix}"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", WHOLE])
def test_the_lines_are_those_of_the_plain_file(tmp_path, suffix, content):
    expected = content.removesuffix(b"\n").split(b"\n") if content else []
    assert (expected, None) == read(written(tmp_path, suffix, PACK[suffix](content)))


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_members_one_behind_the_other_are_one_file(tmp_path, suffix):
    packed = PACK[suffix](WHOLE[:50_001]) + PACK[suffix](b"") + PACK[suffix](WHOLE[50_001:])
    assert (LINES, None) == read(written(tmp_path, suffix, packed))


def test_zeros_behind_the_last_member_of_a_gzip_file_are_no_content(tmp_path):
    assert (LINES, None) == read(written(tmp_path, ".jsonl.gz", gzip.compress(WHOLE) + bytes(512)))


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize("left", [0.999, 0.5, 0.001])
def test_a_cut_file_is_refused_after_its_whole_lines(tmp_path, suffix, left):
    packed = PACK[suffix](WHOLE)
    path = written(tmp_path, suffix, packed[: int(len(packed) * left)])
    lines, told = read(path)
    assert LINES[: len(lines)] == lines
    assert f"{path} is damaged after its line {len(lines)}: it is cut off; the lines before are read" in told


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize("where", [0.0, 0.3, 0.9])
def test_a_corrupt_file_is_refused_after_whole_lines(tmp_path, suffix, where):
    packed = bytearray(PACK[suffix](WHOLE))
    at = int(len(packed) * where)
    packed[at : at + 400] = bytes(400)
    lines, told = read(written(tmp_path, suffix, bytes(packed)))
    assert f"is damaged after its line {len(lines)}: " in told
    assert len(lines) < len(LINES)


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_what_is_no_compressed_file_is_refused(tmp_path, suffix):
    lines, told = read(written(tmp_path, suffix, WHOLE))
    assert [] == lines
    assert "is damaged after its line 0" in told


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_a_run_refuses_a_cut_file_and_a_whole_copy_is_taken_up_where_it_was(tmp_path, suffix):
    world = World(tmp_path).days()
    more = [usage(f"m{number}", number % 28 + 1, quantity=f"{number}.5") for number in range(3_000)]
    packed = PACK[suffix](b"".join(json.dumps(one).encode() + b"\n" for one in more))
    path = world.source / "usage.events" / f"7{suffix}"
    path.write_bytes(packed[: len(packed) // 2])
    ended = world.run("--batch-rows", "100")
    assert 2 == ended.code
    assert f"{path} is damaged after its line" in ended.told
    path.write_bytes(packed)
    again = world.run("--batch-rows", "100")
    assert (0, 3_009) == (again.code, again.result.tally.read)
    (tmp_path / "plain").mkdir()
    plain = World(tmp_path / "plain").days().send(*more, partition=7)
    assert plain.run().result.tally.counted == again.result.tally.counted
    assert plain.revenue() == world.revenue()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["t.jsonl.gz"], {0: ["t.jsonl.gz"]}),
        (["t.jsonl.zst"], {0: ["t.jsonl.zst"]}),
        (["t.avro"], {0: ["t.avro"]}),
        (["t/1.avro", "t/0.jsonl.gz", "t/2.jsonl.zst"], {0: ["0.jsonl.gz"], 1: ["1.avro"], 2: ["2.jsonl.zst"]}),
        (["t/0/b.jsonl", "t/0/a.avro", "t/0/.part", "t/3.jsonl"], {0: ["a.avro", "b.jsonl"], 3: ["3.jsonl"]}),
    ],
)
def test_every_form_is_found_wherever_a_plain_file_is(tmp_path, names, expected):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert expected == {number: [one.name for one in files] for number, files in partitions(tmp_path, "t").items()}


@pytest.mark.parametrize(
    "names",
    [
        ("t.jsonl", "t.avro"),
        ("t.jsonl.gz", "t/0.jsonl"),
        ("t/0.jsonl", "t/0.jsonl.gz"),
        ("t/0.avro", "t/0/a.avro"),
        ("t/0/a.jsonl", "t/0/a.jsonl.gz"),
        ("t/0/a.txt",),
        ("t/x/a.jsonl",),
        ("t/0/more/a.jsonl",),
    ],
)
def test_what_would_be_overlooked_or_read_twice_is_refused(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(SourceUnusable):
        partitions(tmp_path, "t")


def test_a_partition_in_files_of_every_form_books_what_one_file_books(tmp_path):
    (one := tmp_path / "one").mkdir()
    (two := tmp_path / "two").mkdir()
    made = [usage(f"u{number}", number // 15 + 1, quantity=f"{number}.25") for number in range(400)]
    first, second = World(one).contract().send(*made), World(two).contract()
    folder = second.source / "usage.events" / "0"
    folder.mkdir(parents=True)
    text = [json.dumps(record).encode() + b"\n" for record in made]
    (folder / "2025-01.jsonl").write_bytes(b"".join(text[:90]).removesuffix(b"\n"))
    (folder / "2025-02.jsonl.gz").write_bytes(gzip.compress(b"".join(text[90:200])))
    container(folder / "2025-03.avro", "usage.events", [as_avro("usage.events", one) for one in made[200:310]])
    (folder / "2025-04.jsonl.zst").write_bytes(PACK[".jsonl.zst"](b"".join(text[310:])))
    ended = [first.run("--batch-rows", "37"), second.run("--batch-rows", "37")]
    assert ended[0].result.tally == ended[1].result.tally
    assert 0 < len(first.records("revenue.journal"))
    assert first.lines("revenue.journal") == second.lines("revenue.journal")
