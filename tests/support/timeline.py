"""Timelines and ledgers as text: what arrives in which order, and what the books say of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from schemas.instants import parse_instant


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a timeline: what carries which event time."""

    at: str
    verb: str
    facts: dict[str, str]


def timeline(text: str) -> list[list[Step]]:
    """Activations, one after the other, with an empty line between them.

    A step is `TIME VERB name=value ...`; TIME is a date or the beginning of one with a time of day, in UTC.
    """
    activations: list[list[Step]] = [[]]
    for line in text.strip().splitlines():
        if not line.strip():
            activations.append([])
            continue
        time, verb, *facts = line.split()
        activations[-1].append(Step(instant(time), verb, dict(fact.split("=", 1) for fact in facts)))
    return activations


def instant(text: str) -> str:
    """A date, or the beginning of a time of day, as RFC 3339."""
    return text + "0000-00-00T00:00:00"[len(text) :] + "Z"


def micros(text: str) -> int:
    """The same in microseconds."""
    return parse_instant(instant(text))


def ledger(text: str) -> list[str]:
    """The lines of a ledger, without what only lines them up."""
    return [" ".join(line.split()) for line in text.strip().splitlines()]


def booked(entry: bytes) -> str:
    """A journal entry as a ledger's line: accounting date, line, day and revision of the window if it is usage, period
    of origin if it is another one, postings; a functional amount in brackets where it is another one."""
    record = json.loads(entry)
    window = record["window"]
    words = [record["accounting_date"], record["line_id"]]
    if window:
        words += [window["start"][:10], f"r{window['revision']}"]
    if record["origin_period"]:
        words.append(f"of {record['origin_period']}")
    for one in record["lines"]:
        words += [{"debit": "Dr", "credit": "Cr"}[one["side"]], one["account"], one["amount"]]
        if (record["functional_currency"], one["functional_amount"]) != (record["currency"], one["amount"]):
            words.append(f"({one['functional_amount']} {record['functional_currency']})")
    return " ".join(words)
