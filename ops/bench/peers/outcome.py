"""Whether a peer's output is right: a fast run of wrong totals is worth nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

from ops.bench.peers.feed import DIGITS, LAST_DAY, Result, Window

SHOWN = 3


class Outcome:
    """What a peer has said, the last word of each window."""

    def __init__(self, expected: Mapping[Window, Result]) -> None:
        self._expected = expected
        self._said: dict[Window, Result] = {}
        self._open = set(expected)  # windows of which nothing right is said

    def take(self, message: bytes) -> None:
        """One record of its output topic: a JSON object with customer, meter, day, count, sum, rate. ValueError, KeyError
        when it is none.
        """
        record = json.loads(message)
        if record.get("diff", 1) < 0 or record["day"] == LAST_DAY:  # what is withdrawn, and the closing events
            return
        window = Window(record["customer"], record["meter"], record["day"])
        rate = None if record["rate"] is None else _decimal(record["rate"])
        said = self._said[window] = Result(record["count"], _decimal(record["sum"]), rate)
        if said == self._expected.get(window):
            self._open.discard(window)
        else:
            self._open.add(window)

    @property
    def complete(self) -> bool:
        """Whether every window is said, and right."""
        return not self._open

    def wrong(self) -> list[str]:
        """What differs from what the feed must give: totals, then the first windows."""
        if self.complete:
            return []
        want, was = (sum(one.events for one in side.values()) for side in (self._expected, self._said))
        units, were = (sum(one.units for one in side.values()) for side in (self._expected, self._said))
        lines = [
            f"{name}: expected {first:,}, was {second:,}"
            for name, first, second in (
                ("windows", len(self._expected), len(self._said)), ("events", want, was), ("units", units, were)
            )
            if first != second
        ]  # fmt: skip
        for window in sorted(self._open)[:SHOWN]:
            lines.append(f"{window}: expected {self._expected.get(window)}, was {self._said.get(window)}")
        return lines


def _decimal(value: str | int | float) -> Decimal:
    return Decimal(str(value)).quantize(DIGITS)
