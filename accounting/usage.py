"""What the books should say for the usage of one line: one booking for each closed window.

A pure function of the usage cells and the covers of the line. Rating is cumulative inside the billing period and the
cumulative amount is rounded, so a window's booking is the difference of two rounded sums: no drift, whatever the number
of windows (accounting.md, rules 3 and 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from accounting.aggregation import Aggregate, UsageCell
from accounting.contract import Aggregation, RateModel
from accounting.coverage import FOREVER, Cover
from accounting.line_course import BillingSpan, LineCourse
from accounting.money import Exact, exact_from_minor, round_half_even
from accounting.policy import Policies
from accounting.rating import Stretch, Units, billable, price, uncovered
from accounting.require import require
from accounting.window import Window, Windows


class Meter(NamedTuple):
    """Where cumulative rating stands: carried from one window to the next of the same billing period."""

    billing_start: int
    units: Units | None = None  # 1e-18, since the billing period's start; None: no usage yet
    booked: int = 0  # minor units of the billing period
    revenue: int = 0  # minor units of the line since its start: where the position stands


class CoveredCell(NamedTuple):
    """Summarised usage of one cell, and the cover that takes it."""

    usage: UsageCell
    cover: Cover


class WindowBooking(NamedTuple):
    """What the books should say for one line and window."""

    window: Window
    amount: int  # minor units
    quantity: int  # 1e-18
    events: int
    cover: Cover  # the last one in force in the window
    after: Meter
    unpriced: Units = 0  # units beyond the last tier
    estimate_missing: bool = False  # priced as incurred, though later months may change the price (rule 4)
    taken: int = 0  # how many of the cells it is made of


@dataclass(slots=True)
class _Content:
    """A window's part in one billing period."""

    window: Window
    cover: Cover  # of what is due in it, or of its last cell
    cells: list[CoveredCell] = field(default_factory=list)


def resumes(span: BillingSpan, at: int = FOREVER) -> bool:
    """Whether rating can go on from a meter in mid-period: one price throughout, or up to `at`, and units that say all."""
    if span.carries:
        return False  # it needs the billing periods before
    return (len(span.parts) == 1 or at <= span.parts[0].end) and (
        span.parts[0].cover.rate.aggregation is not Aggregation.UNIQUE
    )


def bookings(
    course: LineCourse,
    cells: Sequence[CoveredCell],
    windows: Windows,
    since: int,
    until: int,
    start: Meter | None,
    policies: Policies | None = None,
) -> list[WindowBooking]:
    """Book the closed windows of one line in [since, until), in time order.

    `cells` is the usage that the line takes in those windows, in time order; `since` is the start of a window and
    `start` the meter after the window before it (None: there is none). A window is booked when it has usage or when
    something is due in it (a minimum, a flat fee at zero units). One that spans two billing periods takes the sum of
    both parts. Each booking is made of the next cells, as many as it says.
    """
    found: list[WindowBooking] = []
    revenue = start.revenue if start is not None else 0
    carried: Aggregate | None = None
    spans = course.spans(since, until, policies or Policies())
    for span, contents in _by_span(spans, cells, windows, since, until):
        resumed = start if start is not None and start.billing_start == span.start and resumes(span, since) else None
        aggregate = _aggregate(span, resumed, carried)
        carried = aggregate if span.carries else None
        for booking in _book_span(span, contents, aggregate, resumed, revenue):
            revenue = booking.after.revenue
            if found and found[-1].window.start == booking.window.start:
                booking = _joined(found.pop(), booking)
            found.append(booking)
    return found


def _by_span(
    spans: Sequence[BillingSpan],
    cells: Sequence[CoveredCell],
    windows: Windows,
    since: int,
    until: int,
) -> Iterator[tuple[BillingSpan, list[_Content]]]:
    """Each billing period that has something to book, and its windows in time order."""
    at = 0
    for span in spans:
        contents: dict[int, _Content] = {}
        content: _Content | None = None
        while at < len(cells) and (start := cells[at].usage.start) < span.end:
            cell = cells[at]
            if content is None or not content.window.start <= start < content.window.end:
                window = windows.of(start)
                content = contents.setdefault(window.start, _Content(window, cell.cover))
            content.cells.append(cell)
            content.cover = cell.cover
            at += 1
        for due in span.due_instants(until):
            window = windows.of(due)
            if since <= window.start and window.end <= until:
                content = contents.setdefault(window.start, _Content(window, span.due_cover(due)))
                # It falls due after the window's last usage: the rate may have changed in between.
                content.cover = max(content.cover, span.due_cover(due), key=lambda one: one.start)
        if contents or span.carries:
            yield span, [contents[start] for start in sorted(contents)]
    require(at == len(cells), "every cell has its billing period", cells=len(cells), used=at)


