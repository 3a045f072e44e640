"""Policies of random feeds: every key and value, from the start or from some day on, and some that nobody knows."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from tests.support.moments import START, instant

Record = dict[str, Any]


class DrawnPolicies:
    """Control records of kind policy, in the order of their times."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"{seed} policies")

    def records(self) -> list[Record]:
        """At most a few; each of them may come again from another day on."""
        rng, found = self.random, []
        for key, values, chance in (
            ("usage_window", ("hour", "month", "day"), 0.35),
            ("zero_flat_fee", ("no", "yes"), 0.2),
            ("late_usage", ("reject", "first_open_period"), 0.35),
            ("carry", ("yes",), 0.06),
        ):
            if rng.random() < chance:
                found += self._course(key, values)
        # What a day's recognition is inside a period that is truncated as a whole has no rule: one or the other.
        if rng.random() < 0.3:
            found += self._course("recognise", ("daily", "period_end"))
        elif rng.random() < 0.3:
            found += self._course("residual", ("last_full_period", "cumulative"))
        if rng.random() < 0.1:
            found.append(self._record(*rng.choice((("colour", "red"), ("usage_window", "week"))), rng.randint(-50, 40)))
        return sorted(found, key=lambda one: one["event_time"])

    def _course(self, key: str, values: tuple[str, ...]) -> list[Record]:
        """From the start, then perhaps another value; known long before, when it takes effect, or only afterwards."""
        rng = self.random
        found = [self._record(key, rng.choice(values[:2]), -60, rng.choice((-200, -200, rng.randint(-20, 40))))]
        while rng.random() < 0.4 and len(values) > 1:
            day = rng.randint(5, 50)
            # Whether usage was late is told when it comes: that policy is always known before.
            known = -60 if key == "late_usage" else rng.choice((-60, -60, day, day + rng.randint(1, 25)))
            found.append(self._record(key, rng.choice(values), known, day))
        return found

    def _record(self, key: str, value: str, known: int, effective: int | None = None) -> Record:
        """Known on a day of the feed, at noon or so; effective from another one, at a time of day."""
        rng = self.random
        at = START + timedelta(days=known, hours=12)
        record: Record = {"source": "ops", "event_time": instant(at), "kind": "policy", "key": key, "value": value}
        if effective is not None and effective != known:
            time = timedelta(days=effective, hours=rng.choice((0, 0, 5, 14)), minutes=rng.choice((0, 0, 20)))
            record["effective_from"] = instant(START + time)
        return record
