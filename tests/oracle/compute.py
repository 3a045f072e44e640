"""Compute: the books that a directory of topics must give."""

from dataclasses import dataclass

from . import billing_record, contract, control, instant, period, policy, reference_record, routing, topic
from .books import Books, Ledger
from .dedupe import dedupe
from .desired import Desired
from .reference import UTC, Reference
from .usage import admit_partition

USAGE = "usage.events"


@dataclass
class Moment:
    """What time it is for the books: business date, window frontier, closes so far and policies."""

    business_date: int
    frontier: int
    closed_until: dict  # by entity the end of its last closed period
    policies: policy.Policies


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
        self.versions, refused_versions = self._stated(directory, contract)
        self.references, refused_references = self._stated(directory, reference_record)
        facts, refused_facts = self._stated(directory, billing_record)
        self.facts, conflicts = routing.unique(facts)
        refused = refused_versions | refused_references | refused_facts
        self.exceptions = refused | conflicts | self.controls.exceptions

    def _stated(self, directory, kind):
        return topic.stated(topic.read(directory, kind.TOPIC), kind.parse, self.controls.segment_of)

    def reference(self, segment):
        """The master data of all records up to a segment."""
        return Reference([record for record in self.references if record.segment <= segment])

    def close(self, closed_until, cut, segment):
        """A close brings its entity to the period's end, as master data says then: time never goes back (Fine print).

        Its zone is the one in force at the first instant, in UTC, of the month.
        """
        zone = self.reference(segment).zone(cut.entity, period.start(cut.period, UTC))
        end = period.end(cut.period, zone)
        closed_until[cut.entity] = max(end, closed_until.get(cut.entity, end))

    def desired(self, segment, moment, closed_at):
        """What the books should say of all records up to a segment."""
        usages = [usage for usage in self.dedupe.counted if usage.segment <= segment]
        versions = [version for version in self.versions if version.segment <= segment]
        facts = [fact for fact in self.facts if fact.segment <= segment]
        return Desired(moment, usages, versions, self.reference(segment), closed_at, facts)


def compute(directory, as_of=None):
    """The books of a directory; as_of (RFC 3339) is a virtual clock record after all input (Fine print)."""
    log = Log(directory)
    ledger, functional = Ledger(), Ledger()
    closed_until, closed, closed_history = {}, frozenset(), []

    def step(segment, moment):
        closed_history.append(closed)
        desired = log.desired(segment, moment, closed_history.__getitem__)
        ledger.post_difference(desired.sums, closed)
        functional.post_difference(desired.functional, closed)
        return desired

    for segment, cut in enumerate(log.controls.cuts):
        name = {(cut.entity, cut.period)}
        if cut.kind == "period_close":
            log.close(closed_until, cut, segment)
        step(segment, Moment(cut.reached, cut.reached, dict(closed_until), log.controls.policies(before=cut)))
        closed = closed | name if cut.kind == "period_close" else closed - name
    final = step(len(log.controls.cuts), last_moment(log, closed_until, as_of))
    return _books(log, ledger, functional, final)


def last_moment(log, closed_until, as_of):
    """After all input: windows close at max(min over partitions of their watermark, business date)."""
    business_date = log.controls.business_date
    if as_of is not None:
        at = instant.parse(as_of)
        if at is None:
            raise ValueError(f"as_of is no RFC 3339 instant: {as_of}")
        business_date = max(business_date, at)
    watermark = min(log.watermarks.values(), default=instant.FAR_PAST)
    return Moment(business_date, max(watermark, business_date), closed_until, log.controls.policies())


def _books(log, ledger, functional, final):
    outcomes = {**log.outcomes, **final.join.outcomes}
    settled = ("counted", "duplicate", "waiting")
    excepted = {(outcome, *position) for position, outcome in outcomes.items() if outcome not in settled}
    return Books(
        sums=ledger.non_zero(),
        functional=functional.non_zero(),
        functional_currency=final.functional_currency,
        outcomes=outcomes,
        exceptions=log.exceptions | final.exceptions | excepted,
        doubtful=final.doubtful,
        windows=final.windows,
        counted=final.join.lines,
        order_dependent=log.dedupe.order_dependent,
        books_depend_on_order=log.dedupe.books_depend_on_order,
        beyond_horizon=log.dedupe.beyond_horizon,
        not_covered=final.not_covered,
    )
