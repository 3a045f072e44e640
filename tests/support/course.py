"""A course of business as a text, run through the command line, and what the books say of it as a text.

    2025-01-01 contract 2025-01-01..2025-04-01        a contract version, its lines below it
        a ratable 90 method=monthly
    2025-01-01 invoice i1 90                          a billing event, its lines below it, if it has any
        a 90 2025-01-01..2025-04-01
    2025-01-20 usage 15
    2025-02-03 close 2025-01
    run 2025-03-01                                    the command, with --as-of
    open amount_exceeds billing 3                     an exception that is open then: class, topic, line from 0

What no `open` tells must not be open after the last run. Contracts are k of customer c and entity us in USD unless said
otherwise; `amend`, `renew` and `cancel` give the next version of a contract, with the term of the one before.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.support.books import Books
from tests.support.timeline import instant

Record = dict[str, Any]
CREDIT_NORMAL = frozenset(
    {"revenue", "deferred_revenue", "customer_balance", "external_balance", "tax_payable", "recoverables"}
)
VERSIONS = {"contract": "activated", "amend": "amended", "renew": "renewed", "cancel": "cancelled"}
BILLING = {
    "invoice": "invoice_finalized",
    "paid": "invoice_paid",
    "void": "invoice_voided",
    "uncollectible": "invoice_uncollectible",
    "note": "credit_note",
    "note_void": "credit_note_voided",
    "refund": "refund",
    "dispute": "dispute_opened",
    "dispute_won": "dispute_won",
}
KINDS = {"delivered": "point_in_time"}  # of lines, where the word is another one
MODIFICATION = ("treatment", "reason", "approved_by", "requested_by", "past_credit")

# How many cases begin. Three months and 90 dollars, a dollar a day: 31 days in January, 59 after it.
QUARTER = """
    2025-01-01 contract 2025-01-01..2025-04-01
        a ratable 90
"""
INVOICED = QUARTER + "    2025-01-01 invoice i1 90.00\n"
# Six months, a hundred dollars a month.
HALF_YEAR = """
    2025-01-01 contract 2025-01-01..2025-07-01
        a ratable 600 method=monthly
"""


class Course:
    """The records of a text, in the order in which they are written, and the runs between them."""

    def __init__(self, text: str) -> None:
        self.steps: list[tuple[str, Any]] = []  # (topic, record), ("run", as-of) or ("open", what)
        self._versions: dict[str, Record] = {}
        self._number = 0
        for head, below in _blocks(text):
            self._read(head.split(), [line.split() for line in below])

    def play(self, books: Books, backwards: bool = False) -> Books:
        """Write and run it; `backwards`: contract versions and billing between two runs in the opposite order."""
        waiting, told = list[tuple[str, Record]](), list[str]()
        for name, what in self.steps:
            if name == "run":
                _send(books, waiting, backwards)
                waiting, told = [], []
                books.run(what)
            elif name == "open":
                told.append(what)
                assert set(told) <= {" ".join(map(str, one)) for one in books.open()}
            else:
                waiting.append((name, what))
        assert not waiting, "the course ends with a run"
        assert sorted(told) == [" ".join(map(str, one)) for one in books.open()]
        return books

    # -- one line of the text

    def _read(self, head: list[str], below: list[list[str]]) -> None:
        if head[0] in ("run", "open"):
            self.steps.append((head[0], " ".join(head[1:])))
            return
        at, verb, words, facts = instant(head[0]), head[1], _words(head[2:]), _facts(head[2:])
        self._number += 1
        base = {"event_id": facts.pop("event", f"n{self._number}"), "source": "test", "event_time": at}
        if verb in VERSIONS:
            self.steps.append(("contracts", base | self._version(verb, at, words, facts, below)))
        elif verb in BILLING:
            self.steps.append(("billing", base | _billing(verb, words, facts, below)))
        elif verb == "usage":
            usage = {"customer_id": "c", "meter": "m", "quantity": words[0], **facts}
            self.steps.append(("usage", base | usage))
        elif verb == "close":
            self.steps.append(("control", base | {"kind": "period_close", "entity": "us", "period": words[0]}))
        elif verb == "policy":
            since = instant(facts.pop("since", "2000-01-01"))
            (pair,) = facts.items()
            policy = {"kind": "policy", "key": pair[0], "value": pair[1], "effective_from": since}
            self.steps.append(("control", base | policy))
        else:
            assert verb == "reference", head
            dates = {name: instant(facts[name]) for name in ("effective_from", "as_of") if name in facts}
            self.steps.append(("reference", base | {"kind": words[0], **facts, **dates}))

    def _version(self, verb: str, at: str, words: list[str], facts: dict[str, str], below: list[list[str]]) -> Record:
        name = facts.pop("k", "k")
        before = self._versions.get(name)
        number = before["version"] + 1 if before else 1
        record: Record = {
            "contract_id": name, "version": int(facts.pop("version", number)), "kind": VERSIONS[verb],
            "customer_id": "c", "entity": "us", "currency": "USD",
        }  # fmt: skip
        if before:
            record |= {field: before[field] for field in ("customer_id", "entity", "currency", "start", "end")}
        if words:
            record |= _term(words[0])
        effective = facts.pop("effective", None)
        record["effective_at"] = instant(effective) if effective else at if before else record["start"]
        stated = {field: facts.pop(field) for field in MODIFICATION if field in facts}
        if stated:
            record["modification"] = stated
        if "opening" in facts:
            as_of, recognised, billed = facts.pop("opening").split("/")
            record["opening"] = {"as_of": instant(as_of), "recognised": recognised, "billed": billed}
        record["lines"] = [_line(one) for one in below if one[1] != "estimate"]
        record["variable"] = [_estimate(one) for one in below if one[1] == "estimate"]
        if verb == "cancel" and not below and before:
            record |= {field: before[field] for field in ("lines", "variable")}
        self._versions[name] = record | facts
        return record | facts


def _send(books: Books, steps: list[tuple[str, Record]], backwards: bool) -> None:
    """Write the records of each topic in their order; backwards what applies by times of its own."""
    for topic in ("reference", "contracts", "usage", "billing"):
        records = [record for name, record in steps if name == topic]
        books.send(topic, *(records[::-1] if backwards and topic in ("contracts", "billing") else records))
    control = sorted((record for name, record in steps if name == "control"), key=lambda one: one["event_time"])
    books.send("control", *control)


def _blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each line with those that are indented below it."""
    lines = [line for line in text.splitlines() if line.strip()]
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    head, below = "", list[str]()
    for line in lines:
        if line[margin].isspace():
            below.append(line)
            continue
        if head:
            yield head, below
        head, below = line, []
    yield head, below


