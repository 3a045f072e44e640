"""Estimates: variable amounts through the versions of a contract, and where a later change of one goes."""

from dataclasses import dataclass, field

from . import instant, number
from .terms import day_of_change


@dataclass
class Round:
    """One allocation of a group: by `ssp` over all its lines, by `weights` what was open at a modification.

    `total` and `pool` are the minor units that each of them spreads; a later change of an estimate moves them.
    """

    day: int
    ssp: dict
    total: int
    weights: dict = field(default_factory=dict)
    pool: int = 0


class Estimates:
    """The variable amounts of the versions taken up that concern the fixed lines of one group."""

    def __init__(self, taken, zone, currency, group, main):
        self.currency = currency
        self.line_ids = group.line_ids
        self.main = main
        self.course = []  # (day, version): what it says of estimates holds from that day on
        before = None
        for version in taken:
            if version.kind == "cancelled":
                continue
            day = day_of_change(version, zone)
            if not self.course:
                self.course = [(instant.FAR_PAST, version)]
            elif version.variable != before.variable or any(version is one for one in group.touched):
                # One that only repeats what the version before it says moves nothing, whatever its day.
                self.course = [one for one in self.course if one[0] < day] + [(day, version)]
            before = version

    def at(self, day):
        """(minor units, lines or None for the whole pool) by id, from a day on."""
        known = [version for since, version in self.course if since <= day]
        found = {}
        for one in known[-1].variable if known else ():
            scope = tuple(line_id for line_id in one.line_ids if line_id in self.line_ids)
            if scope or (self.main and not one.line_ids):
                found[one.name] = (number.to_minor(one.amount, self.currency), scope or None)
        return found

    def days(self, after):
        """The days after another one on which estimates may change."""
        return sorted({day for day, _ in self.course if day > after})


def of_pool(estimates):
    """The sum of the estimates that belong to the whole pool."""
    return sum(minor for minor, scope in estimates.values() if scope is None)


def of_lines(estimates, ssp):
    """What the estimates for certain lines come to by line, by relative SSP."""
    found = dict.fromkeys(ssp, 0)
    for minor, scope in estimates.values():
        for line_id, part in _scoped(minor, scope, ssp).items():
            found[line_id] += part
    return found


def shifted(before, after, origin, rounds):
    """By line what a change of one estimate comes to: on the basis of its origin, the open share by later pools.

    One that belongs to certain lines stays with them.
    """
    (old, scope), new = before, after
    if scope is not None:
        was, now = _scoped(old, scope, origin.ssp), _scoped(new, scope, origin.ssp)
        return {line_id: now[line_id] - was[line_id] for line_id in now}
    parts = _moved(origin.ssp, origin.total, new - old)
    origin.total += new - old
    for later in rounds[rounds.index(origin) :]:
        joined = [line_id for line_id in parts if later.weights.get(line_id)]
        moved = sum(parts.pop(line_id) for line_id in joined)
        for line_id, part in _moved(later.weights, later.pool, moved).items():
            parts[line_id] = parts.get(line_id, 0) + part
        later.pool += moved
    return parts


def _scoped(minor, scope, ssp):
    if scope is None:
        return {}
    names = [line_id for line_id in ssp if line_id in scope]
    return dict(zip(names, number.split(minor, [ssp[line_id] for line_id in names])))


def _moved(weights, pool, difference):
    """How a pool's split changes when the pool does."""
    names, sizes = list(weights), list(weights.values())
    before, after = number.split(pool, sizes), number.split(pool + difference, sizes)
    return {line_id: new - old for line_id, old, new in zip(names, before, after)}
