"""What --from and --to may say."""

import pytest

from ops.replay.bounds import END, START, Bound


@pytest.mark.parametrize(
    "text",
    [
        "usage.events,0,1200\nusage.events,1,7\n",
        '"usage.events", 0, 1200\n\n"usage.events",1,7',
        '{"usage.events/0": 1200, "usage.events/1": 7}',
    ],
)
def test_offsets_are_read_as_kafkas_tools_write_them_or_as_json(text, tmp_path):
    (file := tmp_path / "offsets").write_text(text)
    assert {("usage.events", 0): 1200, ("usage.events", 1): 7} == Bound.parse(str(file), "--from", START).offsets


@pytest.mark.parametrize(
    "text", ["usage.events,0", "usage.events,0,-1", '{"usage.events/0": "x"}', '{"usage": 1}', "{"]
)
def test_a_file_of_anything_else_is_refused_by_name(text, tmp_path):
    (file := tmp_path / "offsets").write_text(text)
    with pytest.raises(ValueError, match=f"--from names {file}, which is no file of offsets"):
        Bound.parse(str(file), "--from", START)


@pytest.mark.parametrize("text", ["2026-01-31", "2026-01-31T00:00:00Z"])
def test_an_instant_or_a_date_is_one(text):
    assert 1_769_817_600_000_000 == Bound.parse(text, "--to", END).instant


def test_the_word_is_that_of_its_side():
    assert Bound(END) == Bound.parse("end", "--to", END)
    with pytest.raises(ValueError, match="--from 'end' is no file of offsets, no instant"):
        Bound.parse("end", "--from", START)
