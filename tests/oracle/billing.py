"""Billing: the facts of one contract in their order, as postings and movements of its positions (rules 1 and 5)."""

from dataclasses import dataclass, field, replace
from typing import Any

from . import number
from .credited import Take
from .invoice import Credit, Invoice, InvoiceLine, Note, Part, WriteOff


class Refused(Exception):
    """A fact that books nothing; its text is the class of the exception."""


@dataclass
class Posting:
    """Minor units on an account, debit positive; `bucket` is the fact whose rate it carries, `owner` the one whose
    balance it is of (without one: the bucket's).

    Without a bucket it takes the rate of its own fact.
    """

    account: str
    minor: int
    bucket: Any = None
    owner: Any = None

    @property
    def balance(self):
        """Which balance it is of."""
        return (self.account, (self.owner or self.bucket).position)


@dataclass
class Booking:
    """What a fact books: postings, and by position what it adds to recognised and to billed."""

    fact: Any
    invoice: Any = None
    postings: list = field(default_factory=list)
    moves: dict = field(default_factory=dict)

    def post(self, account, minor, bucket=None, owner=None):
        """Add a posting."""
        if minor:
            self.postings.append(Posting(account, minor, bucket, owner))

    def move(self, position, recognised, billed):
        """Add to what is recognised and billed of a position."""
        before = self.moves.get(position, (0, 0))
        self.moves[position] = (before[0] + recognised, before[1] + billed)


