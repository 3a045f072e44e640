"""The runbook: a page for each alert, with commands and queries that exist."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

from ops.cli import app
from tests.support.promql import strangers
from tests.support.rules import OPS, alerts, series

PAGES = {page.stem: page.read_text() for page in sorted((OPS / "runbook").glob("*.md"))}
PARTS = ["What it means", "How to see it", "What to do", "When it clears"]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def blocks(text: str, kind: str) -> list[str]:
    """The lines of a page's blocks of a kind."""
    return [line.strip() for name, body in BLOCK.findall(text) if name == kind for line in body.splitlines()]


def commands(text: str) -> list[str]:
    """Every `accrual` command of a page, in blocks and in lines."""
    inline = re.findall(r"`(accrual [^`\n]+)`", re.sub(BLOCK, "", text))
    return inline + [line for line in blocks(text, "sh") if line.startswith("accrual ")]


def unknown(command: str) -> list[str]:
    """The words of a command that the program does not know, and what it asks for and is not there."""
    node, context = typer.main.get_command(app), None
    words = shlex.split(command)[1:]
    while words and hasattr(node, "commands"):
        if words[0] not in node.commands:
            return words[:1]
        context = typer.Context(node, parent=context)
        node = node.commands[words.pop(0)]
    options = {name: one for one in node.params for name in (*one.opts, *one.secondary_opts)} | {"--help": None}
    arguments, found = [one for one in node.params if one.param_type_name == "argument"], []
    asked = [one.opts[0] for one in node.params if one.param_type_name == "option" and one.required]
    missing = [name for name in asked if name not in words and "--help" not in words]
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            found += [] if arguments else [word]
            arguments = arguments[1:]
        elif word not in options:
            found.append(word)
        elif (option := options[word]) is not None and not getattr(option, "is_flag", False) and words:
            words.pop(0)
    return found + missing


def test_every_alert_has_a_page_and_every_page_an_alert():
    assert alerts().keys() == PAGES.keys()
    assert {name: f"ops/runbook/{name}.md" for name in PAGES} == {
        name: one["annotations"]["runbook_url"] for name, one in alerts().items()
    }


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_its_parts_and_says_who_is_called(name):
    text, labels = PAGES[name], alerts()[name]["labels"]
    assert text.startswith(f"# {name}\n\n`{labels['severity']}`")
    assert "{{" in labels["owner"] or f"`{labels['owner']}`" in text.splitlines()[2]
    assert PARTS == re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert all(len(part.strip()) > 40 for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("name", PAGES)
def test_the_queries_of_a_page_parse_and_name_what_exists(name):
    queries = blocks(PAGES[name], "promql")
    assert queries
    for query in queries:
        assert [] == strangers(query, series()), query


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_exist(name):
    for command in commands(PAGES[name]):
        assert [] == unknown(command), command


@pytest.mark.parametrize("name", PAGES)
def test_the_links_of_a_page_lead_somewhere(name):
    for there in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        assert (OPS / "runbook" / there).is_file(), there


def test_pages_have_commands_and_those_that_do_not_exist_are_found():
    assert len([one for text in PAGES.values() for one in commands(text)]) > 20
    assert ["ledger"] == unknown("accrual show ledger")
    assert ["--brokers", "h:1", "--broker"] == unknown("accrual topics check --brokers h:1")
    assert ["--sink"] == unknown("accrual exceptions list")
    assert [] == unknown("accrual replay --source k --from start --to end --state DIR --compare")