def _book_span(
    span: BillingSpan, contents: list[_Content], aggregate: Aggregate, resumed: Meter | None, revenue: int
) -> Iterator[WindowBooking]:
    """The windows of one billing period: differences of its rounded cumulative cost."""
    booked = resumed.booked if resumed is not None else 0
    stretches: list[Stretch] = []
    if resumed is not None or aggregate.units is not None:
        stretches.append(Stretch(span.parts[0].cover.rate, 0, aggregate.value))
    for content in contents:
        cover: Cover | None = None
        quantity = events = 0
        for usage, taker in content.cells:
            if taker is not cover:
                cover = taker
                _enter(stretches, cover, aggregate)
            aggregate.add(usage)
            quantity += usage.quantity
            events += usage.events
        _enter(stretches, content.cover, aggregate)
        cost = round_half_even(_bounded(span, content, stretches), content.cover.currency)
        amount, booked = cost - booked, cost
        revenue += amount
        yield WindowBooking(
            window=content.window,
            amount=amount,
            quantity=quantity,
            events=events,
            cover=content.cover,
            after=Meter(span.start, aggregate.units, booked, revenue),
            unpriced=uncovered(content.cover.rate, aggregate.value),
            estimate_missing=bool(content.cells) and content.cover.lacks_estimate and span.spans_months,
            taken=len(content.cells),
        )


def _aggregate(span: BillingSpan, resumed: Meter | None, carried: Aggregate | None) -> Aggregate:
    """Where the billing period's units begin: at nothing, at the meter, or at the last value of the one before."""
    units = resumed.units if resumed is not None else None
    aggregate = Aggregate(span.parts[0].cover.rate.aggregation, span.end, span.end - span.start, units)
    if carried is not None:
        aggregate.carry(carried)
    return aggregate


def _enter(stretches: list[Stretch], cover: Cover, aggregate: Aggregate) -> None:
    """The stretch in hand goes up to here, and the cumulative quantity continues under the rate in force (rule 4)."""
    value = aggregate.value
    if stretches:
        last = stretches[-1]
        stretches[-1] = Stretch(last.rate, last.before, value)
        if last.rate is cover.rate or last.rate == cover.rate:
            return
    stretches.append(Stretch(cover.rate, value, value))


def _bounded(span: BillingSpan, content: _Content, stretches: list[Stretch]) -> Exact:
    """The cost so far between minimum and maximum.

    The minimum is due at the billing period's end, or by elapsed share where it lies in several accounting months.
    There, units whose price later ones decide have the estimated price until the end (rule 4, 606-10-32-5 to 32-9).
    """
    ended = content.window.end >= span.end
    cover = content.cover
    if not ended and span.spans_months and cover.rate.model is RateModel.VOLUME and cover.estimate is not None:
        amount, quantity = cover.estimate
        left = billable(stretches[-1].after, cover.rate.included)
        cost: Exact = Fraction(left * exact_from_minor(amount, cover.currency), quantity)
    else:
        cost = price(stretches, ended, ended and span.flat_at_zero)
    if ended or span.spans_months:
        least = span.minimum(content.window.end)
        cost = max(cost, least) if least else cost
    most = span.maximum()
    return cost if most is None else min(cost, most)


def _joined(first: WindowBooking, second: WindowBooking) -> WindowBooking:
    """Two parts of one window as one booking."""
    return WindowBooking(
        window=second.window,
        amount=first.amount + second.amount,
        quantity=first.quantity + second.quantity,
        events=first.events + second.events,
        cover=second.cover,
        after=second.after,
        unpriced=first.unpriced + second.unpriced,
        estimate_missing=first.estimate_missing or second.estimate_missing,
        taken=first.taken + second.taken,
    )
