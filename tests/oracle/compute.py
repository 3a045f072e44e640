"""Compute: the books that a directory of topics must give."""

from dataclasses import dataclass

from . import control, history, instant, reference, topic
from .books import Books, Ledger
from .dedupe import dedupe
from .desired import Desired
from .usage import admit_partition

USAGE = "usage.events"


@dataclass
class Moment:
    """What time it is for the books: business date, window frontier, closes so far and policies."""

    business_date: int
    frontier: int
    closes: list
    policies: control.Policies


class Log:
    """All topics of a directory, read at once, each record numbered by the cuts that apply before it."""

    def __init__(self, directory):
        self.controls = control.Controls(topic.read(directory, control.TOPIC))
        segment_of = self.controls.segment_of
        self.usages, self.outcomes, self.watermarks = [], {}, {}
        for partition, rows in topic.read(directory, USAGE).items():
            usages, refused, watermark = admit_partition(rows, segment_of)
            self.usages += usages
            self.outcomes.update(refused)
            if watermark is not None:
                self.watermarks[partition] = watermark
        self.dedupe = dedupe(self.usages)
        self.outcomes.update(self.dedupe.outcomes)
        versions = topic.read(directory, history.TOPIC)
        self.versions, self.exceptions = history.parse_partitions(versions, segment_of)
        self.references = self._segmented(topic.read(directory, reference.TOPIC), segment_of)
        self.billing = [row for rows in topic.read(directory, "billing.events").values() for row in rows]

    def _segmented(self, partitions, segment_of):
        found = []
        for rows in partitions.values():
            reached = instant.FAR_PAST
            for row in rows:
                reached = reference.running_maximum(row.value, reached)
                found.append((segment_of(reached), row))
        return found

    def reference_before(self, segment):
        """The master data of all records up to a segment."""
        return reference.Reference([row for at, row in self.references if at <= segment])

    def desired(self, segment, moment, closed_at):
        """What the books should say of all records up to a segment."""
        usages = [usage for usage in self.dedupe.counted if usage.segment <= segment]
        versions = [version for version in self.versions if version.segment <= segment]
        return Desired(moment, usages, versions, self.reference_before(segment), closed_at)


def compute(directory, as_of=None):
    """The books of a directory; as_of (RFC 3339) is a virtual clock record after all input (Fine print)."""
    log = Log(directory)
    ledger, closes, closed_history = Ledger(), [], []
    for segment, cut in enumerate(log.controls.cuts):
        if cut.kind == "period_close":
            closes.append((cut.entity, cut.period))
        closed_history.append(frozenset(ledger.closed))
        moment = Moment(cut.reached, cut.reached, list(closes), log.controls.policies(before=cut))
        ledger.post_difference(log.desired(segment, moment, closed_history.__getitem__).sums)
        if cut.kind == "period_close":
            ledger.closed.add((cut.entity, cut.period))
        else:
            ledger.closed.discard((cut.entity, cut.period))
    closed_history.append(frozenset(ledger.closed))
    final = log.desired(len(log.controls.cuts), _last_moment(log, closes, as_of), closed_history.__getitem__)
    ledger.post_difference(final.sums)
    return _books(log, ledger, final)


def _last_moment(log, closes, as_of):
    """After all input: windows close at max(min over partitions of their watermark, business date)."""
    business_date = log.controls.business_date
    if as_of is not None:
        at = instant.parse(as_of)
        if at is None:
            raise ValueError(f"as_of is no RFC 3339 instant: {as_of}")
        business_date = max(business_date, at)
    watermark = min(log.watermarks.values(), default=instant.FAR_PAST)
    return Moment(business_date, max(watermark, business_date), closes, log.controls.policies())


def _books(log, ledger, final):
    outcomes = {**log.outcomes, **final.join.outcomes}
    exceptions = log.exceptions | log.controls.exceptions | final.histories.exceptions | final.reference.exceptions
    settled = ("counted", "duplicate", "waiting")
    exceptions |= {(outcome, *position) for position, outcome in outcomes.items() if outcome not in settled}
    not_covered = final.not_covered | {f"policy {key}" for key in log.controls.policies().uncovered()}
    if log.billing:
        not_covered.add("billing.events")
    return Books(
        sums=ledger.non_zero(),
        outcomes=outcomes,
        exceptions=exceptions,
        windows=final.windows,
        order_dependent=log.dedupe.order_dependent,
        books_depend_on_order=log.dedupe.books_depend_on_order,
        beyond_horizon=log.dedupe.beyond_horizon,
        not_covered=not_covered,
    )
