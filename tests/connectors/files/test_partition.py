"""The records of a partition: its files one after the other, taken up again at a position."""

import gzip

import pytest

from connectors.errors import SourceUnusable
from connectors.files.partition import PartitionReader


@pytest.fixture
def over(tmp_path):
    """Opens the partition whose files hold these bytes."""
    opened = []

    def made(following=False, **contents):
        paths = []
        for name, content in contents.items():
            path = tmp_path / name.replace("_", ".")
            path.write_bytes(content)
            paths.append(path)
        opened.append(PartitionReader("usage.events", tuple(paths), {}, following))
        return opened[-1]

    yield made
    for one in opened:
        one.close()


def drained(reader, most=2):
    """Every line that is left."""
    lines = []
    while piece := reader.take(most):
        assert len(piece) <= most
        lines += [piece.payload(row) for row in range(len(piece))]
    return lines


def test_a_partition_without_files_has_no_record(over):
    assert [] == drained(over())


def test_positions_go_on_from_file_to_file(over):
    reader = over(a_jsonl=b"1\n2\n3", b_jsonl=b"", c_jsonl=b"4\n")
    assert [b"1", b"2", b"3", b"4"] == drained(reader)


def test_a_compressed_file_holds_the_same_lines(over):
    assert [b"1", b"2", b"3"] == drained(over(a_jsonl_gz=gzip.compress(b"1\n2\n"), b_jsonl=b"3\n"))


@pytest.mark.parametrize("applied", range(6))
def test_reading_resumes_at_a_position(over, applied):
    reader = over(a_jsonl=b"0\n1\n2\n", b_jsonl=b"3\n4")
    reader.skip(applied)
    assert [b"0", b"1", b"2", b"3", b"4"][applied:] == drained(reader)


def test_a_partition_with_fewer_records_than_were_applied_is_refused(over):
    with pytest.raises(SourceUnusable, match="has 5 lines, but 6 were applied already"):
        over(a_jsonl=b"0\n1\n2\n", b_jsonl=b"3\n4").skip(6)


def test_a_compressed_file_that_breaks_off_is_refused_after_its_whole_lines(over):
    whole = gzip.compress(b"1\n2\n" * 1000)
    reader = over(a_jsonl_gz=whole[: len(whole) - 9])
    with pytest.raises(SourceUnusable, match="is damaged after its line"):
        drained(reader, 100)


def test_a_followed_partition_ends_for_now_and_goes_on_with_what_is_added(over, tmp_path):
    reader = over(following=True, a_jsonl=b"1\n2")
    assert [b"1"] == drained(reader)
    with open(tmp_path / "a.jsonl", "ab") as file:
        file.write(b"3\n")
    assert [b"23"] == drained(reader)


def test_a_followed_file_that_was_cut_is_refused(over, tmp_path):
    reader = over(following=True, a_jsonl=b"1\n2\n")
    drained(reader)
    (tmp_path / "a.jsonl").write_bytes(b"1\n")
    with pytest.raises(SourceUnusable, match="has 2 bytes, but 4 were read already"):
        reader.take(1)


def test_a_followed_partition_takes_a_new_file_behind_the_last_one_and_none_before_it(over, tmp_path):
    reader = over(following=True, b_jsonl=b"1\n")
    drained(reader)
    for name in ("a.jsonl", "c.jsonl"):
        (tmp_path / name).write_bytes(b"2\n")
    reader.extend((tmp_path / "b.jsonl", tmp_path / "c.jsonl"))
    assert [b"2"] == drained(reader)
    with pytest.raises(SourceUnusable, match=r"a\.jsonl\): new files come last by name"):
        reader.extend((tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "c.jsonl"))
