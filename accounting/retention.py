"""How long the usage of a contract is needed, and from where on a line can be rated once what lies before is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from accounting.calendar import Period, local_date
from accounting.contract import Aggregation, ContractVersion, VersionKind
from accounting.coverage import ALWAYS, FOREVER, Cover
from accounting.line_course import BillingSpan, billing_spans
from accounting.policy import Policies
from accounting.usage import resumes
from accounting.window import Windows


def over(version: ContractVersion) -> int:
    """The instant after which a version says nothing any more; FOREVER: open-ended.

    A cancellation leaves the term as it was agreed, as it may be taken back; without an end it is over when that is known.
    """
    ends = [line.end for line in version.lines]
    stated = [end for end in (version.end, *ends) if end is not None]
    if version.end is None and version.kind is VersionKind.CANCELLED:
        stated += [version.effective_at, version.known_at]
    elif version.end is None and (not ends or None in ends):
        return FOREVER
    satisfied = [line.satisfied_at for line in version.lines if line.satisfied_at is not None]
    return max(*stated, *satisfied, version.effective_at)


def term_end(taken: Sequence[ContractVersion], waiting: Sequence[ContractVersion] = ()) -> int:
    """The end of a contract's term: the latest of all versions; FOREVER where the last one in force is open-ended.

    `taken` are versions 1..n, `waiting` those that wait for one before them.
    """
    last = [over(version) for version in (*taken[-1:], *waiting)]
    if FOREVER in last:
        return FOREVER
    return max((end for version in (*taken, *waiting) if (end := over(version)) != FOREVER), default=ALWAYS)


def rateable_from(covers: Sequence[Cover], windows: Windows, cut: int, policies: Policies) -> int:
    """The latest start of a month or billing period by `cut` from which a line can be rated on with its meter alone.

    `covers` are the line's, in time order; they stay as they are before `cut`, a start of a month, and what they are later
    does not matter: the line may come back. What counts distinct values, or has had several prices, needs its billing
    period from the start, and so does a weighted sum whose billing period may yet end earlier. What carries its value on
    needs all there was: ALWAYS. A later cut never gives less.
    """
    at, begun = windows.start(cut), [cover for cover in covers if cover.start < cut]
    if begun:
        begun[-1] = replace(begun[-1], end=FOREVER, line_end=None)
    while True:
        span = next(iter(billing_spans(begun, windows.zone_name, at, at, policies)), None)
        if span is None or span.start >= at or _resumes(span, at, cut):
            return at
        if span.carries:
            return ALWAYS
        month = Period.of_date(local_date(at - 1, windows.zone_name)).start(windows.zone_name)
        at = max(windows.start(month), windows.start(span.start))


def _resumes(span: BillingSpan, at: int, cut: int) -> bool:
    weighted = span.parts[0].cover.rate.aggregation is Aggregation.WEIGHTED_SUM
    return resumes(span, at) and (not weighted or span.end <= cut)
