"""The plans of a contract's lines as versions change them: what each had earned by a day, and what it goes on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from accounting.allocation import largest_remainder
from accounting.contract import ContractVersion, Line, LineKind
from accounting.coverage import ALWAYS
from accounting.progress import steps
from accounting.recognition import LinePlan, Phase
from accounting.schedule import Method, curve


class LinePlans:
    """By line id."""

    def __init__(self, versions: Sequence[ContractVersion], zone_name: str, method: Callable[[Line], Method]) -> None:
        """`versions` are those whose progress counts."""
        self._versions, self._zone, self._method = versions, zone_name, method
        self.residual_last = False  # policy residual = last_full_period, at the contract's start
        self.known: dict[str, LinePlan] = {}
        self._credits: dict[str, list[tuple[int, int]]] = {}  # what settled goods already delivered, and when
        self._terms: dict[str, list[tuple[int, int]]] = {}  # when a line was renewed, and what earlier terms had earned

    def branch(self, method: Callable[[Line], Method]) -> LinePlans:
        """Plans that go on from here: what becomes of them changes nothing in these."""
        plans = LinePlans(self._versions, self._zone, method)
        plans.residual_last = self.residual_last
        # What they hold by line is replaced, never changed.
        plans.known, plans._credits, plans._terms = self.known.copy(), self._credits.copy(), self._terms.copy()
        return plans

    def last(self, name: str) -> Phase:
        """The phase that a line is in after all versions so far."""
        return self.known[name].phases[-1]

    def before(self, name: str, since: int) -> tuple[Phase, ...]:
        """The phases of a line that began before an instant; of a line that is not known, none."""
        plan = self.known.get(name)
        if plan is None or plan.phases[-1].since < since:
            return plan.phases if plan else ()
        return tuple(one for one in plan.phases if one.since < since)

    def earned(self, name: str, since: int) -> int:
        """What a line has earned by the start of a day, before the version that takes effect then."""
        plan = self.known.get(name)
        if plan is None:
            return 0
        return plan.earned([since - 1 if plan.steps is not None else since], self._zone)[0]

    def renew(self, line: Line, since: int) -> None:
        """A line that goes on with a term after its old one: what that one has earned is no part of the new total."""
        kept = self.before(line.line_id, since)
        renewals = [one for one in self._terms.get(line.line_id, ()) if one[0] < since]
        if kept and line.kind is LineKind.RATABLE and line.start >= max(since, kept[-1].line.end or line.start + 1):
            renewals.append((since, self.earned(line.line_id, since)))
        self._terms[line.line_id] = renewals

    def earlier_terms(self, name: str, since: int) -> int:
        """What a line had earned by terms that were over when it was renewed, by a version up to that day."""
        return next((amount for at, amount in reversed(self._terms.get(name, [])) if at <= since), 0)

    def over(self, line: Line, at: int) -> tuple[int, int]:
        """What of a line is over before an instant: part and whole of its term; incurred and expected of its progress."""
        if line.kind is LineKind.RATABLE:
            shares = curve(line.start, line.end or 0, self._method(line), self._zone, (at,))
            return shares.numerators[0], shares.denominator
        step = next((one for one in reversed(steps(line, self._versions) or ()) if one.instant < at), None)
        return (step.incurred, step.expected) if step else (0, 1)

    def credited(self, names: Sequence[str], past_credit: int, since: int) -> dict[str, int]:
        """What each line bears of a price change that settles goods already delivered: by what it has earned.

        What a version of the same day, or of a later one, has settled so before stays settled, by the same measure.
        """
        found = dict.fromkeys(names, 0)
        for name in names:
            known = self._credits.get(name, [])
            past_credit += sum(amount for at, amount in known if at >= since)
            self._credits[name] = [one for one in known if one[0] < since]
        if not past_credit:
            return found
        begun = [name for name in names if self.before(name, since)]  # others have delivered nothing
        earned = [abs(self.earned(name, since)) for name in begun]
        for name, part in zip(begun, largest_remainder(past_credit, earned) if begun else (), strict=True):
            found[name] = part
            self._credits[name].append((since, part))
        return found

    def begin(self, line: Line, amount: int, version: int, since: int = ALWAYS) -> None:
        """A line that earns as it would on its own, from its start on.

        `since`: the day of change with which it comes; what it would have earned by then is earned at once.
        """
        begun = Phase(ALWAYS, 0, amount, (0, 1), line, version, self._method(line))
        late = line.start < since if line.kind is LineKind.RATABLE else self.over(line, since)[0] > 0
        self.set(line, (begun._replace(amount=0), begun._replace(since=since)) if late else (begun,))

    def go_on(
        self, line: Line, since: int, base: int, amount: int, version: int, over: tuple[int, int] = (0, 1)
    ) -> None:
        """From a day on a line has earned `base` and earns `amount` over what is not `over` of it."""
        self.add(line, Phase(since, base, amount, over, line, version, self._method(line)))

    def raise_by(self, name: str, amount: int, since: int, version: int) -> None:
        """A line is to earn so much more, on the terms that it has: what is over of it at once.

        Where a later version has already said what is left then, the change counts with it.
        """
        last = self.last(name)
        self.add(last.line, last._replace(since=max(since, last.since), amount=last.amount + amount, version=version))

    def end(self, name: str, since: int, version: int, credit: int, never: bool = False) -> None:
        """The line keeps what it has earned by then, less a credit, and earns no more; at its start it never was.

        `never`: the version that added it is taken back, with what it earned by a term that began earlier.
        """
        plan, last = self.known[name], self.last(name)
        # A delivery or progress before the line's own start goes with the line.
        started = since > last.line.start and not never
        base = self.earned(name, since) - credit if started else plan.phases[0].base
        kept = () if never else self.before(name, since)
        phase = Phase(since, base, 0, (0, 1), last.line, version, last.method, ended=True)
        self.set(last.line, (*kept, phase))

    def take_back(self, line: Line, since: int) -> None:
        """A line goes on as it was planned before a day."""
        self.set(line, self.before(line.line_id, since))
        for known in (self._credits, self._terms):
            known[line.line_id] = [one for one in known.get(line.line_id, ()) if one[0] < since]

    def add(self, line: Line, phase: Phase) -> None:
        """What earlier versions planned from the effective date on gives way to the new version."""
        kept = self.before(line.line_id, phase.since)
        if kept and phase.goes_on_as(kept[-1]):
            self.set(line, kept)  # nothing is different from what was planned before
        else:
            self.set(line, (*kept, phase))

    def set(self, line: Line, phases: tuple[Phase, ...]) -> None:
        """Plan a line. One that came ahead of its term and was never changed since has the schedule it began with."""
        begun = phases[0]
        alone = len(phases) == 1 and begun.since <= line.start and not (begun.base or begun.opened or begun.ended)
        truncated = self.residual_last and alone and line.kind is LineKind.RATABLE
        own = steps(line, self._versions)
        self.known[line.line_id] = LinePlan(line.line_id, line.product_id, phases, own, truncated)
