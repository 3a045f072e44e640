"""The order in which billing facts take effect, and which of them says what an invoice or a credit note is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from accounting.billing_fact import INVOICE_CONFLICT, BillingFact, BillingKind, Problem

# Within one instant a payment goes before what takes from it, and a note before what names it.
_RANKS = {
    kind: rank
    for rank, kind in enumerate(
        (
            BillingKind.INVOICE_FINALIZED,
            BillingKind.INVOICE_PAID,
            BillingKind.CREDIT_NOTE,
            BillingKind.REFUND,
            BillingKind.DISPUTE_OPENED,
            BillingKind.INVOICE_UNCOLLECTIBLE,
            BillingKind.INVOICE_VOIDED,
            BillingKind.CREDIT_NOTE_VOIDED,
            BillingKind.DISPUTE_WON,
        )
    )
}


@dataclass(slots=True)
class FactOrder:
    """The facts of one contract, in order; a fact that repeats another one, or contradicts it, is left out."""

    facts: list[BillingFact] = field(default_factory=list)
    invoices: dict[str, BillingFact] = field(default_factory=dict)  # by invoice_id: its finalisation
    notes: dict[str, BillingFact] = field(default_factory=dict)  # by credit_note_id: its issue
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def of(cls, facts: Iterable[BillingFact]) -> FactOrder:
        """By event time, source and event_id, whatever order they are given in.

        Of two facts that issue one invoice or note the first holds. What names a note takes effect with it at the
        earliest. Within an instant, what concerns earlier invoices goes first, so that a void and the invoice that
        replaces it may have one time; then come new invoices, then what concerns those.
        """
        order = cls()
        kept = [
            fact
            for fact in sorted(facts, key=lambda fact: (fact.at, fact.source, fact.event_id))
            if order._is_first(fact)
        ]
        order.facts = sorted(map(order._after_its_note, kept), key=order._key)
        return order

    def _is_first(self, fact: BillingFact) -> bool:
        if fact.kind is BillingKind.INVOICE_FINALIZED:
            known, name = self.invoices.setdefault(fact.invoice_id or "", fact), f"invoice {fact.invoice_id}"
        elif fact.kind is BillingKind.CREDIT_NOTE and fact.credit_note_id is not None:
            known, name = self.notes.setdefault(fact.credit_note_id, fact), f"credit note {fact.credit_note_id}"
        else:
            return True
        if known.said != fact.said:
            reason = f"{name} was issued by event {known.event_id} with other content: void it and issue another one"
            self.problems.append(Problem(fact, INVOICE_CONFLICT, reason))
        return known is fact

    def _after_its_note(self, fact: BillingFact) -> BillingFact:
        note = self.notes.get(fact.credit_note_id or "")
        if note is None or fact.at >= note.at or fact.kind is BillingKind.CREDIT_NOTE:
            return fact
        return replace(fact, at=note.at, day=note.day)

    def _key(self, fact: BillingFact) -> tuple[int, bool, int, str, str]:
        named = self.notes.get(fact.credit_note_id or "", fact)
        invoice = self.invoices.get(fact.invoice_id or named.invoice_id or "")
        late = invoice is not None and invoice.at >= fact.at
        return fact.at, late, _RANKS[fact.kind], fact.source, fact.event_id
