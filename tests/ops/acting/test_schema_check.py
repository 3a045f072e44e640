"""The schemas against the released ones: the field that breaks is named, with what to do about it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import CONTROL, JOURNAL, RELEASED, TOPICS
from tests.support.process import Ended, here


def ask(tmp_path: Path, *words: str) -> Ended:
    return here("schemas", "check", *words, cwd=tmp_path)


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """The releases of a deployment: ours."""
    shutil.copytree(RELEASED, tmp_path / "deployed")
    return tmp_path / "deployed"


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in schema["fields"] if one["name"] == name)


def test_the_programs_own_schemas_are_compatible(tmp_path: Path) -> None:
    ended = ask(tmp_path)
    assert 0 == ended.code, ended.printed
    for topic in TOPICS:
        assert topic in ended.printed
    assert "✓ every release of every topic is read by this program, and reads what it writes" in ended.printed


def test_a_deployment_with_our_releases_is_compatible(tmp_path: Path, deployed: Path) -> None:
    ended = ask(tmp_path, "--against", str(deployed), "--json")
    printed = json.loads(ended.printed)
    assert (0, True, []) == (ended.code, printed["compatible"], printed["problems"])
    assert list(TOPICS) == [one["topic"] for one in printed["topics"]]
    (journal,) = [one for one in printed["topics"] if one["topic"] == JOURNAL]
    assert max(TOPICS[JOURNAL].released()) == journal["current_is"]


def test_a_deployment_may_be_behind(tmp_path: Path, deployed: Path) -> None:
    for later in range(2, max(TOPICS[CONTROL].released()) + 1):
        (deployed / CONTROL / f"{later}.avsc").unlink()
    path = deployed / CONTROL / "1.avsc"
    schema = json.loads(path.read_text())
    schema["fields"] = [one for one in schema["fields"] if one["name"] not in ("ends", "approver")]
    path.write_text(json.dumps(schema))
    shutil.rmtree(deployed / JOURNAL)
    ended = ask(tmp_path, "--against", str(deployed))
    assert 0 == ended.code, ended.printed
    rows = {
        line.split()[0]: line.split()[1:]
        for line in ended.printed.splitlines()
        if line.strip().startswith(tuple(TOPICS))
    }
    assert ["1", "not", "released", "yet", "compatible"] == rows[CONTROL]
    assert ["none", "not", "released", "yet", "compatible"] == rows[JOURNAL]


def new_required(schema: dict[str, Any]) -> None:
    """What this program writes lacks a field that the release reads without a default."""
    schema["fields"].append({"name": "ledger", "type": "string"})


def other_type(schema: dict[str, Any]) -> None:
    field(schema, "entity")["type"] = "long"


def other_scale(schema: dict[str, Any]) -> None:
    items = field(schema, "lines")["type"]["items"]
    amount = field(items, "amount")["type"]
    amount["scale"] += 1


def not_there(schema: dict[str, Any]) -> None:
    """What the release writes lacks a field that this program reads without a default."""
    schema["fields"].remove(field(schema, "currency"))


BREAKING: dict[str, tuple[Callable[[dict[str, Any]], None], str, str]] = {
    "a required field more": (
        new_required,
        "release 1, released reads current: JournalEntry.ledger: the writer lacks it and the reader has no default",
        "put JournalEntry.ledger back: readers of release 1 need it",
    ),
    "a required field less": (
        not_there,
        "release 1, current reads released: JournalEntry.currency: the writer lacks it and the reader has no default",
        "give JournalEntry.currency a default in schemas/avro/revenue.journal.avsc",
    ),
    "another type": (
        other_type,
        "release 1, current reads released: JournalEntry.entity: the reader's string does not take the writer's long",
        "put back what JournalEntry.entity is in release 1; say the new in a new field that has a default",
    ),
    "another scale": (
        other_scale,
        "release 1, current reads released: JournalEntry.lines[].amount: the reader's scale 4 is not the writer's 5",
        "put back what JournalEntry.lines[].amount is in release 1; say the new in a new field that has a default",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_field_that_breaks_is_named_with_a_remedy(tmp_path: Path, deployed: Path, name: str) -> None:
    change, what, remedy = BREAKING[name]
    path = deployed / JOURNAL / "1.avsc"
    schema = json.loads(path.read_text())
    change(schema)
    path.write_text(json.dumps(schema))
    ended = ask(tmp_path, "--against", str(deployed))
    assert 1 == ended.code
    assert f"✗ {JOURNAL}, {what}; {remedy}\n" in ended.printed
    assert "✓" not in ended.printed
    printed = json.loads(ask(tmp_path, "--against", str(deployed), "--json").printed)
    assert not printed["compatible"]
    assert remedy in [one["remedy"] for one in printed["problems"]]


def test_every_release_counts_not_only_the_last(tmp_path: Path, deployed: Path) -> None:
    path = deployed / JOURNAL / "1.avsc"
    shutil.copy(path, deployed / JOURNAL / "10.avsc")
    schema = json.loads(path.read_text())
    other_type(schema)
    path.write_text(json.dumps(schema))
    ended = ask(tmp_path, "--against", str(deployed))
    assert 1 == ended.code
    assert "revenue.journal, release 1, " in ended.printed
    assert "release 10, " not in ended.printed


def test_what_is_no_avro_schema_is_named(tmp_path: Path, deployed: Path) -> None:
    (deployed / JOURNAL / "1.avsc").write_text('{"type": "record", "name": "JournalEntry", "fields": [{"name": "a"}]}')
    ended = ask(tmp_path, "--against", str(deployed))
    assert 1 == ended.code
    assert f"✗ {JOURNAL}, release 1, release: it is no Avro schema: " in ended.printed
    assert "; replace it with a schema that Avro can read\n" in ended.printed


def nowhere(directory: Path) -> str:
    shutil.rmtree(directory)
    return f"--against {directory} is no directory: name the one that holds <topic>/<number>.avsc"


def empty(directory: Path) -> str:
    shutil.rmtree(directory)
    directory.mkdir()
    return f"--against {directory} holds no release: there are <topic>/<number>.avsc in it"


def strange_topic(directory: Path) -> str:
    (directory / JOURNAL).rename(directory / "journal")
    return f"{directory / 'journal' / '1.avsc'}: journal is no topic of ours; topics are usage.events, "


def strange_number(directory: Path) -> str:
    (path := directory / JOURNAL / "v2.avsc").touch()
    return f"{path} is no release: there are <topic>/<number>.avsc, numbered from 1"


def no_json(directory: Path) -> str:
    (path := directory / JOURNAL / "2.avsc").write_text("{")
    return f"{path} is not JSON: "


@pytest.mark.parametrize("spoil", [nowhere, empty, strange_topic, strange_number, no_json])
def test_a_directory_of_another_shape_is_refused(tmp_path: Path, deployed: Path, spoil: Callable[[Path], str]) -> None:
    told = spoil(deployed)
    ended = ask(tmp_path, "--against", str(deployed))
    assert (2, "") == (ended.code, ended.printed)
    assert ended.said.startswith(f"accrual schemas check: {told}"), ended.said
