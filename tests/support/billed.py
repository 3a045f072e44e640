"""Billing of random feeds: invoices and what becomes of them, for the contracts that a feed has drawn."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

from tests.support.fixed_lines import DIGITS, major_text, minor_units
from tests.support.moments import START, instant, moment

Record = dict[str, Any]
VALID = {
    "event_id": "g", "source": "bill", "event_time": "2025-01-05T00:00:00Z", "kind": "invoice_paid",
    "invoice_id": "i", "customer_id": "c0", "currency": "USD",
}  # fmt: skip
CHANGES: tuple[Record, ...] = (
    {"kind": "zork"},
    {"kind": "refund"},
    {"invoice_id": None},
    {"amount": 5},
    {"currency": "usd"},
)
BROKEN: tuple[bytes, ...] = (b"{", b"[]", *(json.dumps(VALID | change).encode() for change in CHANGES))


class Billed:
    """The billing events that go with drawn contracts."""

    def __init__(self, seed: int, contracts: list[Record]) -> None:
        self.random = random.Random(f"{seed} billed")
        self.versions: dict[str, list[Record]] = {}
        for record in sorted(contracts, key=lambda one: one["version"]):
            self.versions.setdefault(record["contract_id"], []).append(record)
        self.found: list[Record] = []
        self.currency, self.digits = "USD", 2

    def partitions(self) -> dict[int, list[bytes]]:
        """Mostly in the order of their times; broken ones between them; again now and then."""
        rng = self.random
        for known in self.versions.values():
            if rng.random() < 0.85:
                self._contract(known)
        self.found.sort(key=lambda one: one["event_time"])
        if rng.random() < 0.3:
            for _ in range(len(self.found) // 4):
                at = rng.randrange(len(self.found))
                self.found.insert(rng.randint(0, len(self.found) - 1), self.found.pop(at))
        self._again()
        if rng.random() < 0.1 and self.found:
            rng.choice(self.found)["contract_id"] = "nowhere"
        lines = [json.dumps(one).encode() for one in self.found]
        for _ in range(rng.choice((0, 0, 1, 3))):
            lines.insert(rng.randint(0, len(lines)), rng.choice(BROKEN))
        return {0: lines}

    def _again(self) -> None:
        """The same once more, with its identity or another one; another content under the same identity."""
        rng = self.random
        for _ in range(rng.choice((0, 0, 1, 2)) if self.found else 0):
            at = rng.randrange(len(self.found))
            again = dict(self.found[at])
            match rng.choice(("same", "same", "identity", "content")):
                case "identity" if again["kind"] in ("invoice_finalized", "credit_note"):
                    again["event_id"] += "-again"
                case "content":
                    again["currency"] = "USD" if again["currency"] != "USD" else "EUR"
            self.found.insert(rng.randint(at + 1, len(self.found)), again)

    # -- one contract

    def _contract(self, known: list[Record]) -> None:
        rng, first, last = self.random, known[0], known[-1]
        self.contract, self.currency = first, first["currency"]
        self.digits = DIGITS.get(self.currency, 2)
        self.unnamed = rng.random() < 0.15
        self.lines = {line["line_id"]: line for one in known for line in one["lines"]}
        totals = [minor_units(line.get("total") or "0", self.digits) for line in last["lines"]]
        whole = max(sum(totals), 1_000) if rng.random() < 0.8 else rng.randint(100, 50_000)
        start = moment(first["start"])
        if "opening" in first:  # what came before is in it
            start = moment(first["opening"]["as_of"]) + timedelta(days=4)
        style = rng.choice(("advance", "arrears", "parts", "parts"))
        count = 1 if style != "parts" else rng.randint(2, 4)
        for number in range(count):
            delay = {"advance": rng.randint(-3, 2), "arrears": rng.randint(25, 60)}.get(
                style, 25 * number + rng.randint(0, 9)
            )
            share = whole // count if rng.random() < 0.9 else whole * 3 // (2 * count)
            at = start + timedelta(days=delay, hours=rng.choice((0, 0, 9, 23)), minutes=rng.choice((0, 0, 13)))
            self._invoice(f"{first['contract_id']}-i{number}", share, at, period=(number, count))

    def _put(self, kind: str, at: datetime, invoice: str | None, minor: int | None, **facts: Any) -> Record:
        rng = self.random
        record: Record = {
            "event_id": f"b{len(self.found)}", "source": rng.choice(("bill", "psp")), "event_time": instant(at),
            "kind": kind, "invoice_id": invoice, "customer_id": self.contract["customer_id"], "currency": self.currency,
            "contract_id": None if self.unnamed and rng.random() < 0.8 else self.contract["contract_id"],
            "amount": None if minor is None else major_text(minor, self.digits), **facts,
        }  # fmt: skip
        if rng.random() < 0.1:
            record["fx_rate"] = rng.choice(("1.25", "0.9", "131.5"))
        self.found.append(record)
        return record

    def _invoice(self, name: str, net: int, at: datetime, period: tuple[int, int]) -> None:
        rng = self.random
        tax = rng.choice((0, 0, net // 10, net * 19 // 100))
        lines = self._lines(net, period)
        self.billed, self.net = [line["line_id"] for line in lines if line["line_id"] in self.lines], net
        facts: Record = {"lines": lines} if lines else {}
        if tax:
            facts["tax"] = major_text(tax, self.digits)
        self._put("invoice_finalized", at, name, net + tax, **facts)
        self.voided = False
        self.gross, self.open, self.paid, self.left, self.name, self.at = net + tax, net + tax, 0, net + tax, name, at
        self._bad(name)
        for _ in range(rng.choice((0, 1, 2, 3, 4))):
            self._later()
            if self.open > 0:
                rng.choice((self._pay, self._pay, self._pay, self._void, self._write_off, self._note))()
            elif self.paid > 0:
                rng.choice((self._note, self._refund, self._dispute, self._excess))()
        if self.open == 0 and self.paid == 0 and rng.random() < 0.5 and self.voided:
            self._later() if rng.random() < 0.7 else None
            self._put("invoice_finalized", self.at, f"{name}-again", self.gross, **facts)

    def _later(self) -> None:
        rng = self.random
        self.at += timedelta(
            days=rng.choice((0, 1, 5, 17, 30)), hours=rng.choice((0, 0, 7)), minutes=rng.choice((1, 11))
        )

    def _lines(self, net: int, period: tuple[int, int], of: list[str] | None = None) -> list[Record]:
        """None at all, all on one line, or spread over some; with the periods of the parts or without.

        `of`: the lines of the invoice that a credit is for.
        """
        rng = self.random
        known = sorted(self.lines if of is None else set(of))
        if rng.random() < 0.35 or not known:
            return []
        names = rng.sample(known, min(len(known), rng.choice((1, 1, 2, 3))))
        if rng.random() < 0.03:
            names[0] = "elsewhere"
        found: list[Record] = []
        for number, name in enumerate(names):
            part = net // len(names) if number else net - net // len(names) * (len(names) - 1)
            found.append({"line_id": name, "amount": major_text(part, self.digits)})
            if name in self.lines and rng.random() < 0.4:
                found[-1] |= self._period(self.lines[name], period)
        if rng.random() < 0.1 and net > 500:
            found.append({"line_id": names[0], "amount": "-" + major_text(100, self.digits)})
        return found

    def _said(self, part: int) -> Record:
        """Lines and tax of a credit, now and then: else they are what the invoice says."""
        net = part * self.net // self.gross
        lines = self._lines(net, (0, 1), self.billed) if self.random.random() < 0.3 else []
        return {"lines": lines, "tax": major_text(part - net, self.digits)} if lines else {}

    def _period(self, line: Record, period: tuple[int, int]) -> Record:
        """The part of a line's term that an invoice is for, in whole days."""
        start = moment(line.get("start") or self.contract["start"])
        end = moment(line.get("end") or self.contract["end"])
        number, count = period
        days = max((end - start).days // count, 1)
        first = start + timedelta(days=days * number)
        return {"start": instant(first), "end": instant(first + timedelta(days=days))}

    # -- what becomes of an invoice

    def _pay(self) -> None:
        rng = self.random
        part = self.open if rng.random() < 0.7 or self.open < 10 else self.open * rng.randint(1, 9) // 10
        self._put("invoice_paid", self.at, self.name, None if part == self.open and rng.random() < 0.4 else part)
        self.open -= part
        self.paid += part

    def _void(self) -> None:
        self._put("invoice_voided", self.at, self.name, None)
        self.left -= self.open
        self.voided = self.open == self.gross
        self.open = 0

    def _write_off(self) -> None:
        rng, lost = self.random, self.open
        self._put("invoice_uncollectible", self.at, self.name, None)
        self.left -= lost
        self.open = 0
        if rng.random() < 0.6:
            self._later()
            whole = lost == self.gross and rng.random() < 0.6
            part = lost if whole else lost // 3
            self._put("invoice_paid", self.at, self.name, part)
            if whole and rng.random() < 0.5:
                self._later()
                self._put(rng.choice(("dispute_opened", "refund")), self.at, self.name, lost)
        self.paid = 0  # which part of a payment a credit takes back after a write-off has no rule

    def _note(self) -> None:
        """A credit note, its amount to one or several places; perhaps voided, or turned into cash."""
        rng, name = self.random, f"{self.name}-n{len(self.found)}"
        part = min(self.left, self.open) if self.open > 0 else min(self.left, self.paid)
        part = part if rng.random() < 0.4 else part // 2
        if part <= 0:
            return
        ways = dict.fromkeys(("refund", "customer_balance", "external"), 0)
        if self.open <= 0:
            ways |= {"refund": part // 3, "customer_balance": part // 4, "external": rng.choice((0, part // 5))}
        facts: Record = (
            {"allocations": {way: major_text(minor, self.digits) for way, minor in ways.items()}}
            if any(ways.values())
            else {}
        )
        self._put("credit_note", self.at, self.name, part, credit_note_id=name, **facts | self._said(part))
        receivable = part - sum(ways.values())
        draw = rng.random()
        if draw < 0.3:
            self._later()
            self._put(
                "credit_note_voided", self.at, self.name if rng.random() < 0.5 else None, None, credit_note_id=name
            )
            return
        self.left -= part
        self.open -= receivable if self.open > 0 else 0
        self.paid -= ways["refund"]
        if draw < 0.5 and self.open <= 0:
            self._later()
            cash = rng.choice((ways["refund"], ways["refund"] + min(receivable, ways["customer_balance"])))
            if cash > 0:
                self._put("refund", self.at, self.name if rng.random() < 0.5 else None, cash, credit_note_id=name)
            self.paid = 0  # what is left to go back is not followed any further

    def _refund(self) -> None:
        part = min(self.left, self.paid)
        part = part if self.random.random() < 0.4 else part // 2
        if part > 0:
            self._put("refund", self.at, self.name, part, **self._said(part))
            self.left -= part
            self.paid -= part

    def _dispute(self) -> None:
        part = min(self.left, self.paid)
        if part <= 0:
            return
        self._put("dispute_opened", self.at, self.name, part)
        if self.random.random() < 0.5:
            self._later()
            self._put("dispute_won", self.at, self.name, None)
        else:
            self.left -= part
            self.paid -= part

    def _excess(self) -> None:
        """More than there is."""
        kind = self.random.choice(("invoice_paid", "credit_note", "refund", "invoice_voided", "dispute_won"))
        note = {"credit_note_id": f"{self.name}-x"} if kind == "credit_note" else {}
        minor = None if kind in ("invoice_voided", "dispute_won") else self.gross * 2 + 1
        self._put(kind, self.at, self.name, minor, **note)

    def _bad(self, name: str) -> None:
        """What names nothing that there is, or contradicts it."""
        rng, at = self.random, self.at + timedelta(days=2, minutes=3)
        draw = rng.random()
        if draw < 0.03:
            self._put("invoice_paid", at, f"{name}-nowhere", 100)
        elif draw < 0.06:
            self._put("refund", at, name, 100, credit_note_id="nowhere")
        elif draw < 0.09:
            self._put("invoice_finalized", at, name, self.gross + 1)
        elif draw < 0.11:
            self._put("invoice_paid", at, name, None)["currency"] = "GBP"


def going_on(seed: int, contracts: list[Record]) -> None:
    """Progress that never goes back: what a credit has taken of a line then has no rule."""
    rng = random.Random(f"{seed} going on")
    expected = rng.choice((None, 120, 120))
    lines: dict[tuple[str, str], list[tuple[str, Record]]] = {}
    for record in contracts:
        for line in record["lines"]:
            if line.get("progress"):
                known = lines.setdefault((record["contract_id"], line["line_id"]), [])
                known.append((record["effective_at"], line["progress"]))
    for known in lines.values():
        share = 0.0
        for _, progress in sorted(known, key=lambda one: one[0]):
            whole = expected or int(progress["expected"])
            share = max(share, int(progress["incurred"]) / int(progress["expected"]))
            incurred = min(-int(-share * whole // 1), whole)
            share = incurred / whole
            progress |= {"incurred": str(incurred), "expected": str(whole)}


class BillingPolicies:
    """The policies that concern what is billed and modified."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"{seed} billing policies")

    def records(self) -> list[Record]:
        """Known and in force long before."""
        rng, found = self.random, []
        for key, value, chance in (
            ("unbilled", "contract_asset", 0.2),
            ("cancellation", "non_refundable", 0.25),
            ("ssp_tolerance", "10", 0.2),
            ("ssp_tolerance", "0", 0.05),
            ("unbilled", "unbilled_receivable", 0.05),
            ("cancellation", "refundable", 0.05),
        ):
            if rng.random() < chance:
                at = instant(START - timedelta(days=300 - len(found)))
                found.append({"source": "ops", "event_time": at, "kind": "policy", "key": key, "value": value})
        return found
