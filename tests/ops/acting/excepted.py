"""Excepted records for the tests of list and retry: how they come about, how they are found and sent again."""

from __future__ import annotations

import json
from typing import Any

from tests.support.process import Ended, here
from tests.support.world import World, usage

USAGE = "usage.events"


def ask(world: World, *words: str, payload: Any = None, **settings: str) -> Ended:
    """Retry, in this process."""
    return here(*asked(world, *words, payload=payload), cwd=world.root, **settings)


def asked(world: World, *words: str, payload: Any = None) -> list[str]:
    places = ["--sink", f"files:{world.sink}", "--source", f"files:{world.source}"]
    if payload is not None:
        (world.root / "corrected.json").write_text(payload if isinstance(payload, str) else json.dumps(payload))
        places += ["--payload", "corrected.json"]
    return ["exceptions", "retry", *words, *places]


def found(world: World, cls: str, about: str = "") -> str:
    """The id of the one open exception of a class with this in its reason."""
    latest = {one["exception_id"]: one for one in world.records("revenue.exceptions")}
    (one,) = [
        one for one in latest.values() if (one["class"], one["status"]) == (cls, "open") and about in one["reason"]
    ]
    return one["exception_id"]


def counts(world: World) -> dict[str, int]:
    """Lines of each file of the source."""
    return {str(path): path.read_bytes().count(b"\n") for path in sorted(world.source.rglob("*.jsonl"))}


def with_bad(world: World, *bad: dict[str, Any] | bytes) -> World:
    """A contract, good usage of two days, some bad records, and a run."""
    world.contract().send(usage("a", 1), *bad, usage("b", 9))
    world.booked_right()
    return world


MENDED: dict[str, tuple[dict[str, Any] | bytes, str, dict[str, Any]]] = {
    "an invalid quantity": (usage("x", 2, quantity="many"), "invalid", usage("x", 2)),
    "half a line": (b'{"event_id": "x"', "undecodable", usage("x", 2)),
    "an empty line": (b"", "undecodable", usage("x", 2)),
    "a clock far ahead": (usage("x", 2, event_time="2999-01-01T00:00:00Z"), "too_early", usage("x", 2)),
    "an identity that was counted": (usage("a", 1, quantity="4"), "identity_conflict", usage("x", 1)),
    "usage of last year": (usage("x", 2, event_time="2024-11-02T10:00:00Z"), "too_late", usage("x", 2)),
}


def cloud_event(name: str, day: int, kind: str = "") -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": name, "source": "test", "type": kind, "subject": "c",
        "time": f"2025-01-{day:02d}T10:00:00Z", "data": {"contract_id": "k", "quantity": "3"},
    }  # fmt: skip
