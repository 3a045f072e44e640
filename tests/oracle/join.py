"""Join: the contract line that each counted usage record belongs to, or why there is none."""

from dataclasses import dataclass, field

from . import rated, window
from .reference import UTC


@dataclass
class Join:
    """Usage by contract line; the rest is waiting for a contract or excepted once its window has closed."""

    lines: dict = field(default_factory=dict)
    outcomes: dict = field(default_factory=dict)
    doubtful: set = field(default_factory=set)


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
            histories, line_or_problem = self._find(usage)
            if isinstance(line_or_problem, str):
                self._wait(usage, histories, line_or_problem, result)
            elif self._rejected(usage, histories[0]):
                result.outcomes[usage.position] = "period_closed_rejected"
            else:
                result.outcomes[usage.position] = "counted"
                result.lines.setdefault((histories[0].first.key, line_or_problem.line_id), []).append(usage)
        return result

    def _wait(self, usage, histories, problem, result):
        """Unmatched usage waits until its window has closed; doubtful when its contracts disagree about that.

        Ambiguous usage is doubtful when it may have been rejected as late before another contract became known.
        """
        if problem == "contract_ambiguous":
            rejected = any(self._rejected(usage, history) for history in histories)
            result.outcomes[usage.position] = "waiting" if rejected else problem
            names = (problem, "period_closed_rejected") if rejected else ()
            result.doubtful |= {(name, *usage.position) for name in names}
            return
        closed = {self._closed(usage, history) for history in histories}
        if not histories:
            closed = {self._closed_in(usage, None, zone) for zone in self._zones(usage)}
        result.outcomes[usage.position] = problem if closed == {True} else "waiting"
        if closed == {True, False}:
            result.doubtful.add((problem, *usage.position))

    def _find(self, usage):
        """([history], line) or (the histories that run, class of exception)."""
        if usage.contract is not None:
            history = self.histories.contracts.get((usage.customer, usage.contract))
            candidates = [history] if history else []
        else:
            candidates = self.histories.customers.get(usage.customer, [])
        running = [history for history in candidates if history.covers(usage.time)]
        found = [(history, line) for history in running for line in history.usage_lines(usage.meter, usage.time)]
        if len(found) == 1:
            return [found[0][0]], found[0][1]
        if found:
            return [history for history, _ in found], "contract_ambiguous"
        return running, "meter_unmapped" if running else "contract_unknown"

    def _closed(self, usage, history):
        """Whether the window of usage is closed for a contract."""
        return self._closed_in(usage, history.first.entity, history.zone)

    def _closed_in(self, usage, entity, zone):
        return self._window(usage, zone).end <= rated.frontier_of(entity, self.frontier, self.closed_until)

    def _zones(self, usage):
        """The zones that usage without a running contract may be in: those of its customer's contracts, else UTC."""
        return {history.zone for history in self.histories.customers.get(usage.customer, [])} or {UTC}

    def _rejected(self, usage, history):
        """Late usage for a closed period under policy late_usage = reject (accounting.md rule 7)."""
        span = self._window(usage, history.zone)
        if self.policies.value("late_usage", span.last) != "reject":
            return False
        name = window.period_of(span, history.zone)
        return (history.first.entity, name) in self.closed_at(usage.segment)

    def _window(self, usage, zone):
        return window.window_by_policy(usage.time, zone, self.policies)