def _words(parts: list[str]) -> list[str]:
    return [part for part in parts if "=" not in part]


def _facts(parts: list[str]) -> dict[str, Any]:
    return dict(part.split("=", 1) for part in parts if "=" in part)


def _term(text: str) -> dict[str, str]:
    start, end = text.split("..")
    return {"start": instant(start), "end": instant(end)}


def _line(parts: list[str]) -> Record:
    """`a ratable 90`, `x delivered 50 2025-01-10` (or `-`), `m milestone 400 100/400`, `u usage 1.50` by the unit or
    `u usage 100:1,-:0.5 graduated`; a term as START..END."""
    (line_id, kind, *words), facts = _words(parts), _facts(parts)
    line: Record = {"line_id": line_id, "product_id": facts.pop("product", line_id), "kind": KINDS.get(kind, kind)}
    terms = [word for word in words if ".." in word]
    words = [word for word in words if ".." not in word]
    if terms:
        line |= _term(terms[0])
    if "distinct" in facts:
        line["distinct"] = facts.pop("distinct") == "yes"
    if kind == "usage":
        return line | {"rate": _rate(words, facts)}
    line["total"] = words[0]
    if kind == "delivered":
        line["satisfied_at"] = None if words[1] == "-" else instant(words[1])
    if kind == "milestone":
        incurred, expected = words[1].split("/")
        line["progress"] = {"incurred": incurred, "expected": expected}
    return line | facts


def _rate(words: list[str], facts: dict[str, Any]) -> Record:
    rate: Record = {"meter": "m", **facts}
    if len(words) == 1:
        return rate | {"model": "per_unit", "unit_price": words[0]}
    tiers = [tier.split(":") for tier in words[0].split(",")]
    listed = [{"up_to": None if up_to == "-" else up_to, "unit_price": price} for up_to, price in tiers]
    return rate | {"model": words[1], "tiers": listed}


def _estimate(parts: list[str]) -> Record:
    """`v estimate 200`, `v estimate 200 lines=a,b`."""
    facts = _facts(parts)
    return {"id": parts[0], "estimate": parts[2], "line_ids": facts["lines"].split(",") if "lines" in facts else []}


