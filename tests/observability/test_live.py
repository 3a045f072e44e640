"""The whole of it, live: every alert fires and clears, every panel has data, and the totals are those of the oracle."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from accounting.currency import digits
from schemas.topics import USAGE
from tests.observability.course import play
from tests.observability.exposed import PROMETHEUS, exposed
from tests.observability.scene import DUPLICATES, Scene, scene
from tests.ops.grafana.test_dashboards import FILES, panels
from tests.oracle import compute
from tests.support.promql import replaced
from tests.support.rules import alerts

pytestmark = pytest.mark.slow


def test_alerts_fire_and_clear_panels_have_data_and_totals_are_the_oracles(tmp_path):
    with scene(tmp_path) as there:
        play(there)
        assert alerts().keys() == there.prometheus.fired()
        assert set() == there.prometheus.firing()
        assert [] == without_data(there)
        assert [] == unlike_what_is_known(there)
        assert [] == unlike_the_oracle(there)


def without_data(there: Scene) -> list[str]:
    """Dashboard, panel and query of each that has shown nothing at any time, whatever is chosen in its variables."""
    found = []
    for file in FILES:
        for panel in panels(json.loads(file.read_text())):
            for target in panel["targets"]:
                if not there.prometheus.drawn(replaced(target["expr"])):
                    found.append(f"{file.stem}: {panel['title']}: {target['expr']}")
    return found


def unlike_what_is_known(there: Scene) -> list[str]:
    """Series that exposed.py does not know, with other labels than it says, or that it knows and nobody exposes."""
    known = {name: labels for name, labels in exposed().items() if name not in ("up", "ALERTS")}
    there_are: dict[str, set[str]] = {}
    for labels, _ in there.prometheus.drawn('{__name__=~"(accrual|process)_.*"}'):
        there_are.setdefault(labels.pop("__name__"), set()).update(labels)
    said = {name: frozenset(labels) for name, labels in there_are.items()}
    ours = {name: labels for name, labels in said.items() if name.startswith("accrual_") or name in known}
    own = frozenset(PROMETHEUS)
    return sorted(
        f"{name}: {sorted(known.get(name, frozenset()) - own)} is {sorted(ours.get(name, frozenset()) - own)}"
        for name in known.keys() | ours.keys()
        if known.get(name) != ours.get(name) and not name.endswith("_created")
    )


def unlike_the_oracle(there: Scene) -> list[str]:
    """What Prometheus holds in the end, beside what an independent program makes of the same input."""
    expected, prometheus = compute(str(there.feed.root), None), there.prometheus
    assert not expected.order_dependent
    assert not expected.not_covered
    outcomes = expected.counts()
    pairs = {
        "read": (there.rows, prometheus.value("sum(accrual_events_read_total)")),
        "counted": (outcomes["counted"], prometheus.value("sum(accrual_events_counted_total) - sum(accrual_events_unplaced)")),
        "duplicate": (outcomes["duplicate"], prometheus.value("sum(accrual_events_duplicate_total)")),
        "sent twice": (DUPLICATES, prometheus.value("sum(accrual_events_duplicate_total)")),
        "late": (late(there), prometheus.value("sum(accrual_events_late_total)")),
        "open exceptions": (
            dict(Counter((one[0],) for one in expected.exceptions)),
            {key: count for key, count in prometheus.by("sum by (class) (accrual_exceptions_open)", "class").items() if count},
        ),
        "entries": (len(there.service.said("revenue.journal")), prometheus.value("sum(accrual_journal_entries_total)")),
        "balances": (balances(expected.sums), said_balances(there)),
        "positions": (
            {key: minor for key, minor in balances(expected.sums).items() if key[2] in POSITIONS}, said_positions(there),
        ),
    }  # fmt: skip
    return [f"{name}: expected {right}, was {found}" for name, (right, found) in pairs.items() if right != found]


LATENESS = timedelta(hours=1)  # the setting lateness_s
POSITIONS = ("accounts_receivable", "contract_asset", "deferred_revenue", "unbilled_receivable")
Balances = dict[tuple[str, ...], int]


def balances(sums) -> Balances:
    """Minor units, debits less credits, by entity, currency and account."""
    found: Counter = Counter()
    for (entity, currency, _, _, account, *_), minor in sums.items():
        found[entity, currency, account] += minor
    return {key: minor for key, minor in found.items() if minor}


def said_balances(there: Scene) -> Balances:
    """The same as Prometheus has it."""
    by, found = "entity, currency, account", Counter()
    for side, sign in (("debit", 1), ("credit", -1)):
        asked = f'sum by ({by}) (accrual_postings_amount_total{{side="{side}"}})'
        for key, amount in there.prometheus.by(asked, *by.split(", ")).items():
            found[key] += sign * minor_units(amount, key[1])
    return {key: minor for key, minor in found.items() if minor}


def said_positions(there: Scene) -> Balances:
    """Of the gauge."""
    by = "entity, currency, account"
    found = there.prometheus.by(f"sum by ({by}) (accrual_position_amount)", *by.split(", "))
    return {key: minor for key, amount in found.items() if (minor := minor_units(amount, key[1]))}


def minor_units(amount: float, currency: str) -> int:
    """Of an amount that has passed through 64-bit floats."""
    return round(amount * 10 ** digits(currency))


def late(there: Scene) -> int:
    """Usage that is late by a second opinion: no duplicate, no conflict, an hour older than the newest before it."""
    found, known = 0, set()
    for place in sorted((there.feed.root / USAGE).glob("*.jsonl")):
        newest = datetime(2000, 1, 1, tzinfo=UTC)
        for line in place.read_bytes().splitlines():
            if not line.startswith(b"{"):
                continue
            one = json.loads(line)
            at = datetime.fromisoformat(one["event_time"])
            found += one["event_id"] not in known and newest - at > LATENESS
            known.add(one["event_id"])
            newest = max(newest, at)
    return found
