"""What a run answers to those who watch over it: that it lives, and that it has caught up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from connectors.vitals import Backlog, Vitals
from ops.board import Signs
from ops.endpoint import Answer, Page

SECOND_US, MILLI_US = 1_000_000, 1_000


def live_page(vitals: Vitals, hang_s: int) -> Page:
    """200 while the flow goes on, also while it waits for brokers that are away; 503 when it has hung for so long."""

    def page(accepted: str) -> Answer:
        still = vitals.still_us
        lives = still <= hang_s * SECOND_US
        if lives:
            told = f"live: the last step was {still / SECOND_US:.1f} s ago"
        else:
            told = (
                f"not live: no step for {still // SECOND_US} s, {hang_s} s are allowed; end the process and run the same "
                "command again, nothing is lost"
            )
        facts = {"live": lives, "last_step_ms": still // MILLI_US, "allowed_ms": hang_s * 1_000}
        return _answer(accepted, lives, told, facts)

    return page


def ready_page(vitals: Vitals, others: Callable[[], Mapping[int, Signs]] = dict) -> Page:
    """200 once all partitions of this process, and of the `others` by number, have been booked up to where they ended at the
    start; 503 with what is missing before."""

    def page(accepted: str) -> Answer:
        opened, behind = vitals.opened, vitals.behind
        group = others()
        late = {f"worker {number}": one for number, one in group.items() if not one.ready}
        ready = opened and not behind and not late
        if ready:
            count = vitals.partitions + sum(one.partitions for one in group.values())
            told = f"ready: what was there at the start is booked, of {count} partitions"
        elif opened and not behind:
            told = "not ready: " + "; ".join(f"{name} has not caught up" for name in late)
        elif behind:
            told = "not ready: " + "; ".join(f"{name} is {_words(one)}" for name, one in behind.items())
        else:
            told = "not ready: books and sink are not open yet"
        missing = {name: {"unread": one.behind, "unit": "partitions"} for name, one in late.items()}
        return _answer(accepted, ready, told, {"ready": ready, "opened": opened, "behind": _counts(behind) | missing})

    return page


def _words(one: Backlog) -> str:
    return f"{one.unread:,} {one.unit} behind" if one.unread else "read and not booked yet"


def _counts(behind: Mapping[str, Backlog]) -> dict[str, dict[str, int | str]]:
    return {name: {"unread": one.unread, "unit": one.unit} for name, one in behind.items()}


def _answer(accepted: str, good: bool, told: str, facts: Mapping[str, object]) -> Answer:
    status = 200 if good else 503
    if "application/json" in accepted:
        return Answer(status, "application/json", json.dumps(facts).encode() + b"\n")
    return Answer(status, "text/plain; charset=utf-8", told.encode() + b"\n")
