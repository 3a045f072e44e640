"""Billing of one contract: what its invoices, payments and credits book, in the order in which they take effect.

Source: accounting.md, rules 1 and 5 (Credits). Shares are taken from the schedules, and of usage from what is billed ahead
of it, not from what is posted, so that this needs no position; the contract's ledger adds those, and the rates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from accounting.billing_fact import (
    AMOUNT_EXCEEDS,
    INVOICE_UNKNOWN,
    LINE_UNKNOWN,
    BilledLine,
    BillingFact,
    BillingKind,
    Problem,
)
from accounting.booking import (
    ACCOUNTS_RECEIVABLE,
    BILLING,
    CASH,
    CREDIT,
    CUSTOMER_BALANCE,
    EXTERNAL_BALANCE,
    PAYMENT,
    TAX_PAYABLE,
    Booking,
    ServedLine,
    ShiftMode,
)
from accounting.credit import Credit, CreditPart, Drawn
from accounting.deferred_usage import DeferredUsage
from accounting.fact_order import FactOrder
from accounting.invoice import Invoice, Piece, portion, pro_rata, within
from accounting.money import major_text
from accounting.recognition import LinePlan
from accounting.schedule import round_share
from accounting.service_terms import Service, ServiceTerms


class Billing:
    """The bookings of a contract's billing facts, the overlays of its credits, and what is wrong with the facts."""

    def __init__(self, terms: ServiceTerms, facts: Iterable[BillingFact], deferred: DeferredUsage) -> None:
        """Take all facts of the contract, in any order: they apply by their own times."""
        self._terms, self._currency, self._deferred = terms, terms.first.currency, deferred
        self.bookings: list[Booking] = []
        self._credits: list[Credit] = []
        self._notes: dict[str, Credit] = {}
        self._voided: dict[str, list[tuple[Credit, CreditPart]]] = {}  # by line
        handlers: dict[BillingKind, Callable[[BillingFact], None]] = {
            BillingKind.INVOICE_FINALIZED: self._finalised,
            BillingKind.INVOICE_PAID: self._paid,
            BillingKind.INVOICE_VOIDED: self._taken_back,
            BillingKind.INVOICE_UNCOLLECTIBLE: self._taken_back,
            BillingKind.CREDIT_NOTE: self._noted,
            BillingKind.CREDIT_NOTE_VOIDED: self._note_voided,
            BillingKind.REFUND: self._refunded,
            BillingKind.DISPUTE_OPENED: self._disputed,
            BillingKind.DISPUTE_WON: self._dispute_won,
        }
        order = FactOrder.of(facts)
        self.problems = order.problems
        self._invoices = {name: self._invoice(fact) for name, fact in order.invoices.items()}
        for fact in order.facts:
            handlers[fact.kind](fact)

    def overlays(self) -> list[LinePlan]:
        """What the credits take from what is still to be recognised, line by line."""
        return [plan for credit in self._credits for plan in credit.overlays(self._terms)]

    # -- invoices

    def _invoice(self, fact: BillingFact) -> Invoice:
        tax = fact.tax or 0
        amount = fact.amount if fact.amount is not None else sum(line.net for line in fact.lines) + tax
        lines = self._known(fact)
        net = amount - tax
        if lines:
            pieces = [
                Piece(self._terms.service(one.line_id, one.start, one.end, fact.at), one.net, one.net) for one in lines
            ]
            rest = net - sum(one.net for one in pieces)
            pieces[0].net += rest
            pieces[0].left += rest
        else:
            pieces = [Piece(service, part, part) for service, part in self._spread(net, fact.at)]
        return Invoice(fact, amount, tax, pieces)

    def _known(self, fact: BillingFact) -> list[BilledLine]:
        """The lines of a fact; those that the contract does not have go over the lines that it has."""
        unknown = [line for line in fact.lines if not self._terms.knows(line.line_id)]
        if not unknown:
            return list(fact.lines)
        names = ", ".join(dict.fromkeys(line.line_id for line in unknown))
        reason = f"the contract has no line {names}: amend it, or name another one; booked over the lines it has"
        self.problems.append(Problem(fact, LINE_UNKNOWN, reason, booked=True))
        spread = self._spread(sum(line.net for line in unknown), fact.at)
        found = [BilledLine(service.line_id, net) for service, net in spread]
        return [line for line in fact.lines if line not in unknown] + found

    def _spread(self, net: int, at: int) -> list[tuple[Service, int]]:
        lines = self._terms.spread(at) or [("", 1)]
        parts = pro_rata(net, [weight for _, weight in lines])
        return [
            (self._terms.service(name, None, None, at), part) for (name, _), part in zip(lines, parts, strict=True)
        ]  # fmt: skip

    def _finalised(self, fact: BillingFact) -> None:
        invoice = self._invoices[fact.invoice_id or ""]
        booking = Booking(fact, BILLING, "invoice finalised: billed to its positions", invoice.fact)
        booking.leg(ACCOUNTS_RECEIVABLE, invoice.amount, invoice.receivable)
        booking.leg(TAX_PAYABLE, -invoice.tax, invoice.taxed)
        changes: dict[str, int] = {}
        lines: list[ServedLine] = []
        for piece in invoice.pieces:
            line = self._restored(booking, piece, fact.at)
            position = self._terms.position(line.line_id)
            changes[position] = changes.get(position, 0) + line.net + line.contra
            lines.append(line)
        for position, change in changes.items():
            booking.shift(position, change, ShiftMode.BILL)
        booking.lines, booking.line_id = tuple(lines), invoice.line_id
        self._book(booking)

    def _restored(self, booking: Booking, piece: Piece, at: int) -> ServedLine:
        """What a re-invoice of a voided line and service period gives back of the void, pro rata to its amount."""
        left, restored = piece.net, 0  # of the invoice, and to the contra account
        for credit, part in self._voided.get(piece.service.line_id, ()):
            there = part.contra + part.rest
            # A void that is dated before its own invoice stays: no invoice is a re-invoice of itself.
            again = part.service.is_that_of(piece.service) and credit.invoice.fact is not booking.stated_by
            back = portion(left, there) if again else 0
            if back:
                contra = round_share(part.contra, abs(back), abs(there))
                credit.give_back(self._terms, part, at, contra, back - contra)
                booking.leg(credit.account, -contra, credit.contra_held)
                booking.rule = "re-invoice: billed to its positions, what the void took is restored"
                left -= back
                restored += contra
        return ServedLine(piece.service[0], piece.net, -restored, piece.net - left)

    def _paid(self, fact: BillingFact) -> None:
        invoice = self._named(fact)
        if invoice is None:
            return
        due = _owing(invoice)
        amount = self._amount(fact, invoice, due + invoice.written_off, "is open")
        if amount is None:
            return
        rule = "payment: the receivable is settled at its historical rate"
        booking = Booking(fact, PAYMENT, rule, invoice.fact, line_id=invoice.line_id)
        booking.leg(CASH, amount, today=True)
        settled = portion(amount, due)
        invoice.open -= settled
        booking.leg(ACCOUNTS_RECEIVABLE, -settled, invoice.receivable)
        left = amount - settled
        for credit in invoice.write_offs:
            part = portion(left, credit.amount)
            if part:
                booking.rule = (
                    "payment after write-off: its share of bad debt and tax come back, the rest is recoverable"
                )
                invoice.recoveries.append(credit.recover(booking, part))
                left -= part
        self._book(booking)

    # -- credits

    def _taken_back(self, fact: BillingFact) -> None:
        """A void or a write-off: of what is still open."""
        invoice = self._named(fact)
        if invoice is None:
            return
        amount = self._amount(fact, invoice, _owing(invoice), "is open")
        if amount is None:
            return
        voided = fact.kind is BillingKind.INVOICE_VOIDED
        credit = self._credit(fact, invoice, "voids" if voided else "bad_debt", amount, {ACCOUNTS_RECEIVABLE: amount})
        if credit is None:
            return
        if not voided:
            invoice.write_offs.append(credit)
        for part in credit.parts if voided else []:
            self._voided.setdefault(part.service.line_id, []).append((credit, part))

    def _noted(self, fact: BillingFact) -> None:
        invoice = self._credited(fact)
        if invoice is None:
            return
        amount = self._amount(fact, invoice, invoice.creditable, "can still be credited")
        if amount is None:
            return
        sides = {CASH: fact.refund, CUSTOMER_BALANCE: fact.customer_balance, EXTERNAL_BALANCE: fact.external}
        if min(sides.values()) < 0 or sum(sides.values()) > max(amount, 0):
            self._exceeds(fact, "allocations", sum(sides.values()), amount, "is credited")
            return
        sides[ACCOUNTS_RECEIVABLE] = amount - sum(sides.values())
        credit = self._credit(fact, invoice, "credit_notes", amount, sides)
        if credit is not None and fact.credit_note_id is not None:
            self._notes[fact.credit_note_id] = credit

    def _refunded(self, fact: BillingFact) -> None:
        if fact.credit_note_id is not None:
            self._note_refunded(fact)
            return
        invoice = self._credited(fact)
        amount = None if invoice is None else self._amount(fact, invoice, invoice.creditable, "can still be credited")
        if invoice is not None and amount is not None:
            self._credit(fact, invoice, "refunds", amount, {CASH: amount})

    def _disputed(self, fact: BillingFact) -> None:
        invoice = self._credited(fact)
        amount = None if invoice is None else self._amount(fact, invoice, invoice.creditable, "can still be credited")
        if invoice is not None and amount is not None:
            credit = self._credit(fact, invoice, "disputes", amount, {CASH: amount})
            if credit is not None:
                invoice.disputes.append(credit)

    def _credit(
        self, fact: BillingFact, invoice: Invoice, account: str, amount: int, sides: dict[str, int]
    ) -> Credit | None:
        """Credit `amount`: what came in after a write-off goes first, as it was composed; the rest by the schedule."""
        of_open = account in ("voids", "bad_debt")
        limit = invoice.live if of_open else invoice.creditable
        if invoice.named and not within(amount, limit):
            self._exceeds(fact, f"invoice {fact.invoice_id}", amount, limit, "can still be credited")
            return None
        drawn, left = list[Drawn](), amount
        for recovery in () if of_open else invoice.recoveries:
            part = portion(left, recovery.amount)
            if part:
                drawn.append(Drawn(recovery, *pro_rata(part, [recovery.contra, recovery.tax, recovery.rest])))
                left -= part
        tax = self._tax(fact, invoice, left, bool(drawn))
        if invoice.named and not within(tax, invoice.live_tax):
            self._exceeds(fact, "tax", tax, invoice.live_tax, "can still be credited")
            return None
        parts = self._parts(fact, invoice, left - tax, bool(drawn))
        credit = Credit(fact, invoice, account, parts, tax, drawn, sides)
        self._credits.append(credit)
        rule = f"{fact.kind}: the share recognised of the service period to {account}, the rest was not yet earned"
        self._book(credit.booking(self._terms, rule))
        return credit

    @staticmethod
    def _tax(fact: BillingFact, invoice: Invoice, amount: int, drawn: bool) -> int:
        """The tax in a credit: what the event says, else what its lines leave, else pro rata of what is left of it."""
        if not drawn and fact.tax:
            return fact.tax
        if not drawn and fact.lines:
            left = amount - sum(line.net for line in fact.lines)
            if within(left, invoice.live_tax):
                return left
        return round_share(invoice.live_tax, abs(amount), abs(invoice.live)) if invoice.live else 0

    def _parts(self, fact: BillingFact, invoice: Invoice, net: int, drawn: bool) -> list[CreditPart]:
        """A credit's net amount by service: its lines, else the invoice's, else the contract's."""
        rows: list[tuple[Service, int]] = []
        for line in self._known(fact):
            of_line = [one for one in invoice.pieces if one.service[0] == line.line_id]
            if line.start is None and line.end is None and sum([one.net for one in of_line]) != 0:
                shares = pro_rata(line.net, _weights(of_line, line.net))
                rows += zip([one.service for one in of_line], shares, strict=True)
            else:
                rows.append((self._terms.service(line.line_id, line.start, line.end, fact.at), line.net))
        if rows and drawn:
            rows = list(zip([row[0] for row in rows], pro_rata(net, [row[1] for row in rows]), strict=True))
        elif rows:
            rows[0] = (rows[0][0], rows[0][1] + net - sum(row[1] for row in rows))
        elif invoice.pieces:
            shares = pro_rata(net, _weights(invoice.pieces, net))
            rows = list(zip([one.service for one in invoice.pieces], shares, strict=True))
        else:
            rows = self._spread(net, fact.at)
        left = {service[0]: self._deferred.left(service[0], fact.at) for service, _ in rows}
        return [self._part(fact, invoice, service, part, left) for service, part in rows]

    def _part(
        self, fact: BillingFact, invoice: Invoice, service: Service, net: int, left: dict[str, int | None]
    ) -> CreditPart:  # fmt: skip
        """One part. Of usage it takes what is `left` deferred of the line; the parts of a line share that, in order."""
        before, ahead = left[service[0]], 0
        if before is not None:
            left[service[0]] = before - net
            ahead = max(before, 0) - max(before - net, 0)  # a part below zero gives back what one before it took
        share = self._terms.share(service, fact.at)
        contra = round_share(net - ahead, *share)
        turns = [(self._terms.since(service[0], fact.at), net - contra)]
        return CreditPart(service, invoice.piece(service), share, contra, net - contra, turns)

    # -- what follows a credit

    def _note_voided(self, fact: BillingFact) -> None:
        note = self._note(fact)
        if note is None:
            return
        amount = fact.amount if fact.amount is not None else note.amount
        if not within(amount, note.amount) or not note.amount:
            self._exceeds(fact, f"credit note {fact.credit_note_id}", amount, note.amount, "is left of it")
            return
        rule = "credit note voided: what it took comes back at this date"
        self._book(note.reversal(self._terms, fact, amount, rule))

    def _dispute_won(self, fact: BillingFact) -> None:
        invoice = self._named(fact)
        if invoice is None:
            return
        disputed = sum(one.amount for one in invoice.disputes)
        left = fact.amount if fact.amount is not None else disputed
        if not within(left, disputed) or not disputed:
            self._exceeds(fact, f"invoice {fact.invoice_id}", left, disputed, "is in dispute")
            return
        # A stated amount that is one dispute's settles that one, else the oldest first.
        for one in sorted(invoice.disputes, key=lambda dispute: dispute.amount != left):
            part = portion(left, one.amount)
            if part:
                self._book(one.reversal(self._terms, fact, part, "dispute won: what it took comes back at this date"))
                left -= part

    def _note_refunded(self, fact: BillingFact) -> None:
        """A refund that names a credit note moves cash only, and of that only what the note has not moved itself."""
        note = self._note(fact)
        if note is None:
            return
        steps = (CASH, ACCOUNTS_RECEIVABLE, CUSTOMER_BALANCE)
        limit = sum(note.sides[name] for name in steps) - note.refunded
        amount = fact.amount if fact.amount is not None else limit
        if not within(amount, limit):
            self._exceeds(fact, f"credit note {fact.credit_note_id}", amount, limit, "is left to refund")
            return
        booking = Booking(fact, CREDIT, "refund of a credit note: moves cash only", note.invoice.fact)
        begin, end, at = note.refunded, note.refunded + amount, 0
        for name in steps:
            size = note.sides[name]
            part = min(end, at + size) - max(begin, at)
            at += size
            if part > 0 and name != CASH:
                held = note.invoice.receivable if name == ACCOUNTS_RECEIVABLE else note.balances[name]
                booking.leg(name, part, held)
                booking.leg(CASH, -part, today=True)
                note.invoice.open += part if name == ACCOUNTS_RECEIVABLE else 0
        note.refunded = end
        booking.line_id = note.line_id
        self._book(booking)

    # -- what a fact names

    def _named(self, fact: BillingFact) -> Invoice | None:
        invoice = self._invoices.get(fact.invoice_id or "")
        if invoice is None:
            self._unknown(fact, f"invoice {fact.invoice_id}")
        return invoice

    def _credited(self, fact: BillingFact) -> Invoice | None:
        """The invoice of a credit; one that names none is bounded by nothing but its own lines."""
        if fact.invoice_id is not None:
            return self._named(fact)
        return Invoice(fact, 0, 0, [], named=False)

    def _note(self, fact: BillingFact) -> Credit | None:
        note = self._notes.get(fact.credit_note_id or "")
        if note is None:
            self._unknown(fact, f"credit note {fact.credit_note_id}")
        return note

    def _amount(self, fact: BillingFact, invoice: Invoice, limit: int, what: str) -> int | None:
        """The amount of a fact, None (with a problem) where it is more than there is."""
        amount = fact.amount if fact.amount is not None else limit
        if not invoice.named and amount >= 0:
            return amount
        if invoice.named and within(amount, limit) and (limit or not invoice.amount or fact.amount == 0):
            return amount
        name = f"invoice {fact.invoice_id}" if invoice.named else "a credit that names no invoice"
        self._exceeds(fact, name, amount, limit, what)
        return None

    def _exceeds(self, fact: BillingFact, name: str, amount: int, limit: int, what: str) -> None:
        asked, there = major_text(amount, self._currency), major_text(limit, self._currency)
        reason = f"{fact.kind}: {name}: {asked} {self._currency} asked for, {there} {what}: send an event that fits"
        self.problems.append(Problem(fact, AMOUNT_EXCEEDS, reason))

    def _unknown(self, fact: BillingFact, name: str) -> None:
        reason = f"{fact.kind}: {name} is not known for this contract: send the event that issues it"
        self.problems.append(Problem(fact, INVOICE_UNKNOWN, reason))

    def _book(self, booking: Booking) -> None:
        if booking.legs or booking.shifts:
            self.bookings.append(booking)
            self._deferred.book(booking)


def _owing(invoice: Invoice) -> int:
    """What is open of an invoice; what is owed to the customer is nothing that could be paid or written off."""
    return max(invoice.open, 0) if invoice.amount >= 0 else min(invoice.open, 0)


def _weights(pieces: list[Piece], amount: int) -> list[int]:
    """By what an amount goes over pieces: by what is left of them as far as it lasts, else by what they were."""
    left = [one.left for one in pieces]
    return left if within(amount, sum(left)) else [one.net for one in pieces]
