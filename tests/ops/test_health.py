"""`/live` and `/ready`: what is answered when, by a clock of the test's own."""

import json

import pytest

from connectors.vitals import Vitals
from ops.board import Signs
from ops.health import live_page, ready_page

SECOND_US = 1_000_000
STILL_S = 600


class Clock:
    """Stands until it is moved."""

    def __init__(self):
        self.now = 5

    def __call__(self):
        return self.now

    def passes(self, seconds):
        self.now += int(seconds * SECOND_US)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def vitals(clock):
    return Vitals(clock)


def text(page):
    """Status and what a person reads."""
    answer = page("*/*")
    assert "text/plain; charset=utf-8" == answer.kind
    return answer.status, answer.content.decode()


def facts(page):
    """Status and what a program reads."""
    answer = page("application/json")
    assert "application/json" == answer.kind
    return answer.status, json.loads(answer.content)


# -- live


def test_a_flow_that_goes_on_lives(vitals, clock):
    clock.passes(0.25)
    assert (200, "live: the last step was 0.2 s ago\n") == text(live_page(vitals, STILL_S))
    assert (200, {"live": True, "last_step_ms": 250, "allowed_ms": STILL_S * 1_000}) == facts(
        live_page(vitals, STILL_S)
    )


def test_a_flow_that_hangs_does_not_live_until_it_comes_by_again(vitals, clock):
    clock.passes(STILL_S)
    assert 200 == text(live_page(vitals, STILL_S))[0]
    clock.passes(12)
    told = "not live: no step for 612 s, 600 s are allowed; end the process and run the same command again, nothing is lost\n"
    assert (503, told) == text(live_page(vitals, STILL_S))
    assert (503, {"live": False, "last_step_ms": 612_000, "allowed_ms": 600_000}) == facts(live_page(vitals, STILL_S))
    vitals.steps()
    assert 200 == text(live_page(vitals, STILL_S))[0]


def test_a_service_that_begins_again_and_again_for_lack_of_brokers_lives(vitals, clock):
    for _ in range(100):
        clock.passes(STILL_S / 2)
        assert 200 == text(live_page(vitals, STILL_S))[0]
        vitals.begins()


# -- ready


def test_it_is_not_ready_before_books_and_sink_are_open(vitals):
    assert (503, "not ready: books and sink are not open yet\n") == text(ready_page(vitals))
    assert (503, {"ready": False, "opened": False, "behind": {}}) == facts(ready_page(vitals))
    vitals.opens()
    assert (200, "ready: what was there at the start is booked, of 0 partitions\n") == text(ready_page(vitals))
    vitals.begins()
    assert 503 == text(ready_page(vitals))[0]


def test_it_is_ready_once_every_partition_is_booked_and_says_what_is_missing_before(vitals):
    vitals.opens()
    usage, contracts = vitals.backlog("usage.events/0", "offsets"), vitals.backlog("contracts.events/0", "offsets")
    usage.stands(12_345, waiting=False)
    contracts.stands(0, waiting=True)
    told = "contracts.events/0 is read and not booked yet; usage.events/0 is 12,345 offsets behind"
    assert (503, f"not ready: {told}\n") == text(ready_page(vitals))
    counts = {
        "contracts.events/0": {"unread": 0, "unit": "offsets"}, "usage.events/0": {"unread": 12_345, "unit": "offsets"}
    }  # fmt: skip
    assert (503, {"ready": False, "opened": True, "behind": counts}) == facts(ready_page(vitals))
    for one in (usage, contracts):
        assert 503 == text(ready_page(vitals))[0]
        one.stands(0, waiting=False)
        one.epoch_closes()
        one.barrier()
    assert (200, "ready: what was there at the start is booked, of 2 partitions\n") == text(ready_page(vitals))


def test_what_is_sent_after_an_epoch_closed_is_not_proven_by_its_barrier(vitals):
    one = vitals.backlog("usage.events/0", "offsets")
    one.stands(3, waiting=False)
    one.epoch_closes()
    one.stands(0, waiting=False)
    one.barrier()
    assert ["usage.events/0"] == list(vitals.behind)
    one.stands(0, waiting=True)  # more has come since
    one.epoch_closes()
    assert ["usage.events/0"] == list(vitals.behind)
    one.barrier()
    assert {} == vitals.behind


def test_a_partition_that_ends_is_waited_for_no_longer(vitals):
    one = vitals.backlog("usage.events/0", "bytes")
    one.stands(3, waiting=False)
    one.ends()
    assert {} == vitals.behind


def test_the_first_process_of_a_group_answers_for_the_others_too(vitals):
    vitals.opens()
    late = {1: Signs(opened=True, behind=2, partitions=3), 2: Signs(opened=True, partitions=1), 3: Signs()}
    page = ready_page(vitals, lambda: late)
    assert (503, "not ready: worker 1 has not caught up; worker 3 has not caught up\n") == text(page)
    assert {"worker 1": {"unread": 2, "unit": "partitions"}, "worker 3": {"unread": 0, "unit": "partitions"}} == facts(
        page
    )[1]["behind"]
    late.update({1: Signs(opened=True, partitions=3), 3: Signs(opened=True)})
    assert (200, "ready: what was there at the start is booked, of 4 partitions\n") == text(page)
