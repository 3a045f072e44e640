"""The guard that stays on where money moves."""

from __future__ import annotations


class InvariantBroken(Exception):
    """A fact that the books depend on does not hold: stop rather than post.

    Never raised for bad input (that is returned as data); raised for a defect in the program or for state that no
    correct run can have written.
    """


def require(condition: bool, message: str, **facts: object) -> None:
    """Raise InvariantBroken with `message` and `facts` unless `condition`; unlike `assert` it survives `python -O`."""
    if not condition:
        shown = ", ".join(f"{name}={value!r}" for name, value in facts.items())
        raise InvariantBroken(f"{message} ({shown})" if shown else message)
