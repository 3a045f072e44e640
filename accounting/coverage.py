"""Which contract line, at which version, an instant of a customer's usage belongs to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from accounting.calendar import local_date, start_of_day
from accounting.contract import ContractVersion, Line, LineKind, Rate, RateModel, VersionKind
from accounting.require import require
from accounting.trace import UNTRACED, Trace

FOREVER = 2**63 - 1
ALWAYS = -(2**63)


@dataclass(frozen=True, slots=True)
class Cover:
    """A span [start, end) in which one line of one contract version takes a meter's usage."""

    start: int
    end: int
    contract_id: str
    line_id: str
    product_id: str
    version: int
    entity: str
    currency: str
    rate: Rate
    line_start: int  # anchors the billing periods
    line_end: int | None
    trace: Trace = field(default=UNTRACED, compare=False)  # of the version
    zone: str = "UTC"  # of the entity, for this contract
    estimate: tuple[int, int] | None = None  # what the line is expected to come to: minor units, 1e-18 units

    @property
    def lacks_estimate(self) -> bool:
        """Whether later units change the price of earlier ones, and nobody has estimated the price they will have."""
        return self.rate.model is RateModel.VOLUME and len(self.rate.tiers) > 1 and self.estimate is None


@dataclass(frozen=True, slots=True)
class InForce:
    """A contract version and the instants from which and until which it is the contract."""

    version: ContractVersion
    start: int
    end: int


def in_force(versions: Iterable[ContractVersion], skipped: Collection[int] = ()) -> list[InForce]:
    """The spans of a contract's versions (1..n without a gap); those that are `skipped` are never in force.

    A version takes over at its effective_at; the first one reaches back to the contract's start. A version that is
    effective before its predecessor replaces it: each version is the whole contract.
    """
    spans: list[InForce] = []
    for number, version in enumerate(versions, start=1):
        require(
            version.version == number,
            "contract versions have no gap",
            contract=version.contract_id,
            found=version.version,
        )
        if number in skipped:
            continue
        start = version.effective_at if spans else ALWAYS
        spans = [span for span in spans if span.start < start]
        if spans:
            spans[-1] = InForce(spans[-1].version, spans[-1].start, start)
        spans.append(InForce(version, start, FOREVER))
    return spans


def covers(versions: Iterable[ContractVersion], zone_name: str) -> list[Cover]:
    """Every span of every usage line of one contract, in no particular order.

    The join is at the event's own time: [start, end) of the contract, of the line and of the version in force. Where a
    line goes on in the next version, that version's price holds from the start of the local day of its effective_at
    (accounting.md, rule 5: its local date belongs to the new version); a line that only one of them has begins or ends
    at the instant.
    """
    spans = in_force(versions)
    found: list[Cover] = []
    given: dict[tuple[str, str], int] = {}  # line, meter -> the instant from which the next version has it
    for index, span in enumerate(spans):
        version, taken, given = span.version, given, {}
        for line in version.lines:
            if line.kind is not LineKind.USAGE or line.rate is None:
                continue
            name = (line.line_id, line.rate.meter)
            start, end = taken.get(name, span.start), span.end
            following = spans[index + 1].version if index + 1 < len(spans) else None
            heir = _heir(following, line) if following is not None else None
            if following is not None and heir is not None:
                # Never before the line itself began, which a version of the same local day may have added.
                end = max(start, _handover(end, following, heir, zone_name))
                given[name] = end
            start = max(start, version.start, line.start)
            end = min(end, _span_end(version, line))
            if start < end:
                found.append(
                    Cover(
                        start, end, version.contract_id, line.line_id, line.product_id, version.version,
                        version.entity, version.currency, line.rate, line.start, line.end, version.trace,
                        zone_name, _estimate(version, line),
                    )
                )  # fmt: skip
    return found


def _estimate(version: ContractVersion, line: Line) -> tuple[int, int] | None:
    """The variable amount that is estimated for a usage line alone, and the quantity it is estimated for."""
    amounts = [one.estimate for one in version.variable if line.line_id in one.line_ids]
    return (sum(amounts), line.quantity) if amounts and line.quantity else None


def _heir(following: ContractVersion, line: Line) -> Line | None:
    """The line as the next version has it, when it still takes the same meter's usage."""
    for other in following.lines:
        if other.line_id == line.line_id and other.kind is LineKind.USAGE and other.rate is not None:
            return other if line.rate is not None and other.rate.meter == line.rate.meter else None
    return None


def _handover(instant: int, following: ContractVersion, heir: Line, zone_name: str) -> int:
    """Where the next version, effective at `instant`, takes a line over.

    At the start of that local day, as far as it runs then: what its own term or line leaves out of the day
    before `instant` stays with the version before, which is still in force.
    """
    if _span_end(following, heir) < instant:
        return instant
    day = start_of_day(local_date(instant, zone_name), zone_name)
    return min(instant, max(day, following.start, heir.start))


def _span_end(version: ContractVersion, line: Line) -> int:
    ends = [end for end in (version.end, line.end) if end is not None]
    if version.kind is VersionKind.CANCELLED:
        ends.append(version.effective_at)
    return min(ends, default=FOREVER)