class Billing:
    """Reads the facts of a contract one after the other."""

    def __init__(self, services, facts, rate_of, used):
        """`used`: by usage line the (end, minor units) of the windows that are booked."""
        self.services, self.used = services, used
        self.invoices, self.notes, self.issued, self.voids, self.waiting = {}, {}, {}, [], []
        self.bookings, self.takes, self.exceptions, self.not_covered = [], [], set(), set()
        for fact in facts:
            try:
                if rate_of(fact) is None or self._waits_for_a_rate(fact):
                    self.waiting.append(fact)
                    raise Refused("fx_rate_missing")
                booking = getattr(self, "_read_" + fact.kind)(fact)
            except Refused as refusal:
                self.exceptions.add((str(refusal), *fact.position))
                continue
            if booking is not None:
                self.bookings.append(booking)

    def _waits_for_a_rate(self, fact):
        """Whether the invoice or note that it names lacks its rate."""
        for other in self.waiting:
            if other.kind == "invoice_finalized" != fact.kind and other.invoice == fact.invoice is not None:
                return True
            if other.kind == "credit_note" != fact.kind and other.note == fact.note is not None:
                return True
        return False

    # -- invoices

    def _read_invoice_finalized(self, fact):
        known = self.invoices.get(fact.invoice)
        if known is not None:
            if known.fact.issued != fact.issued:
                raise Refused("invoice_conflict")
            return None
        lines = [InvoiceLine(*line, line[2]) for line in self._lines(fact, fact.amount - fact.tax, None)]
        invoice = Invoice(fact, fact.amount, fact.tax, lines, fact.amount, fact.amount)
        self.invoices[fact.invoice] = invoice
        booking = Booking(fact, invoice)
        booking.post("accounts_receivable", fact.amount, fact)
        booking.post("tax_payable", -fact.tax, fact)
        for line in lines:
            booking.move(line.service.position, 0, line.net)
            self._restore(booking, line)
        return booking

    def _restore(self, booking, line):
        """A re-invoice of the same line and period gives back what a void took of as much (rule 5, Credits)."""
        left = line.net
        for void, part in self.voids:
            same = part.line_id == line.line_id is not None and part.service.is_that_of(line.service)
            net = _less(left, part.net - part.restored)
            if same and net:
                contra, rest = part.restore(net)
                booking.post("voids", -contra, void.invoice.fact)
                booking.move(part.service.position, contra, 0)
                part.take.give_back(booking.fact.time, rest)
                left -= net

    def _read_invoice_paid(self, fact):
        invoice = self._invoice(fact)
        amount = fact.amount
        if amount is None:
            amount = invoice.open if invoice.open > 0 or invoice.gross < 0 else invoice.lost
            if amount == 0 and invoice.gross:
                raise Refused("amount_exceeds")
        to_open = min(amount, max(invoice.open, 0)) if invoice.gross >= 0 else amount
        if amount > max(invoice.open, 0) + invoice.lost or (invoice.gross < 0 and amount < invoice.open):
            raise Refused("amount_exceeds")
        booking = Booking(fact, invoice)
        booking.post("cash", amount)
        booking.post("accounts_receivable", -to_open, invoice.fact)
        invoice.open -= to_open
        self._recover(booking, invoice, amount - to_open)
        return booking

    def _recover(self, booking, invoice, amount):
        """Payment of what was written off: its share of bad debt and tax, the rest is recoverables."""
        for write_off in invoice.write_offs:
            part = min(amount, write_off.left)
            if part <= 0:
                continue
            bad, tax, rest = write_off.split(part)
            booking.post("bad_debt", -bad, invoice.fact)
            booking.post("tax_payable", -tax, invoice.fact)
            booking.post("recoverables", -rest, booking.fact, invoice.fact)
            invoice.creditable += part
            amount -= part

    def _read_invoice_voided(self, fact):
        credit, booking = self._close(fact, "voids")
        if credit is not None:
            self.voids += [(credit, part) for part in credit.parts]
        return booking

    def _read_invoice_uncollectible(self, fact):
        credit, booking = self._close(fact, "bad_debt")
        if credit is not None:
            credit.invoice.write_offs.append(WriteOff(credit))
        return booking

    def _close(self, fact, account):
        """Void or write off what is still open."""
        invoice = self._invoice(fact)
        if invoice.gross == 0:
            return None, None
        gross = invoice.open if fact.amount is None else fact.amount
        limit = min(invoice.open, invoice.uncredited) if invoice.gross > 0 else -invoice.open
        if not 0 < (gross if invoice.gross > 0 else -gross) <= limit:
            raise Refused("amount_exceeds")
        credit, booking = self._credit(fact, invoice, account, gross)
        booking.post("accounts_receivable", -gross, invoice.fact)
        invoice.open -= gross
        return credit, booking

    # -- credits

    def _read_credit_note(self, fact):
        known = self.issued.setdefault(fact.note, fact)  # also one that could not be booked
        if known is not fact:
            if known.issued != fact.issued:
                raise Refused("invoice_conflict")
            return None
        invoice = self._invoice(fact)
        receivable = fact.amount - sum(fact.allocations)
        if fact.amount > invoice.creditable or receivable < 0:
            raise Refused("amount_exceeds")
        credit, booking = self._credit(fact, invoice, "credit_notes", fact.amount)
        left = (*fact.allocations, receivable, fact.allocations[0], fact.allocations[1], receivable)
        note = Note(fact, invoice, "credit_notes", credit.gross, credit.tax, credit.parts, (0, 0, 0), False, *left)
        self.notes[fact.note] = note
        self._allocate(booking, note, -1)
        return booking

    def _allocate(self, booking, note, sign):
        """Where a credit note goes, or comes back from."""
        invoice = note.invoice
        booking.post("cash", sign * note.refund)
        booking.post("customer_balance", sign * note.balance, note.fact)
        booking.post("external_balance", sign * note.external, note.fact)
        booking.post("accounts_receivable", sign * note.receivable, invoice.fact)
        invoice.open += sign * note.receivable

    def _read_credit_note_voided(self, fact):
        note = self._note(fact)
        if note.reversed:
            raise Refused("amount_exceeds")
        booking = Booking(fact, note.invoice)
        self._allocate(booking, note, 1)
        self._reverse(booking, note)
        return booking

    def _read_refund(self, fact):
        if fact.note is not None:
            return self._refund_of_a_note(fact)
        invoice = self._invoice(fact)
        if fact.amount > invoice.creditable:
            raise Refused("amount_exceeds")
        _, booking = self._credit(fact, invoice, "refunds", fact.amount)
        booking.post("cash", -fact.amount)
        return booking

    def _refund_of_a_note(self, fact):
        """Cash only: what the note's own refund has not moved already."""
        note = self._note(fact)
        moved = min(fact.amount, note.refund_left)
        receivable = min(fact.amount - moved, note.receivable_left)
        balance = fact.amount - moved - receivable
        if note.reversed or balance > note.balance_left:
            raise Refused("amount_exceeds")
        note.refund_left -= moved
        note.receivable_left -= receivable
        note.balance_left -= balance
        booking = Booking(fact, note.invoice)
        booking.post("cash", -receivable - balance)
        booking.post("accounts_receivable", receivable, note.invoice.fact)
        booking.post("customer_balance", balance, note.fact)
        note.invoice.open += receivable
        return booking

    def _read_dispute_opened(self, fact):
        invoice = self._invoice(fact)
        amount = invoice.creditable if fact.amount is None else fact.amount
        if amount > invoice.creditable or (amount == 0 and invoice.gross):
            raise Refused("amount_exceeds")
        credit, booking = self._credit(fact, invoice, "disputes", amount)
        booking.post("cash", -amount)
        invoice.disputes.append(credit)
        return booking

    def _read_dispute_won(self, fact):
        invoice = self._invoice(fact)
        disputes = [credit for credit in invoice.disputes if not credit.reversed]
        if fact.amount is not None:
            disputes = [credit for credit in disputes if credit.gross == fact.amount][:1]
        if not disputes:
            raise Refused("amount_exceeds")
        booking = Booking(fact, invoice)
        for credit in disputes:
            booking.post("cash", credit.gross)
            self._reverse(booking, credit)
        return booking

    def _credit(self, fact, invoice, account, gross):
        """Split a credit by the share recognised: contra, and what is still to be recognised (rule 5, Credits).

        What a refund or dispute takes back of a recovered write-off goes the way it came.
        """
        back = self._take_recovered(invoice, gross) if account in ("disputes", "refunds") else (0, 0, 0)
        rest = gross - sum(back)
        tax = fact.tax
        left, most = rest - sum(line.minor for line in fact.lines), invoice.tax - invoice.untaxed
        stated = fact.lines and (0 <= left <= most or most <= left <= 0)  # else what lines leave is no tax
        if sum(back) or (not tax and not stated):
            tax = invoice.tax_of(rest)
        elif not tax:
            tax = left
        if not sum(back) and not (0 <= tax <= most or most <= tax <= 0):
            raise Refused("amount_exceeds")  # tax that was not charged cannot be given back
        parts = self._parts(fact, self._lines(fact, rest - tax, invoice)) if rest else []
        credit = Credit(fact, invoice, account, gross, tax + back[1], parts, back)
        booking = Booking(fact, invoice)
        self._post_credit(booking, credit, 1)
        for part in parts:
            part.take = Take(fact.time, part.line_id, part.service, part.rest if part.service.is_scheduled else 0)
            booking.move(part.service.position, -part.contra, -part.net)
            self.takes.append(part.take)
        invoice.creditable -= gross
        invoice.untaxed += tax
        return credit, booking

    def _post_credit(self, booking, credit, sign):
        invoice = credit.invoice.fact
        booking.post(credit.account, sign * (credit.contra + credit.back[0]), invoice)
        booking.post("tax_payable", sign * credit.tax, invoice)
        booking.post("recoverables", sign * credit.back[2], booking.fact, invoice)

    def _parts(self, fact, lines):
        """By the share of the service that is recognised; of usage that is what is not deferred, over its lines in order."""
        parts, credited = [], {}
        for line_id, service, net in lines:
            if line_id is not None:  # over the same period, by the method that the line has now
                service = replace(service, line=self.services.of(line_id, fact.time).line)
            contra = round(net * service.share_on(fact.time, credited=True))
            deferred = self._deferred(service.position, fact.time)
            if deferred > 0:
                before = credited.get(line_id, 0)
                credited[line_id] = before + net
                contra -= min(before + net, deferred) - min(before, deferred)
            parts.append(Part(line_id, service, net, contra, net - contra))
        return parts

    def _deferred(self, line_id, at):
        """What is billed of a usage line and not recognised by an instant: of one instant usage goes before billing.

        Nothing of fixed lines, nor where a cancellation has made revenue of what was left over.
        """
        kept = self.services.plan.kept_since
        if line_id is None or (kept is not None and at >= kept):
            return 0
        moves = [one.moves[line_id] for one in self.bookings if line_id in one.moves]
        used = sum(minor for end, minor in self.used.get(line_id, ()) if end <= at)
        return sum(billed - recognised for recognised, billed in moves) - used

    def _take_recovered(self, invoice, gross):
        """(contra, tax, recoverables) of what a credit takes back of payments after a write-off."""
        found = (0, 0, 0)
        for write_off in invoice.write_offs:
            part = min(gross - sum(found), write_off.recovered)
            if part > 0:
                back = write_off.split(-part)
                found = tuple(before - more for before, more in zip(found, back))
        return found

    def _reverse(self, booking, credit):
        """Everything back, at the date of the reversal."""
        invoice = credit.invoice
        self._post_credit(booking, credit, -1)
        if sum(credit.back):
            self.not_covered.add("a credit of a recovered write-off that is reversed")
        invoice.creditable += credit.gross
        invoice.untaxed -= credit.tax - credit.back[1]
        for part in credit.parts:
            booking.move(part.service.position, part.contra, part.contra + part.rest)
            part.take.give_back(booking.fact.time)
            for line in invoice.lines:
                if line.line_id == part.line_id and line.service.is_that_of(part.service):
                    line.left += part.net
                    break
        credit.reversed = True

    # -- what a fact names

    def _invoice(self, fact):
        if fact.invoice not in self.invoices:
            raise Refused("invoice_unknown")
        return self.invoices[fact.invoice]

    def _note(self, fact):
        if fact.note not in self.notes:
            raise Refused("invoice_unknown")
        return self.notes[fact.note]

    def _lines(self, fact, net, invoice):
        """[(line id, service, net)]: as the event says, else of the invoice by what is left, else of the contract.

        What the lines leave of the net amount goes to the first of them.
        """
        at = fact.time
        if not fact.lines and invoice is not None:
            parts = number.split(net, invoice.weights())
            for line, part in zip(invoice.lines, parts):
                line.left -= part
            return [(line.line_id, line.service, part) for line, part in zip(invoice.lines, parts)]
        found = []
        rest = net - sum(line.minor for line in fact.lines)
        for line in fact.lines:
            minor, rest = line.minor + rest, 0
            if self.services.knows(line.line_id):
                found.append((line.line_id, self._service(line, at, invoice, minor), minor))
            else:
                self.exceptions.add(("line_unknown", *fact.position))
                found += self._spread_like(line, minor, at, invoice)
        return found if fact.lines else self._spread(net, at)

    def _service(self, line, at, invoice, minor):
        """Over the period that is said, else that of the invoice's line, else the line's own."""
        same = [known for known in invoice.lines if known.line_id == line.line_id] if invoice is not None else []
        own = [known for known in same if line.start is None or known.service.start == line.start]
        if own:
            own[0].left -= minor
        if line.start is None and line.end is None and same:
            return same[0].service
        return self.services.of(line.line_id, at, line.start, line.end)

    def _spread_like(self, line, minor, at, invoice):
        """What a line that the contract does not have comes to for those it has, each over the invoice's period for it."""
        for line_id, service, part in self._spread(minor, at):
            if line_id is not None:
                said = replace(line, line_id=line_id, start=None, end=None)
                service = self._service(said, at, invoice, part)
            yield line_id, service, part

    def _spread(self, minor, at):
        parts = self.services.spread(minor, at)
        if not parts:
            return [(None, self.services.nothing(), minor)]
        return [(line_id, self.services.of(line_id, at), part) for line_id, part in parts]


def _less(one, other):
    """The one that is nearer to nothing, 0 when their signs differ."""
    return min(one, other, key=abs) if one * other > 0 else 0
