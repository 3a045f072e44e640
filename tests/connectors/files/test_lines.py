"""Lines of a file in order, whatever the blocks in which it is read."""

import pytest

from connectors.errors import SourceUnusable
from connectors.files import lines, stream
from connectors.files.lines import BLOCK_BYTES, LineReader


@pytest.fixture
def reader(tmp_path):
    """Opens readers on a file of the test's own."""
    opened = []

    def over(content, growing=False):
        (tmp_path / "0.jsonl").write_bytes(content)
        opened.append(LineReader(tmp_path / "0.jsonl", growing))
        return opened[-1]

    yield over
    for one in opened:
        one.close()


def drained(reader, most=100):
    """Every line that is left."""
    found = []
    while taken := reader.take(most):
        assert len(taken) <= most
        found += taken
    return found


def test_an_empty_file_has_no_line(reader):
    assert [] == drained(reader(b""))


def test_lines_come_without_their_newline(reader):
    assert [b"a", b"", b"b"] == drained(reader(b"a\n\nb\n"))


def test_the_last_line_may_lack_its_newline(reader):
    assert [b"a", b"b"] == drained(reader(b"a\nb"))


def test_a_carriage_return_is_part_of_its_line(reader):
    assert [b"a\r", b"b"] == drained(reader(b"a\r\nb\n"))


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_lines_are_taken_up_to_a_number(reader, most):
    assert [b"0", b"1", b"2", b"3", b"4"] == drained(reader(b"0\n1\n2\n3\n4"), most)


def test_a_last_line_that_is_still_being_written_waits_for_its_newline(reader, tmp_path):
    opened = reader(b"a\nb", growing=True)
    assert ([b"a"], []) == (opened.take(10), opened.take(10))
    with open(tmp_path / "0.jsonl", "ab") as file:
        file.write(b"c\nd\n")
    assert [b"bc", b"d"] == opened.take(10)


def test_lines_across_blocks_are_whole(reader):
    written = [bytes([65 + number]) * (BLOCK_BYTES * 2 // 3 + number) for number in range(5)]
    written.append(b"z" * (3 * BLOCK_BYTES))
    assert written == drained(reader(b"\n".join(written)), 2)


@pytest.mark.parametrize("length", [BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_a_newline_at_the_edge_of_a_block_ends_its_line(reader, length):
    assert [length, 1] == [len(line) for line in drained(reader(b"a" * length + b"\nb"))]


def test_an_endless_line_is_refused_before_it_fills_the_memory(reader, monkeypatch):
    monkeypatch.setattr(lines, "LINE_BYTES_MAX", 3 * BLOCK_BYTES)
    opened = reader(bytes(8 * BLOCK_BYTES))
    with pytest.raises(SourceUnusable, match="is it JSON lines"):
        opened.take(1)
    assert 4 * BLOCK_BYTES == opened.read_bytes


def test_what_was_read_is_known_for_the_progress(reader):
    opened = reader(b"a\nb\n")
    assert (4, 0) == (opened.size, opened.read_bytes)
    drained(opened)
    assert 4 == opened.read_bytes


@pytest.mark.parametrize("block", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    "content", [b"", b"a", b"a\n", b"\n\n\n", b"a\nbb\n\nccc\ndddddddd\n", b"a\nbb\n\nccc\ndddddddd"]
)
def test_what_is_passed_over_is_what_would_be_taken(reader, monkeypatch, content, block):
    monkeypatch.setattr(stream, "BLOCK_BYTES", block)
    expected = content.split(b"\n")[:-1] if content.endswith(b"\n") or not content else content.split(b"\n")
    for count in range(len(expected) + 1):
        opened, left = reader(content), count
        while left and (passed := opened.skip(left)):
            left -= passed
        assert (0, expected[count:]) == (left, drained(opened, 2))
    behind = reader(content)
    while behind.skip(2):
        pass
    assert len(content) == behind.taken_bytes == behind.read_bytes


def test_what_waits_for_its_newline_is_not_passed_over(reader, tmp_path):
    opened = reader(b"a\nb", growing=True)
    assert (1, 0) == (opened.skip(10), opened.skip(10))
    with open(tmp_path / "0.jsonl", "ab") as file:
        file.write(b"c\nd\n")
    assert [b"bc", b"d"] == opened.take(10)
