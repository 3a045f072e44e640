"""One thing that was looked at: how it is, and what to do if it is not well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ops.failures import told

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """`part` is what it is about, `says` what was found; `facts` are for programs."""

    level: Level
    part: str
    says: str
    remedy: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"level": self.level, "part": self.part, "says": self.says, "remedy": self.remedy, **self.facts}


def ok(part: str, says: str, **facts: Any) -> Check:
    """All is well."""
    return Check("ok", part, says, None, facts)


def warn(part: str, says: str, remedy: str, **facts: Any) -> Check:
    """It works, and somebody should look."""
    return Check("warn", part, says, remedy, facts)


def fail(part: str, says: str, remedy: str, **facts: Any) -> Check:
    """A run would fail, or already has."""
    return Check("fail", part, says, remedy, facts)


def looked_at(part: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """The checks of one part; a look that fails is itself a finding, and does not keep the others from being looked at."""
    try:
        yield from look()
    except Exception as error:
        yield fail(part, f"cannot be looked at: {told(error)}", "mend that, then look again")


def size_text(size: int) -> str:
    """Bytes for people."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size // scale}.{size * 10 // scale % 10} {unit}"
    return f"{size} bytes"


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
