"""What people are told while a schema registry is waited for: when it begins, now and then, and when it ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from ops.log import say

AGAIN_S = 300


class ToldOutage:
    """Lines on standard error, few of them however often it is tried."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._since = ""
        self._told = 0.0

    def lasts(self, why: str) -> None:
        """There was no answer, again."""
        now = time.monotonic()
        if self._began is None:
            self._began, self._since = now, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        elif now - self._told < AGAIN_S:
            return
        self._told = now
        say(
            f"accrual: waiting since {self._since}: {why}; messages whose schema is not known yet stay unread, none is "
            "dropped",
            "registry_away",
        )

    def ended(self) -> None:
        """There was one."""
        if self._began is None:
            return
        lasted, self._began = time.monotonic() - self._began, None
        say(f"accrual: the schema registry answers again, after {lasted:.0f} s", "registry_back", "info")
