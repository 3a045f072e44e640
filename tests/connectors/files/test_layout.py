"""Where a topic's partitions lie, and what is refused instead of being overlooked."""

from pathlib import Path

import pytest

from connectors.errors import SourceUnusable
from connectors.files.layout import directory, partitions


@pytest.fixture
def write(tmp_path):
    """Makes empty files under the source directory."""

    def made(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return made


def test_an_address_is_the_scheme_and_a_directory():
    assert Path("a/b") == directory("files:a/b")


@pytest.mark.parametrize("address", ["a/b", "files:", "kafka://host:9092", ""])
def test_another_address_is_refused(address):
    with pytest.raises(ValueError, match="not an address of the form files:DIR"):
        directory(address)


def test_a_missing_topic_is_an_empty_one(tmp_path):
    assert {} == partitions(tmp_path, "usage.events")


def test_a_single_file_is_partition_zero(write):
    root = write("usage.events.jsonl")
    assert {0: (root / "usage.events.jsonl",)} == partitions(root, "usage.events")


def test_partitions_are_found_by_number_and_come_in_their_order(write):
    root = write("t/10.jsonl", "t/2.jsonl", "t/0.jsonl")
    assert [0, 2, 10] == list(partitions(root, "t"))
    assert (root / "t" / "10.jsonl",) == partitions(root, "t")[10]


def test_a_partition_may_be_several_files_in_the_order_of_their_names(write):
    root = write("t/0/b.jsonl", "t/0/a.jsonl.gz", "t/0/.hidden", "t/1.avro")
    assert {0: ("a.jsonl.gz", "b.jsonl"), 1: ("1.avro",)} == {
        number: tuple(path.name for path in paths) for number, paths in partitions(root, "t").items()
    }


def test_hidden_files_are_left_alone(write):
    assert [0] == list(partitions(write("t/0.jsonl", "t/.swap"), "t"))


@pytest.mark.parametrize(
    "names",
    [
        ("t.jsonl", "t/0.jsonl"),
        ("t/usage.jsonl",),
        ("t/0.json",),
        ("t/0.jsonl", "t/1.jsonl.bz2"),
        ("t.jsonl", "t.jsonl.gz"),
        ("t/0.jsonl", "t/0.avro"),
        ("t/0.jsonl", "t/0/a.jsonl"),
        ("t/0/a.jsonl", "t/0/a.jsonl.gz"),
        ("t/0/a.json",),
        ("t/0/deeper/a.jsonl",),
        ("t/-1.jsonl",),
        ("t/1.jsonl", "t/01.jsonl"),
    ],
)
def test_what_would_be_overlooked_or_read_twice_is_refused(write, names):
    with pytest.raises(SourceUnusable):
        partitions(write(*names), "t")
