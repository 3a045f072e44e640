"""Credited: what credits take from the schedules of fixed lines, and when a reversal brings it back."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any


@dataclass
class Take:
    """Of a line's service, `rest` minor units that will not be recognised, spread over what was left of it then.

    `returns` are the (instant, minor units) that came back.
    """

    at: int
    line_id: str
    service: Any
    rest: int
    returns: list = field(default_factory=list)

    def taken(self, at, now, settled):
        """What it has taken by an instant, of what has not returned by `now` (that instant left out if settled)."""
        if at <= self.at:
            return 0
        back = sum(minor for when, minor in self.returns if when < now or (when == now and not settled))
        return self._gone(self.rest - back, at)

    def _gone(self, rest, at):
        """Of so much what has been taken: over the line's term of then, what is left over each later one."""
        service, then, gone = self.service, self.service.share_on(self.at), 0
        for number, (since, later) in enumerate(self.service.later(self.at)):
            if since >= at:
                break
            if number == 0:
                service, then = later, later.share_on(self.at)
                continue
            if later.terms == service.terms:
                continue
            gone += round((rest - gone) * _of_the_rest(service, then, since))
            service, then = later, later.share(since)
        return gone + round((rest - gone) * _of_the_rest(service, then, at))

    def give_back(self, at, minor=None):
        """Return some, or all that has not returned."""
        left = self.rest - sum(minor for _, minor in self.returns)
        self.returns.append((at, left if minor is None else minor))


class Credited:
    """All takes of a contract (accounting.md rule 5, Credits)."""

    def __init__(self, takes=()):
        self.takes = [take for take in takes if take.rest]

    def taken(self, line_id, at, settled=False, now=None):
        """What is taken of a line by an instant; what returns at `now` (that instant) is gone unless settled.

        Like what a line earns, what each credit takes of it is rounded cumulatively, on its own.
        """
        now = at if now is None else now
        return sum(take.taken(at, now, settled) for take in self._of(line_id))

    def moments(self, line_id):
        """The instants at which something is taken or returned."""
        takes = self._of(line_id)
        return [take.at for take in takes] + self.returns(line_id)

    def returns(self, line_id):
        """The instants at which something returns."""
        return [at for take in self._of(line_id) for at, _ in take.returns]

    def _of(self, line_id):
        return [take for take in self.takes if take.line_id == line_id]


def _of_the_rest(service, then, at):
    """Of what a share left, how much is served by an instant; at once when it left nothing."""
    return max((service.share(at) - then) / (1 - then), Fraction(0)) if then != 1 else Fraction(1)