def _billing(verb: str, words: list[str], facts: dict[str, str], below: list[list[str]]) -> Record:
    """`invoice i1 31.00 tax=3.10`, `note n1 45 of=i1 refund=15 balance=10 external=20`, `refund i1 90`, and
    `refund - 40 note=n1`; contract=- names none."""
    record: Record = {"kind": BILLING[verb], "customer_id": "c", "contract_id": "k", "currency": "USD"}
    name = words[0]
    if verb in ("note", "note_void"):
        record["credit_note_id"] = name
        name = facts.pop("of", "-")
    if name != "-":
        record["invoice_id"] = name
    if "note" in facts:
        record["credit_note_id"] = facts.pop("note")
    if len(words) > 1:
        record["amount"] = words[1]
    if "contract" in facts:
        contract = facts.pop("contract")
        record["contract_id"] = None if contract == "-" else contract
    if "rate" in facts:
        record["fx_rate"] = facts.pop("rate")
    shares = {"refund": "refund", "balance": "customer_balance", "external": "external"}
    allocations = {long: facts.pop(short) for short, long in shares.items() if short in facts}
    if allocations:
        record["allocations"] = allocations
    if below:
        record["lines"] = [
            {"line_id": one[0], "amount": one[1], **(_term(one[2]) if len(one) > 2 else {})} for one in below
        ]
    return record | facts


# -- the text of a case

_TABLE = re.compile(r"\s*(\d{4}-\d\d(<\S+)?(\s|$)|\d+->\d+ )")


def sections(text: str) -> tuple[str, list[str]]:
    """The course of a case, and the texts below it: tables, whose first line is months, and what recalculations say."""
    course, below = list[str](), list[str]()
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.strip():
            (below if _TABLE.match(block) else course).append(textwrap.dedent(block))
    return "\n".join(course), below


def in_one_run(cases: dict[str, str]) -> list[str]:
    """The cases whose end does not depend on what was known when: one run, and no month is closed."""
    return [name for name, text in cases.items() if text.count("run ") == 1 and " close " not in text]


# -- what the books say


def movements(books: Books, amount: str = "amount", by: str | None = None) -> list[str]:
    """`MONTH ACCOUNT MOVEMENT`, what moved in a month and account, net, on the account's own side; an effect of a closed
    month as `MONTH<ORIGIN`. `by`: a field of the entry before the account. Every entry has to balance."""
    found: Counter[tuple[str, str]] = Counter()
    for entry in books.records("journal"):
        month = entry["period"] + (f"<{entry['origin_period']}" if entry["origin_period"] else "")
        for name in ("amount", "functional_amount"):
            sides = [Decimal(one[name]) * (1 if one["side"] == "debit" else -1) for one in entry["lines"]]
            assert sum(sides) == 0, f"{name} of {entry['entry_id']} does not balance"
        for one in entry["lines"]:
            row = f"{entry[by]} {one['account']}" if by else one["account"]
            sign = 1 if (one["side"] == "credit") == (one["account"] in CREDIT_NORMAL) else -1
            found[row, month] += sign * Decimal(one[amount])
    return sorted(f"{month} {row} {total:f}" for (row, month), total in found.items() if total)


def table(text: str) -> list[str]:
    """The same of a table: a row for each account, a column for each month, `-` for what does not move."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    months, found = lines[0].split(), list[str]()
    for line in lines[1:]:
        words = line.split()
        cells = words[-len(months) :]
        row = " ".join(words[: -len(months)])
        assert len(words) > len(months), f"not a row of {months}: {line}"
        found += [f"{month} {row} {cell}" for month, cell in zip(months, cells, strict=True) if cell != "-"]
    return sorted(found)


def recalculations(books: Books, contract_id: str = "k") -> list[str]:
    """`VERSION->VERSION TREATMENT catch_up AMOUNT`, and below it each line and month whose revenue it changed, with the
    amounts before and after; of the versions that follow another one. Its sums and entries have to be there."""
    posted = {entry["entry_id"] for entry in books.records("journal")}
    told: list[str] = []
    every = [one for one in books.records("recalculations") if one["contract_id"] == contract_id]
    for one in sorted(every, key=lambda record: record["to_version"]):
        before, after, delta = (
            {(row["line_id"], row["period"]): Decimal(row["amount"]) for row in one[name]}
            for name in ("before", "after", "delta")
        )
        zero = Decimal("0.00")
        names = sorted(before.keys() | after.keys())
        differs = {name: after.get(name, zero) - before.get(name, zero) for name in names}
        assert {name: amount for name, amount in differs.items() if amount} == {
            name: amount for name, amount in delta.items() if amount
        }, one["to_version"]
        assert set(one["entry_ids"]) <= posted, one["to_version"]
        if one["from_version"] is None:
            continue
        told.append(f"{one['from_version']}->{one['to_version']} {one['treatment']} catch_up {one['catch_up']}")
        for line, period in names:
            if differs[line, period]:
                was, is_now = before.get((line, period), zero), after.get((line, period), zero)
                told.append(f"{line} {period} {was} -> {is_now}")
    return told


def trimmed(text: str) -> list[str]:
    """The lines of a text, without what only lines them up."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
