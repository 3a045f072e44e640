"""Dedupe: of all records with one identity, the first applied counts and the others do not."""

from dataclasses import dataclass, field

from . import topic, usage


@dataclass
class Dedupe:
    """Who counts, the outcome of every other record, and what the order of partitions leaves open."""

    counted: list = field(default_factory=list)
    outcomes: dict = field(default_factory=dict)
    order_dependent: dict = field(default_factory=dict)
    books_depend_on_order: bool = False
    beyond_horizon: set = field(default_factory=set)


def dedupe(usages):
    """Apply the identity rule (architecture.md, Dedupe) to all admitted records."""
    result = Dedupe()
    identities = {}
    for record in usages:
        identities.setdefault(record.identity, []).append(record)
    for identity, records in identities.items():
        records.sort(key=topic.applied_order)
        winner = records[0]
        result.counted.append(winner)
        result.outcomes.update(outcomes(records, winner))
        candidates = _candidates(records)
        if len(candidates) > 1:
            result.order_dependent[identity] = [outcomes(records, candidate) for candidate in candidates]
            if any(candidate.fingerprint != winner.fingerprint for candidate in candidates):
                result.books_depend_on_order = True
        for record in records[1:]:
            if record.watermark is not None and record.watermark - winner.time > usage.HORIZON:
                result.beyond_horizon.add(record.position)
    return result


def outcomes(records, winner):
    """Outcome per position when one record is applied first: same fingerprint duplicate, other one conflict."""
    result = {}
    for record in records:
        if record is winner:
            result[record.position] = "counted"
        elif record.fingerprint == winner.fingerprint:
            result[record.position] = "duplicate"
        else:
            result[record.position] = "identity_conflict"
    return result


def _candidates(records):
    """The first record of every partition, among those no control record separates from the first of all."""
    firsts = {}
    for record in records:
        if record.segment == records[0].segment:
            firsts.setdefault(record.position[1], record)
    return list(firsts.values())
