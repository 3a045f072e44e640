"""The file sink: each record once, in order, never ahead of the state."""

import json
import os

import pytest

from accounting.require import InvariantBroken
from connectors.batch import Emitted
from connectors.errors import SinkUnusable
from connectors.files.sink import FileSink, FileSinkPartition, last_sequence, topic_file

TOPIC = "revenue.journal"


def lines(first, last):
    """Records with these sequences."""
    return tuple(json.dumps({"sequence": number, "shard": 2}).encode() for number in range(first, last + 1))


def emitted(first, last, shard=2, topic=TOPIC):
    """Consecutive records."""
    return Emitted(shard, topic, first, lines(first, last))


@pytest.fixture
def sink(tmp_path):
    """Opens shard 2's part of a sink; each call is a process that starts."""
    opened = []

    def start():
        opened.append(FileSinkPartition(tmp_path, 2))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def file(tmp_path):
    """The shard's journal."""
    return topic_file(tmp_path, TOPIC, 2)


def write(part, *items):
    """One epoch."""
    part.write_batch(list(items))
    part.snapshot()


def sequences(file):
    """What the file holds."""
    return [json.loads(line)["sequence"] for line in file.read_bytes().splitlines()]


def test_a_shard_writes_a_file_of_its_own_for_each_topic(tmp_path, sink):
    write(sink(), emitted(1, 2), emitted(1, 1, topic="revenue.exceptions"))
    assert b"".join(line + b"\n" for line in lines(1, 2)) == (tmp_path / TOPIC / "2.jsonl").read_bytes()
    assert [1] == sequences(tmp_path / "revenue.exceptions" / "2.jsonl")


def test_nothing_is_written_before_the_epoch_closes(sink, file):
    part = sink()
    part.write_batch([emitted(1, 3)])
    assert not file.exists()
    part.snapshot()
    assert [1, 2, 3] == sequences(file)


def test_what_waits_when_it_is_closed_is_not_written(sink, file):
    part = sink()
    write(part, emitted(1, 1))
    part.write_batch([emitted(2, 2)])
    part.close()
    assert [1] == sequences(file)


def test_an_epoch_is_written_once(sink, file):
    part = sink()
    write(part, emitted(1, 1))
    part.snapshot()
    write(part, emitted(2, 2))
    assert [1, 2] == sequences(file)


@pytest.mark.parametrize(("first", "last"), [(1, 3), (2, 3), (1, 5), (3, 5), (4, 5)])
def test_what_the_file_holds_is_dropped_by_its_sequence(sink, file, first, last):
    write(sink(), emitted(1, 3))
    write(sink(), emitted(first, last))
    assert list(range(1, max(3, last) + 1)) == sequences(file)


def test_a_torn_last_line_is_cut_and_written_again(sink, file):
    write(sink(), emitted(1, 3))
    os.truncate(file, file.stat().st_size - 1)
    assert 2 == last_sequence(file)[0]
    write(sink(), emitted(2, 4))
    assert [1, 2, 3, 4] == sequences(file)


def test_a_file_that_is_one_torn_line_is_empty(sink, file):
    write(sink(), emitted(1, 1))
    os.truncate(file, 5)
    assert (0, 0) == last_sequence(file)
    write(sink(), emitted(1, 2))
    assert [1, 2] == sequences(file)


def test_the_last_record_is_found_behind_lines_of_any_length(file):
    file.parent.mkdir(parents=True)
    long = json.dumps({"sequence": 7, "payload": "x" * 200_000}).encode() + b"\n"
    file.write_bytes(lines(6, 6)[0] + b"\n" + long + b'{"sequence": 8, "pay' + b"y" * 100_000)
    assert (7, len(lines(6, 6)[0]) + 1 + len(long)) == last_sequence(file)


def test_a_missing_file_holds_nothing(file):
    assert (0, 0) == last_sequence(file)


def test_a_gap_is_refused_and_leaves_the_file_as_it_was(sink, file):
    write(sink(), emitted(1, 3))
    with pytest.raises(InvariantBroken, match="the sink's sequence has no gap"):
        write(sink(), emitted(5, 6))
    assert [1, 2, 3] == sequences(file)


def test_another_shards_record_is_refused(sink):
    with pytest.raises(InvariantBroken, match="a record comes to its own shard's file"):
        write(sink(), emitted(1, 1, shard=3))


@pytest.mark.parametrize("foreign", [b"hello\n", b"\n", b"[1]\n", b'{"id": 7}\n', b'{"sequence": "7"}\n', b"\xff\n"])
def test_a_last_line_of_another_program_is_refused_and_left_alone(sink, file, foreign):
    file.parent.mkdir(parents=True)
    file.write_bytes(lines(1, 1)[0] + b"\n" + foreign)
    with pytest.raises(SinkUnusable, match=r"2\.jsonl"):
        write(sink(), emitted(2, 2))
    assert lines(1, 1)[0] + b"\n" + foreign == file.read_bytes()


def test_an_error_of_the_file_system_names_the_file(tmp_path, sink, file):
    (tmp_path / TOPIC).touch()
    with pytest.raises(OSError, match="File exists") as raised:
        write(sink(), emitted(1, 1))
    assert str(file) == raised.value.filename


def test_a_shards_name_leads_to_its_part(tmp_path):
    made = FileSink(tmp_path, ("b", "a", "c"))
    assert ["a", "b"] == [sorted(made.list_parts())[made.part_fn(name)] for name in ("a", "b")]
    assert 2 == made.part_fn("c")
    part = made.build_part("write_the_journal", "c", None)
    write(part, emitted(1, 1))
    part.close()
    assert [1] == sequences(topic_file(tmp_path, TOPIC, 2))


def test_what_is_said_for_the_first_time_and_is_there_already_is_refused(tmp_path, sink, file):
    """Another run has written there with a copy of the state: nobody knows which of the two records is right."""
    write(sink(), emitted(1, 3))
    new = Emitted(2, TOPIC, 3, lines(3, 4), new=True)
    with pytest.raises(SinkUnusable, match="holds record 3 already, and this run says it for the first time"):
        write(sink(), new)
    assert [1, 2, 3] == sequences(file)
    write(sink(), emitted(2, 3), Emitted(2, TOPIC, 4, lines(4, 4), new=True))
    assert [1, 2, 3, 4] == sequences(file)


@pytest.mark.parametrize("other", [2, 3])
def test_what_is_said_again_and_is_there_with_other_content_is_refused(sink, file, other):
    write(sink(), emitted(1, 3))
    again = list(lines(2, 4))
    again[other - 2] = again[other - 2].replace(b'"shard": 2', b'"shard":  2')
    before = file.read_bytes()
    with pytest.raises(SinkUnusable, match=f"holds another record {other} than this state has said"):
        write(sink(), Emitted(2, TOPIC, 2, tuple(again)))
    assert before == file.read_bytes()


def test_a_greeting_writes_nothing(tmp_path, sink, file):
    write(sink(), Emitted(2, TOPIC, 1, ()))
    assert not file.exists()
