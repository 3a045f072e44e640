"""Routing: which contract a billing fact belongs to, and in which order the facts of a contract count."""

from . import topic
from .billing_record import KINDS


def unique(facts):
    """(facts, exceptions): of one identity the first applied counts; the same again is nothing, another a conflict."""
    first, exceptions = {}, set()
    for fact in sorted(facts, key=topic.applied_order):
        known = first.setdefault(fact.identity, fact)
        if known.content != fact.content:
            exceptions.add(("identity_conflict", *fact.position))
    return list(first.values()), exceptions


class Router:
    """Facts by contract, as far as the contracts known at one moment go; the others wait as exceptions."""

    def __init__(self, histories, facts):
        self.histories = histories
        self.exceptions, self.contracts = set(), {}
        self.invoices, self.notes = {}, {}
        for fact in sorted(facts, key=lambda fact: (fact.time, fact.source, fact.event_id)):
            if fact.kind == "invoice_finalized":
                self.invoices.setdefault((fact.customer, fact.invoice), []).append(fact)
            if fact.kind == "credit_note":
                self.notes.setdefault((fact.customer, fact.note), []).append(fact)
        for fact in facts:
            key = self._contract(fact)
            if isinstance(key, str):
                self.exceptions.add((key, *fact.position))
            elif fact.currency != histories.contracts[key].first.currency:
                self.exceptions.add(("currency_mismatch", *fact.position))
            else:
                self.contracts.setdefault(key, []).append(fact)

    def of(self, key):
        """The facts of a contract in the order in which they count."""
        facts = self.contracts.get(key, [])
        return sorted(facts, key=lambda fact: self._order(fact, facts))

    def _contract(self, fact):
        """The key of a contract, or the class of the exception."""
        if fact.contract is not None:
            key = (fact.customer, fact.contract)
            return key if key in self.histories.contracts else "contract_unknown"
        issuer = self._issuer(fact)
        if issuer is not None:
            return self._contract(issuer)
        return self._by_term(fact)

    def _issuer(self, fact):
        """Another event that issued the invoice, or else the credit note, that a fact names: first one that says where."""
        issued = [
            *self.invoices.get((fact.customer, fact.invoice), []),
            *self.notes.get((fact.customer, fact.note), []),
        ]
        said = [other for other in issued if other is not fact and other.contract is not None]
        earlier = issued[: issued.index(fact)] if fact in issued else issued
        return next(iter([*said, *earlier]), None)

    def _by_term(self, fact):
        histories = self.histories.customers.get(fact.customer, [])
        running = [history for history in histories if history.covers(fact.time)]
        for found in (running, histories):
            if len(found) == 1:
                return found[0].first.key
        return "contract_ambiguous" if histories else "contract_unknown"

    def _order(self, fact, facts):
        """By time; of one instant what concerns earlier invoices, new invoices, what concerns those."""
        note = next((one for one in facts if one.kind == "credit_note" and one.note == fact.note), None)
        invoice = fact.invoice if fact.invoice is not None or note is None else note.invoice
        issued = [one.time for one in facts if one.kind == "invoice_finalized" and one.invoice == invoice]
        earlier = bool(issued) and min(issued) < fact.time
        rank = 1 if fact.kind == "invoice_finalized" else 0 if earlier else 2
        return (fact.time, rank, KINDS.index(fact.kind), fact.source, fact.event_id)
