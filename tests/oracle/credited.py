"""Credited: what credits take from the schedules of fixed lines, and when a reversal brings it back."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass
class Take:
    """Of a line's service, `rest` minor units that will not be recognised, spread over what was left of it then."""

    at: int
    line_id: str
    service: Any
    rest: int
    returned: int | None = None

    def taken(self, at):
        """What it has taken by an instant, while it is not returned."""
        then = self.service.share_on(self.at)
        if then == 1 or at <= self.at:
            return Fraction(0)
        return self.rest * max((self.service.share(at) - then) / (1 - then), Fraction(0))


class Credited:
    """All takes of a contract (accounting.md rule 5, Credits)."""

    def __init__(self, takes=()):
        self.takes = [take for take in takes if take.rest]

    def taken(self, line_id, at, settled=False, now=None):
        """What is taken of a line by an instant; what returns at `now` (that instant) is gone unless settled."""
        now = at if now is None else now
        found = Fraction(0)
        for take in self._of(line_id):
            gone = take.returned is not None and (take.returned < now or (take.returned == now and not settled))
            found += 0 if gone else take.taken(at)
        return found

    def moments(self, line_id):
        """The instants at which something is taken or returned."""
        takes = self._of(line_id)
        return [take.at for take in takes] + self.returns(line_id)

    def returns(self, line_id):
        """The instants at which something returns."""
        return [take.returned for take in self._of(line_id) if take.returned is not None]

    def _of(self, line_id):
        return [take for take in self.takes if take.line_id == line_id]
