"""Brokers that are away when a service starts: it waits for them, as it does later on."""

from __future__ import annotations

import threading
from collections.abc import Callable

from connectors.errors import AWAY
from connectors.follow import Follow
from ops.log import say

AWAY_REST_S = 2  # between two attempts to reach brokers
LOOK_S = 0.05


def reached(follow: Follow | None, ask: Callable[[], object]) -> bool:
    """Ask until there is an answer; False when the service was told to stop before. What does not follow its source does not
    wait: SourceAway, SinkAway.
    """
    if follow is None:
        ask()
        return True
    waits = False
    while not follow.stopping:
        try:
            if not _asked(follow, ask):
                return False
        except AWAY as error:
            if not waits:  # once: whoever watches sees by /ready and by the exit that never comes that it lasts
                say(f"accrual run: {error} It is waited for", "brokers_away")
            waits = True
            follow.rest(AWAY_REST_S)
        else:
            if waits:
                say("accrual run: the brokers answer", "brokers_back", "info")
            return True
    return False


def _asked(follow: Follow, ask: Callable[[], object]) -> bool:
    """Whether there was an answer before the service was told to stop: a question may take half a minute, an end ten seconds."""
    failed: list[Exception] = []

    def act() -> None:
        try:
            ask()
        except Exception as error:  # raised again where it was asked
            failed.append(error)

    asking = threading.Thread(target=act, daemon=True, name="asking")
    asking.start()
    while asking.is_alive() and not follow.stopping:
        asking.join(LOOK_S)
    if failed:
        raise failed[0]
    return not asking.is_alive()
