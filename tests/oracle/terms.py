"""Terms: what of a line a modification can change, and which lines a version lets stand."""

from . import instant

FIXED = ("ratable", "point_in_time", "milestone")


def fixed_lines(version):
    """The lines of fixed consideration, as the version states them."""
    return [line for line in version.lines if line.kind in FIXED]


def standing_lines(version):
    """The fixed lines that go on: none after a cancellation."""
    return [] if version.kind == "cancelled" else fixed_lines(version)


def terms(lines):
    """By line id what a modification can change; progress, satisfied_at and SSP change nothing (rule 5)."""
    return {
        line.line_id: (
            line.product or line.line_id,
            line.kind,
            line.start,
            line.end,
            line.quantity,
            line.total,
            line.method,
        )
        for line in lines
    }


def day_of_change(version, zone):
    """The start of the local day of effective_at, from which its terms hold (rule 5)."""
    return instant.midnight(instant.local_date(version.effective, zone), zone)
