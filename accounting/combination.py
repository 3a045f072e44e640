"""Combination: contracts that were agreed together with one customer are accounted for as one (606-10-25-9, IFRS 15.17)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise, takewhile

from accounting.calendar import local_date, start_of_day
from accounting.contract import ContractVersion, Line, LineKind, Variable, VersionKind
from accounting.contract_plan import ContractPlan
from accounting.line_plans import LinePlans
from accounting.modification import Decision, Treatment, decide
from accounting.recognition import LinePlan
from accounting.schedule import Method

Versions = Sequence[ContractVersion]
Origin = tuple[str, int]  # contract, version


def linked(pairs: Iterable[tuple[str, str]], contract_id: str) -> list[str]:
    """The contracts that pairs of them tie to one, itself included, by id."""
    found, left = {contract_id}, list(pairs)
    while touching := [pair for pair in left if found.intersection(pair)]:
        left = [pair for pair in left if pair not in touching]
        found = found.union(*touching)
    return sorted(found)


def barrier(one: ContractVersion, other: ContractVersion, zones: tuple[str, str]) -> str | None:
    """Why a contract is not combined with the one that its version 1 names, and the remedy; None where it is.

    `zones` are the time zones of their books.
    """
    named = f"combined_with names contract {other.contract_id}, but"
    for what, own, others in (
        ("currency", one.currency, other.currency),
        ("entity", one.entity, other.entity),
        ("time zone", *zones),
    ):
        if own != others:
            return (
                f"{named} this has {what} {own} and that has {others}: end it and begin it again with {what} {others} to "
                "combine them"
            )
    opened = [each.contract_id for each in (one, other) if each.opening is not None]
    if opened:
        return f"{named} {' and '.join(opened)} has an opening balance: take both over as one contract to combine them"
    return None


def combine(members: Mapping[str, Versions], waiting: Mapping[Origin, Decision] | None = None) -> Combined:
    """Lay the versions of a group's contracts out as those of one contract, whatever the order in which they came.

    Version 1 has the lines of all versions 1; each later version of a contract is one more, with its date, treatment and
    lines and with the lines that the others have then. They follow each other by the date from which they hold, the
    versions of one contract in their own order: a version that reaches back takes the place of those after its date. A
    cancellation changes nothing for the others: its own lines end (`Combined.part`), and later versions of the others
    are without them. A contract that goes on after its cancellation goes on as if it had not been cancelled. `waiting`
    are versions that nobody could decide: they are left out.
    """
    return Combined(dict(sorted(members.items())), waiting or {})


def plan_together(
    members: Mapping[str, Versions], make: Callable[[Versions], ContractPlan]
) -> tuple[Combined, ContractPlan]:
    """A group and its plan; what nobody can decide of one contract does not come in with a version of another one."""
    combined = combine(members)
    while True:
        plan = make(combined.versions)
        undecidable = next((one for one in plan.decisions if one.undecidable and not _begins(one)), None)
        if undecidable is None:
            return combined, plan
        origin = combined.origins[undecidable.version - 1]
        combined = combine(members, {**combined.waiting, origin: replace(undecidable, version=origin[1])})


@dataclass(slots=True)
class Combined:
    """Contracts as one: its versions, and for each contract its own share of the plan that is made of them.

    Only what is recognised is shared out. Each contract keeps its own position, by what itself has billed; presenting one
    net contract asset or liability for the group (606-10-45-1) is left to the ERP.
    """

    members: Mapping[str, Versions]  # by id
    waiting: Mapping[Origin, Decision]  # versions that nobody could decide
    versions: list[ContractVersion] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)  # of each version: the version of a contract that makes it
    _newest: list[dict[str, int]] = field(default_factory=list)  # of each version: contract -> its version by then

    def __post_init__(self) -> None:
        firsts = [versions[0] for versions in self.members.values()]
        newest = {one.contract_id: one if self._begun(one) else _unmeasured(one) for one in firsts}
        self._add(next(iter(newest.values())), newest, VersionKind.ACTIVATED)
        self.versions[0] = replace(
            self.versions[0],
            known_at=min(one.known_at for one in firsts),
            effective_at=min(one.effective_at for one in firsts),
            modification=None,
        )
        for version in self._in_order():
            newest[version.contract_id] = version
            if version.kind is not VersionKind.CANCELLED:
                kind = VersionKind.AMENDED if version.version == 1 else version.kind
                self._add(version, newest, kind)

    def _in_order(self) -> Iterator[ContractVersion]:
        """All but the versions that are there from the start, by the date from which they hold."""
        found: list[tuple[int, str, int, ContractVersion]] = []
        for name, versions in self.members.items():
            own = [one for one in versions[1:] if (name, one.version) not in self.waiting]
            if not self._begun(versions[0]):
                own.insert(0, replace(versions[0], effective_at=_begins_at(versions[0])))
            # A later version that reaches back replaces this one from its date on: nothing between them lasts.
            holds = list(accumulate((one.effective_at for one in reversed(own)), min))[::-1]
            found += [(at, name, one.version, one) for at, one in zip(holds, own, strict=True)]
        found.sort(key=lambda one: one[:3])
        return (one for *_, one in found)

    @property
    def _start(self) -> int:
        return min(_begins_at(versions[0]) for versions in self.members.values())

    def _begun(self, first: ContractVersion) -> bool:
        """Whether what a version 1 says of progress holds from the start of the group, or only later."""
        measured = any(line.kind is LineKind.MILESTONE and line.progress for line in first.lines)
        return not measured or _begins_at(first) <= self._start

    def _add(self, version: ContractVersion, newest: Mapping[str, ContractVersion], kind: VersionKind) -> None:
        """One more version: `version` with what the contracts have by then, but for those that are cancelled."""
        ended = {name for name, one in newest.items() if self.versions and one.kind is VersionKind.CANCELLED}
        there = [one for name, one in newest.items() if name not in ended]
        ends = [one.end for one in there]
        self.origins.append((version.contract_id, version.version))
        self._newest.append({name: one.version for name, one in newest.items()})
        self.versions.append(
            replace(
                version,
                contract_id=" + ".join(self.members),
                version=len(self.versions) + 1,
                kind=kind,
                start=min(one.start for one in there),
                end=None if None in ends else max(end for end in ends if end is not None),
                lines=tuple(line for one in there for line in _lines(one)),
                variable=tuple(variable for one in there for variable in _variables(one)),
                opening=None,
                combined_with=None,
            )
        )

    # -- what belongs to one contract

    def part(self, plan: ContractPlan, contract_id: str) -> ContractPlan:
        """A contract's own share of the group's plan: its lines under its own ids, and what was decided of its versions."""
        own = self.members[contract_id]
        names = {_named(contract_id, line.line_id): line.line_id for version in own for line in version.lines}
        lines = [self._own(line, names[line.line_id], contract_id) for line in plan.lines if line.line_id in names]
        decisions = {one.version: one for one in self._decided(plan, contract_id, names)}
        taken = [one for one in own if one.version not in decisions or decisions[one.version].undecidable is None]
        for before, version in pairwise(taken):
            if version.kind is VersionKind.CANCELLED:
                decided = decide(before, version, lambda line: line.total or 0)
                decisions[version.version] = replace(decided, version=version.version)
        if taken and taken[-1].kind is VersionKind.CANCELLED:
            lines = _ended(lines, taken, plan.zone)
        last = [decisions.get(version.version) for version in reversed(own)]
        waits = list(takewhile(lambda one: one is not None and one.undecidable is not None, last))
        first = waits[-1] if waits else None
        return replace(
            plan,
            lines=tuple(lines),
            decisions=tuple(one for _, one in sorted(decisions.items())),
            undecidable=(first.version, first.undecidable or "") if first is not None else None,
        )

    def _own(self, line: LinePlan, name: str, contract_id: str) -> LinePlan:
        def version(number: int) -> int:
            return self._newest[number - 1][contract_id]

        phases = tuple(
            phase._replace(line=replace(phase.line, line_id=name), version=version(phase.version))
            for phase in line.phases
        )
        steps = line.steps and tuple(replace(step, version=version(step.version)) for step in line.steps)
        return replace(line, line_id=name, phases=phases, steps=steps)

    def _decided(self, plan: ContractPlan, contract_id: str, names: Mapping[str, str]) -> Iterator[Decision]:
        """The decisions of a contract's versions; those that could not begin the group count until another one has."""
        waited = [one.version for one in plan.decisions if _begins(one)]
        begun = self._newest[len(waited)][contract_id] if len(waited) < len(self.versions) else None
        for one in plan.decisions:
            origin, own = self.origins[one.version - 1]
            if _begins(one):
                number = 1 if one.version == 1 else own
                if (origin == contract_id or one.version == 1) and number != begun:
                    yield self._as_own(one, number, names)
            elif origin == contract_id and own > 1:
                yield self._as_own(one, own, names)
        for (origin, _), one in self.waiting.items():
            if origin == contract_id:
                yield self._as_own(one, one.version, names)

    @staticmethod
    def _as_own(one: Decision, number: int, names: Mapping[str, str]) -> Decision:
        """A decision about a contract's version; the lines of others, and those in the evidence, keep their long ids."""

        def own(found: Iterable[str]) -> tuple[str, ...]:
            return tuple(names.get(name, name) for name in found)

        evidence = tuple(
            test._replace(inputs=tuple((key, str(number) if key == "version" else value) for key, value in test.inputs))
            for test in one.evidence
        )
        return replace(
            one, evidence=evidence, added=own(one.added), removed=own(one.removed), changed=own(one.changed),
            catch_up=frozenset(own(one.catch_up)), version=number,
        )  # fmt: skip


