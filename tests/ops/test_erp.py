"""What the ERP has answered, as a run tells it: in its summary, in `--json`, and as exceptions that nobody can send again."""

from __future__ import annotations

import json

import pytest

from tests.support.process import here
from tests.support.world import World

NOBODYS = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def world(tmp_path):
    """Nine entries of 6.00, all booked."""
    made = World(tmp_path).days()
    made.booked_right()
    return made


def answer(name, day=10, **more):
    return {"entry_id": name, "status": "posted", "posted_at": f"2025-01-{day:02d}T00:00:00Z", **more}


def test_a_run_tells_what_the_erp_has_answered(world):
    names = [one["entry_id"] for one in world.records("revenue.journal")]
    answers = [answer(name, amount="6.00") for name in names[:3]]
    world.scenario.write(
        "erp.postings", *answers, answers[0], answer(names[3], status="rejected"), answer(NOBODYS), partition=0
    )
    told = json.loads(world.run().printed)
    assert {"posted": 3, "rejected": 1, "unknown": 1, "unanswered": 5, "complete": True} == told["erp"]
    words = [word for word in world.words() if word != "--json"]
    said = here(*words, cwd=world.root).printed
    line = "erp: 3 posted + 1 rejected, 5 without an answer; 1 answered that the journal does not have"
    assert line in said.splitlines()


def test_without_answers_the_summary_says_nothing_of_an_erp(world):
    words = [word for word in world.words() if word != "--json"]
    assert "erp:" not in here(*words, cwd=world.root).printed


def test_what_the_erp_has_to_mend_is_not_for_sending_again(world):
    name = world.records("revenue.journal")[0]["entry_id"]
    world.scenario.write("erp.postings", answer(name, amount="6.01"), answer(NOBODYS, customer_id="c"))
    world.run()
    found = {one["class"]: one for one in world.exceptions()}
    assert {"posting_differs", "entry_unknown"} == set(found)
    assert f"the ERP has posted 6.01 of entry {name} of e, which says 6.00" == found["posting_differs"]["reason"]
    assert f"the ERP has posted entry {NOBODYS}, which the journal does not have" == found["entry_unknown"]["reason"]
    listed = here("exceptions", "list", "--sink", f"files:{world.sink}", cwd=world.root)
    assert 0 == listed.code, listed.said
    rows = [line for line in listed.printed.splitlines() if "erp.postings" in line]
    assert [True, True] == [row.rstrip().endswith("by itself") for row in rows], listed.printed


def test_master_data_gives_the_exceptions_an_owner(world):
    name = world.records("revenue.journal")[0]["entry_id"]
    owner = {
        "kind": "exception_owner",
        "class": "posting_rejected",
        "owner": "gl-team",
        "sla": "4h",
        "event_id": "o",
        "source": "m",
    }
    world.scenario.write("reference.events", owner)
    world.scenario.write("erp.postings", answer(name, status="rejected", reason="period closed"))
    world.run()
    (one,) = world.exceptions()
    assert ("gl-team", "2025-01-10T04:00:00Z") == (one["owner"], one["due_at"])
    assert one["reason"].endswith(": period closed")
