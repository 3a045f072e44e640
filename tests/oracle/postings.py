"""What the ERP's answers come to: counts and open exceptions, from the whole journal and all answers at once."""

import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

TOPIC = "erp.postings"


@dataclass
class Answered:
    """How the entries of a journal stand with the ERP."""

    posted: int = 0
    rejected: int = 0
    unknown: int = 0  # answered, and not in the journal
    unanswered: Counter = field(default_factory=Counter)  # by entity
    exceptions: set = field(default_factory=set)  # (class, entry id) of those that have to be open


def answered(entries, partitions, business_date):
    """`entries`: the journal's records; `partitions`: the lines of the topic by partition; `business_date`: RFC 3339, or
    None where there is none.

    The newest answer holds, of one instant one that posted, of these the one that stands first. That nobody knows an
    entry is told of an answer with a customer alone: one shard can tell.
    """
    found, journal = Answered(), {one["entry_id"]: one for one in entries}
    best, asked_one = {}, set()
    for partition, lines in partitions.items():
        for offset, line in enumerate(lines):
            answer = answer_in(line)
            if isinstance(answer, str):
                found.exceptions.add((answer, f"{partition}/{offset}"))
                continue
            name = answer["entry_id"]
            rank = (answer["posted_at"], answer["status"] == "posted", -partition, -offset)
            if name not in best or best[name][0] < rank:
                best[name] = (rank, answer)
            if answer.get("customer_id") is not None:
                asked_one.add(name)
    found.unanswered.update(one["entity"] for name, one in journal.items() if name not in best)
    for name, (_, answer) in best.items():
        if name not in journal:
            found.unknown += 1
            if name in asked_one and business_date is not None and answer["posted_at"] < business_date:
                found.exceptions.add(("entry_unknown", name))
        elif answer["status"] == "rejected":
            found.rejected += 1
            found.exceptions.add(("posting_rejected", name))
        else:
            found.posted += 1
            debits = sum(Decimal(one["amount"]) for one in journal[name]["lines"] if one["side"] == "debit")
            if answer.get("amount") is not None and Decimal(answer["amount"]) != debits:
                found.exceptions.add(("posting_differs", name))
    return found


def answer_in(line):
    """The record, or the class of the exception that it is; of what a test writes."""
    try:
        value = json.loads(line)
    except ValueError:
        return "undecodable"
    if not isinstance(value, dict):
        return "undecodable"
    whole = all(isinstance(value.get(name), str) for name in ("entry_id", "posted_at"))
    return value if whole and value.get("status") in ("posted", "rejected") else "invalid"
