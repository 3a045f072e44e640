"""Join: the contract line that each counted usage record belongs to, or why there is none."""

from dataclasses import dataclass, field

from . import period, rated, window
from .reference import UTC


@dataclass
class Join:
    """Usage by contract line; the rest is waiting for a contract or excepted once its window has closed."""

    lines: dict = field(default_factory=dict)
    outcomes: dict = field(default_factory=dict)


class Joiner:
    """Joins usage with the contracts known at one moment (events.md, usage.events and Fine print)."""

    def __init__(self, histories, frontier, closed_until, policies, closed_at):
        self.histories = histories
        self.frontier = frontier
        self.closed_until = closed_until
        self.policies = policies
        self.closed_at = closed_at

    def join(self, usages):
        """Join all usage; closed_at(segment) tells the periods closed when a record arrived, by entity."""
        result = Join()
        for usage in usages:
            history, line_or_problem = self._find(usage)
            if isinstance(line_or_problem, str):
                raised = line_or_problem == "contract_ambiguous" or self._closed(usage, history)
                result.outcomes[usage.position] = line_or_problem if raised else "waiting"
            elif self._rejected(usage, history):
                result.outcomes[usage.position] = "period_closed_rejected"
            else:
                result.outcomes[usage.position] = "counted"
                result.lines.setdefault((history.first.key, line_or_problem.line_id), []).append(usage)
        return result

    def _find(self, usage):
        """(history, line) or (history or None, class of exception)."""
        if usage.contract is not None:
            history = self.histories.contracts.get((usage.customer, usage.contract))
            candidates = [history] if history else []
        else:
            candidates = self.histories.customers.get(usage.customer, [])
        running = [history for history in candidates if history.covers(usage.time)]
        found = [(history, line) for history in running for line in history.usage_lines(usage.meter, usage.time)]
        if len(found) == 1:
            return found[0]
        if found:
            return None, "contract_ambiguous"
        if running:
            return running[0], "meter_unmapped"
        return None, "contract_unknown"

    def _closed(self, usage, history):
        """Whether the window of unmatched usage is closed: UTC where no contract tells the zone."""
        entity = history.first.entity if history else None
        frontier = rated.frontier_of(entity, self.frontier, self.closed_until)
        return self._window(usage, history).end <= frontier

    def _rejected(self, usage, history):
        """Late usage for a closed period under policy late_usage = reject (accounting.md rule 7)."""
        span = self._window(usage, history)
        if self.policies.value("late_usage", span.end, "first_open_period") != "reject":
            return False
        name = window.period_of(span, history.zone)
        return (history.first.entity, name) in self.closed_at(usage.segment)

    def _window(self, usage, history):
        size = self.policies.value("usage_window", usage.time, "day")
        return window.window_of(usage.time, history.zone if history else UTC, size)


def forced_end(closes, zone_of):
    """The end of the last closed period by entity: a close closes every window up to it (events.md, Fine print)."""
    ends = {}
    for entity, name in closes:
        end = period.end(name, zone_of(entity))
        ends[entity] = max(end, ends.get(entity, end))
    return ends
