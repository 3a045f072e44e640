"""Control: clock, period close and reopen, and policies, in the order of their one partition."""

from dataclasses import dataclass

from . import instant, period, policy

TOPIC = "control.events"


@dataclass(frozen=True)
class Control:
    """One valid control record; reached is the business date once it applies (events.md, Fine print)."""

    position: tuple
    kind: str
    time: int
    reached: int
    entity: str | None = None
    period: str | None = None
    key: str | None = None
    value: str | None = None
    effective_from: int | None = None


class Controls:
    """All control records: the business date, the cuts that freeze or open periods, and the policies."""

    def __init__(self, partitions):
        self.records, self.exceptions = [], set()
        reached = instant.FAR_PAST
        for rows in partitions.values():
            for row in rows:
                fields = None if row.value is None else _fields(row.value)
                if fields is None:
                    problem = "undecodable" if row.value is None else "invalid"
                    self.exceptions.add((problem, *row.position))
                    continue
                reached = max(reached, fields["time"])
                record = Control(position=row.position, reached=reached, **fields)
                if record.kind == "policy" and not policy.is_known(record.key, record.value):
                    self.exceptions.add(("invalid", *row.position))  # it has advanced the business date, and no more
                else:
                    self.records.append(record)
        self.cuts = [record for record in self.records if record.kind in ("period_close", "period_reopen")]
        self.business_date = reached

    def segment_of(self, running_maximum):
        """How many cuts apply before a row whose partition's running maximum is this (events.md, Fine print)."""
        return sum(1 for cut in self.cuts if cut.reached < running_maximum)

    def policies(self, before=None):
        """The policies known before a control record, or all of them."""
        known = [record for record in self.records if record.kind == "policy"]
        if before is not None:
            index = self.records.index(before)
            known = [record for record in known if self.records.index(record) < index]
        return policy.Policies(known)


def _fields(value):
    """The fields of a control record, or None when it is invalid (events.md, control.events)."""
    kind, time = value.get("kind"), instant.parse(value.get("event_time"))
    if kind == "clock":
        as_of = instant.parse(value.get("as_of"))
        return None if as_of is None else {"kind": kind, "time": as_of}
    if time is None:
        return None
    if kind == "policy":
        return _policy(value, time)
    if kind not in ("period_close", "period_reopen"):
        return None
    entity = value.get("entity")
    if type(entity) is not str or not entity or not period.is_period(value.get("period")):
        return None
    if kind == "period_reopen" and not _two_people(value.get("actor"), value.get("approver")):
        return None
    return {"kind": kind, "time": time, "entity": entity, "period": value["period"]}


def _policy(value, time):
    start = value.get("effective_from")
    effective_from = time if start is None else instant.parse(start)
    if type(value.get("key")) is not str or type(value.get("value")) is not str or effective_from is None:
        return None
    return {
        "kind": "policy",
        "time": time,
        "key": value["key"],
        "value": value["value"],
        "effective_from": effective_from,
    }


def _two_people(actor, approver):
    """Reopening needs two different people (accounting.md rule 7)."""
    return type(actor) is str and type(approver) is str and bool(actor) and bool(approver) and actor != approver
