"""The examples of the README and of accounting/EXAMPLES.md are runs: what it prints is what the command writes.

A section with a run names the files before the blocks that hold them: `in/TOPIC.jsonl` goes in, `out/TOPIC/N.jsonl` has to
come out. One record may be broken over several lines there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import here

ROOT = Path(__file__).parents[2]
SHOWN = (ROOT / "README.md", ROOT / "accounting" / "EXAMPLES.md")
PAGES = [
    *sorted(path.relative_to(ROOT) for path in ROOT.glob("[a-zA-Z]*/**/*.md")),
    Path("README.md"),
    Path("CONTRIBUTING.md"),
]
FILE = re.compile(r"`((?:in|out)/[\w./-]+)`")


@dataclass
class Example:
    """What one section shows: records by file, the command and what it says."""

    title: str
    files: dict[str, list[Any]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def examples(text: str) -> list[Example]:
    """The sections of a text that run something on files which they show."""
    found = []
    for section in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        example, names = Example(title), list[str]()
        for block in re.split(r"\n\s*\n", body):
            if block.startswith("    {") and names:
                example.files[names.pop(0)] = records(block)
            elif block.startswith("    $ accrual run"):
                command, *said = (line[4:] for line in block.splitlines())
                example.words, example.said = command.split()[2:], said
            elif not block.startswith(" "):
                names = FILE.findall(block)
        if example.words and example.files:
            found.append(example)
    return found


def records(block: str) -> list[Any]:
    """The JSON values of a block, one after the other."""
    decoder, text, found = json.JSONDecoder(), block.strip(), []
    while text:
        one, end = decoder.raw_decode(text)
        found.append(one)
        text = text[end:].lstrip()
    return found


def settled(said: str) -> list[str]:
    """What a run says that does not depend on how long it took."""
    return [line for line in said.splitlines() if line.startswith(("usage: ", "journal: ", "look at it: "))]


EXAMPLES = {one.title: one for path in SHOWN for one in examples(path.read_text())}


def test_there_are_examples():
    assert {"On your own files", "A retroactive price change into a closed month"} <= set(EXAMPLES)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_leads_to_what_there_is(page):
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)", (ROOT / page).read_text())
    assert [] == [link for link in links if link and not (ROOT / page).parent.joinpath(link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_names_files_that_there_are(page):
    named = re.findall(
        r"`((?:tests|ops|accounting|dataflows|connectors|state|schemas)/[\w./-]+)`", (ROOT / page).read_text()
    )
    assert [] == [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_gives_what_it_shows(title, tmp_path):
    example = EXAMPLES[title]
    (tmp_path / "in").mkdir()
    for name, given in example.files.items():
        if name.startswith("in/"):
            (tmp_path / name).write_text("".join(json.dumps(one) + "\n" for one in given))
    ended = here(*example.words, cwd=tmp_path)
    assert 0 == ended.code, ended.said
    assert settled("\n".join(example.said)) == settled(ended.printed + ended.said)
    for name, shown in example.files.items():
        if name.startswith("out/"):
            written = [json.loads(line) for line in (tmp_path / name).read_bytes().splitlines()]
            assert shown == [one for one in written if one in shown]
            if name.startswith("out/revenue.journal"):
                assert len(written) == len(shown), "every entry is shown"
