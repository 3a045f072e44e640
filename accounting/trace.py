"""The names by which people and tracing systems follow a change through systems. They decide nothing."""

from __future__ import annotations

from typing import NamedTuple


class Trace(NamedTuple):
    """The names that the record which caused something was sent under; its fields are those of our records."""

    correlation_id: str | None = None
    traceparent: str | None = None  # W3C Trace Context: version-trace-parent-flags

    def over(self, other: Trace) -> Trace:
        """Each name of its own, else the other's."""
        return Trace(
            other.correlation_id if self.correlation_id is None else self.correlation_id,
            other.traceparent if self.traceparent is None else self.traceparent,
        )


UNTRACED = Trace()
