"""What a partition of files still has to read of what was there at the start, step by step as Bytewax asks for it."""

import gzip
import io
import json
from contextlib import suppress
from datetime import timedelta

import fastavro
import pytest

from connectors.files.plan import plan
from connectors.follow import Follow
from connectors.source import TopicSource
from connectors.usage_rows import Lateness
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.topics import TOPICS, USAGE
from tests.support.driven import usage

NAME = f"{USAGE}/0"
LINES = [json.dumps(usage("2025-01-02T10:00:00Z", f"e{number}", n="1")).encode() + b"\n" for number in range(5)]


@pytest.fixture
def root(tmp_path):
    (tmp_path / USAGE).mkdir()
    return tmp_path


def begun(root, rows=2, following=True):
    """The source, and its usage partition."""
    follow = Follow(timedelta(0)) if following else None
    source = TopicSource(plan(root, follow), {}, rows, Lateness(0, 0))
    return source, source.build_part("read", NAME, None)


def unread(source):
    """Unread and booked of the partition."""
    found = source.vitals.behind.get(NAME)
    return None if found is None else found.unread


def turns(part, count):
    """So many batches with rows."""
    sent = 0
    while sent < count:
        sent += sum(batch.end > batch.start for batch in part.next_batch())


def test_it_is_behind_until_a_barrier_after_the_last_line_that_was_there(root):
    path = root / USAGE / "0.jsonl"
    path.write_bytes(b"".join(LINES))
    source, part = begun(root)
    assert len(b"".join(LINES)) == unread(source)
    turns(part, 2)
    part.snapshot()
    part.next_batch()  # the fifth line, in the next epoch
    assert (1, "bytes") == (unread(source), source.vitals.behind[NAME].unit)
    with open(path, "ab") as file:
        file.write(b"".join(LINES))  # more: nobody waits for that
    turns(part, 1)
    assert 0 == unread(source)
    part.snapshot()
    assert 0 == unread(source)
    part.next_batch()
    assert None is unread(source)


def test_what_comes_all_the_time_does_not_keep_it_from_being_there(root):
    path = root / USAGE / "0.jsonl"
    path.write_bytes(b"".join(LINES))
    source, part = begun(root)
    for _ in range(10):
        with open(path, "ab") as file:
            file.write(LINES[0])
        part.next_batch()
        part.snapshot()
    assert None is unread(source)


@pytest.mark.parametrize("content", [b"", LINES[0][:10]], ids=["empty", "a line that is being written"])
def test_where_there_is_nothing_the_first_barrier_is_enough(root, content):
    (root / USAGE / "0.jsonl").write_bytes(content)
    source, part = begun(root)
    for _ in range(2):  # the second look finds the whole file read
        part.next_batch()
    part.snapshot()
    assert [NAME] == list(source.vitals.behind)
    part.next_batch()
    assert {} == source.vitals.behind


def avro(lines, block):
    out = io.BytesIO()
    schema = fastavro.parse_schema(TOPICS[USAGE].avsc())
    records = [avro_record(decode(USAGE, line)) for line in lines]
    fastavro.writer(out, schema, records, sync_interval=block)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("0.jsonl.gz", gzip.compress(b"".join(LINES))),
        ("0.jsonl.gz", gzip.compress(LINES[0]) + gzip.compress(b"".join(LINES[1:])[:-1])),
        ("0.jsonl.zst", None),
        ("0.avro", avro(LINES, 1)),
        ("0.avro", avro(LINES, 16_000)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_all_of_a_file_that_does_not_grow_is_taken_before_it_counts_as_read(root, name, content, rows):
    if content is None:
        zstandard = pytest.importorskip("zstandard")
        content = zstandard.ZstdCompressor().compress(b"".join(LINES))
    (root / USAGE / name).write_bytes(content)
    source, part = begun(root, rows)
    taken = 0
    while source.vitals.behind:
        taken += sum(batch.end - batch.start for batch in part.next_batch())
        part.snapshot()
    assert 5 == taken


def test_of_several_files_all_count(root):
    folder = root / USAGE / "0"
    folder.mkdir()
    for number, lines in enumerate((LINES[:2], [], LINES[2:])):
        (folder / f"{number}.jsonl").write_bytes(b"".join(lines))
    source, part = begun(root)
    taken = 0
    while source.vitals.behind:
        taken += sum(batch.end - batch.start for batch in part.next_batch())
        part.snapshot()
    assert 5 == taken


def test_what_is_read_and_waits_for_its_turn_is_not_there_yet(root):
    """Control records cut what is read at once into a batch for each phase."""
    days = [f"2025-01-{day:02d}T00:00:00Z" for day in range(1, 8)]
    (root / USAGE / "0.jsonl").write_text("".join(json.dumps(usage(at, at, n="1")) + "\n" for at in days))
    (root / "control.events.jsonl").write_text(
        "".join(json.dumps({"kind": "clock", "as_of": at}) + "\n" for at in days)
    )
    source, part = begun(root, 100)
    taken = 0
    while source.vitals.behind:
        taken += sum(batch.end - batch.start for batch in part.next_batch())
        part.snapshot()
    assert 7 == taken


def test_a_run_to_the_end_waits_for_nothing_that_has_ended(root):
    (root / USAGE / "0.jsonl").write_bytes(b"".join(LINES))
    source, part = begun(root, following=False)
    with suppress(StopIteration):
        while True:
            part.next_batch()
    assert {} == source.vitals.behind