def _begins(decision: Decision) -> bool:
    """Whether it is about a version that was to begin the contract."""
    return decision.treatment is Treatment.NEW_CONTRACT


def _begins_at(first: ContractVersion) -> int:
    return max(first.effective_at, first.start)


def _named(contract_id: str, line_id: str) -> str:
    """The id of a line in the group. The first slash ends the contract's: two contracts never have one line."""
    return f"{contract_id.replace('~', '~0').replace('/', '~1')}/{line_id}"


def _unmeasured(first: ContractVersion) -> ContractVersion:
    """A version 1 without what it says of progress."""
    return replace(first, lines=tuple(replace(line, progress=None) for line in first.lines))


def _lines(version: ContractVersion) -> Iterator[Line]:
    """The lines under their ids in the group."""
    return (replace(line, line_id=_named(version.contract_id, line.line_id)) for line in version.lines)


def _variables(version: ContractVersion) -> Iterator[Variable]:
    for one in version.variable:
        names = tuple(_named(version.contract_id, name) for name in one.line_ids)
        yield replace(one, variable_id=_named(version.contract_id, one.variable_id), line_ids=names)


def _ended(lines: Sequence[LinePlan], versions: Versions, zone_name: str) -> list[LinePlan]:
    """The lines of a contract whose last version cancels it: what they have earned by the start of that day is theirs."""
    version = versions[-1]
    since = start_of_day(local_date(version.effective_at, zone_name), zone_name)
    plans = LinePlans(versions, zone_name, lambda line: Method(line.method or Method.DAILY))  # it begins no phase
    plans.known = {line.line_id: line for line in lines}
    past_credit = (version.modification.past_credit or 0) if version.modification else 0
    credited = plans.credited(list(plans.known), past_credit, since)
    for name, credit in credited.items():
        plans.end(name, since, version.version, credit)
    return list(plans.known.values())
