"""The list of exceptions: which are open, and what settles each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ops.acting.excepted import cloud_event, found
from tests.support.process import Ended, here
from tests.support.world import World, usage


def listed(world: World, *more: str) -> Ended:
    return here("exceptions", "list", "--sink", f"files:{world.sink}", *more, cwd=world.root)


def records(ended: Ended) -> list[dict[str, Any]]:
    assert (0, "") == (ended.code, ended.said)
    return [json.loads(line) for line in ended.printed.splitlines()]


def test_the_list_says_what_settles_each(spoilt: World) -> None:
    ended = listed(spoilt)
    assert 0 == ended.code
    rows = [line.split() for line in ended.printed.splitlines()]
    for cls, way in (
        ("invalid", "--payload"), ("identity_conflict", "--payload"), ("meter_unmapped", "by"), ("version_gap", "by"),
    ):  # fmt: skip
        (row,) = [row for row in rows if cls in row]
        assert found(spoilt, cls).startswith(row[0])
        assert way in row


def test_what_may_be_sent_as_it_was_is_said(world: World) -> None:
    world.contract().send(cloud_event("x", 2))
    world.run()
    words = ["exceptions", "list", "--sink", f"files:{world.sink}"]
    assert "as it was" not in here(*words, cwd=world.root).printed
    assert "as it was" in here(*words, cwd=world.root, ACCRUAL_CLOUDEVENT_METERS='{"": "m"}').printed


def test_the_list_has_the_open_ones_unless_all_are_asked_for(world: World) -> None:
    world.send(usage("x", 1), usage("y", 1, customer_id="stranger"))
    world.booked_right()
    world.contract()
    world.booked_right()
    assert ["stranger"] == [one["customer_id"] for one in records(listed(world, "--json"))]
    every = records(listed(world, "--json", "--all"))
    assert {("c", "resolved"), ("stranger", "open")} == {(one["customer_id"], one["status"]) for one in every}
    assert 2 == len(every)


FILTERS = {
    "class": (["--class", "too_late"], {"too_late"}),
    "customer": (["--customer", "stranger"], {"contract_unknown"}),
    "contract": (["--contract", "gap"], {"version_gap"}),
    "owner": (["--owner", "nobody"], set()),
    "overdue": (["--overdue", "2024-12-01"], {"too_late"}),
}


@pytest.mark.parametrize("name", FILTERS)
def test_the_list_is_filtered(spoilt: World, name: str) -> None:
    words, classes = FILTERS[name]
    assert classes == {one["class"] for one in records(listed(spoilt, *words, "--json"))}


def test_the_list_is_cut_and_says_so(spoilt: World) -> None:
    assert 3 == len(records(listed(spoilt, "--json", "--limit", "3")))
    assert "3 of 10 exceptions shown; --limit 0 shows all." in listed(spoilt, "--limit", "3").printed


def test_a_list_without_matches_says_what_is_open(spoilt: World) -> None:
    told = "No exception matches; open here by class: contract_ambiguous (1), contract_unknown (1), identity_conflict (1), "
    assert listed(spoilt, "--owner", "nobody").printed.startswith(told)


def test_an_overdue_that_is_no_instant_is_refused(spoilt: World) -> None:
    ended = listed(spoilt, "--overdue", "soon")
    assert 2 == ended.code
    assert ended.said.startswith("accrual exceptions list: --overdue 'soon' is no instant: must be an RFC 3339 time")
