"""What the books should say for the usage of one line: one booking for each closed window.

A pure function of the usage cells and the covers of the line. Rating is cumulative inside the billing period and the
cumulative amount is rounded, so a window's booking is the difference of two rounded sums: no drift, whatever the number
of windows (accounting.md, rules 3 and 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from accounting.billing_period import billing_period_of
from accounting.coverage import Cover
from accounting.money import Exact, round_half_even
from accounting.rating import Units, rated, uncovered
from accounting.require import require
from accounting.window import Window, WindowSize, window_of


@dataclass(frozen=True, slots=True)
class Meter:
    """Where cumulative rating stands: carried from one window to the next of the same billing period."""

    billing_start: int
    units: Units = 0  # 1e-18, since the billing period's start
    exact: Exact = 0  # 1e-30, unrounded amount of those units, each at the price of its time
    revenue: int = 0  # minor units, of the line since its start: where the position stands


@dataclass(frozen=True, slots=True)
class CoveredCell:
    """Summarised usage of one cell that one cover takes."""

    start: int
    quantity: int  # 1e-18
    events: int
    cover: Cover


@dataclass(frozen=True, slots=True)
class WindowBooking:
    """What the books should say for one line and window."""

    window: Window
    amount: int  # minor units
    quantity: int  # 1e-18
    events: int
    cover: Cover  # the last one in force in the window
    after: Meter
    unpriced: Units  # units beyond the last tier


def bookings(
    cells: Iterable[CoveredCell], size: WindowSize, zone_name: str, start: Meter | None
) -> Iterator[WindowBooking]:
    """Book the cells of one line, which are in time order, window by window.

    `start` is the meter after the last window before the first cell (None: the line's first usage). A window that
    spans two billing periods or two covers takes the sum of the parts.
    """
    meter = start
    booking: WindowBooking | None = None
    for segment in _segments(cells, size, zone_name):
        window, cover = segment.window, segment.cover
        if booking is not None and booking.window != window:
            require(booking.window.start < window.start, "cells come in time order", line=cover.line_id)
            yield booking
            booking = None
        if meter is None:
            meter = Meter(segment.billing_start)
        elif meter.billing_start != segment.billing_start:
            meter = Meter(segment.billing_start, revenue=meter.revenue)
        meter, amount = _advance(meter, segment)
        so_far = booking or WindowBooking(window, 0, 0, 0, cover, meter, 0)
        booking = WindowBooking(
            window=window,
            amount=so_far.amount + amount,
            quantity=so_far.quantity + segment.quantity,
            events=so_far.events + segment.events,
            cover=cover,
            after=meter,
            unpriced=uncovered(cover.rate, meter.units),
        )
    if booking is not None:
        yield booking


@dataclass(slots=True)
class _Segment:
    """The usage of a window that has one cover and one billing period: rated as a whole."""

    window: Window
    cover: Cover
    billing_start: int
    quantity: int
    events: int


def _segments(cells: Iterable[CoveredCell], size: WindowSize, zone_name: str) -> Iterator[_Segment]:
    """Cells in time order, summed where rating cannot tell them apart."""
    segment: _Segment | None = None
    for cell in cells:
        cover = cell.cover
        window = window_of(cell.start, size, zone_name)
        anchor, _ = billing_period_of(
            cell.start, cover.line_start, cover.line_end, cover.rate.billing_period, zone_name
        )
        if (
            segment is not None
            and segment.cover is cover
            and segment.window.start == window.start
            and segment.billing_start == anchor
        ):
            segment.quantity += cell.quantity
            segment.events += cell.events
            continue
        if segment is not None:
            yield segment
        segment = _Segment(window, cover, anchor, cell.quantity, cell.events)
    if segment is not None:
        yield segment


def _advance(meter: Meter, segment: _Segment) -> tuple[Meter, int]:
    """The meter after a segment, and the minor units it adds.

    Each unit takes the price in force at its time while the cumulative quantity continues (rule 4), so the segment
    adds rate(units after) - rate(units before) at its own cover's rate.
    """
    rate, currency = segment.cover.rate, segment.cover.currency
    units = meter.units + segment.quantity
    exact = meter.exact + rated(rate, units) - rated(rate, meter.units)
    amount = round_half_even(exact, currency) - round_half_even(meter.exact, currency)
    return Meter(meter.billing_start, units, exact, meter.revenue + amount), amount
