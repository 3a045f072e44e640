"""The ledger of one contract: recognition, usage and billing in the order of time, as balanced movements of accounts.

Source: accounting.md, rules 1, 5 (Credits), 8 and 9. A position's split into deferred and unbilled depends on the order of
recognition and billing; so all of it goes through one list: of one instant, recognition before usage before billing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter, itemgetter

from accounting.billing import Billing
from accounting.billing_fact import FX_RATE_MISSING, BillingFact, BillingKind, Problem
from accounting.booking import FX_GAIN_LOSS, Booking, Leg, ServedLine, Shift, ShiftMode
from accounting.calendar import local_date
from accounting.contract import ContractVersion
from accounting.contract_plan import ContractPlan
from accounting.coverage import ALWAYS, FOREVER
from accounting.deferred_usage import DeferredUsage
from accounting.exchange import ONE, Exchange, Rate, Used, convert
from accounting.invoice import pro_rata
from accounting.position import UNBILLED_RECEIVABLE
from accounting.position_course import Movements, PositionCourse, add
from accounting.recognition import CATCH_UP, Effect, LinePlan, effects
from accounting.require import require
from accounting.service_terms import FIXED_POSITION, ServiceTerms


@dataclass(frozen=True, slots=True)
class UsageRevenue:
    """What a usage line earned in a window."""

    line_id: str
    instant: int  # the window's end
    day: date  # its last day
    amount: int  # minor units


@dataclass(frozen=True, slots=True)
class BillingEffect:
    """What one billing fact books."""

    at: int
    day: date
    fact: BillingFact
    kind: str  # billing, payment, credit
    line_id: str  # "": it concerns several lines, or the contract
    movements: Movements
    rule: str
    lines: tuple[ServedLine, ...]


@dataclass(slots=True)
class Settled:
    """The books of one contract as they should be; movements are (minor units, functional minor units), debits positive."""

    recognitions: list[tuple[Effect, Movements]] = field(default_factory=list)
    unrated: list[Effect] = field(default_factory=list)  # what a missing rate holds back
    usage: list[tuple[UsageRevenue, Movements]] = field(default_factory=list)
    billing: list[BillingEffect] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    overlays: list[LinePlan] = field(default_factory=list)  # what credits take from the schedules
    positions: dict[str, PositionCourse] = field(default_factory=dict)  # as they stand in the end


def settle_contract(
    versions: Sequence[ContractVersion],
    plan: ContractPlan,
    facts: Iterable[BillingFact],
    usage: Iterable[UsageRevenue] = (),
    exchange: Exchange | None = None,
    until: int = FOREVER,
    planned: Sequence[Effect] | None = None,
) -> Settled:
    """Settle a contract: versions 1..n and their plan, all its billing facts and usage revenue, in any order.

    Scheduled recognition is taken up to and with `until`, facts and usage as they are given. `planned`: the effects of
    the plan up to `until`, where the caller has them. Bad facts come back as problems.
    """
    exchange = exchange or Exchange(versions[0].currency)
    terms = ServiceTerms(versions, plan)
    facts, lacking = _with_rates(list(facts), exchange)
    used = sorted(usage, key=attrgetter("instant", "line_id", "amount"))
    billing = Billing(terms, facts, DeferredUsage(terms, exchange, used))
    overlays = billing.overlays()
    found = plan.effects(ALWAYS, until) if planned is None else planned
    if overlays:
        found = net_of_credits(terms, found, overlays, plan.opened_at, until)
    shifts = [shift for one in billing.bookings if one.fact.at > plan.opened_at for shift in one.shifts]
    settled = Settled(problems=[*billing.problems, *lacking], overlays=overlays)
    ledger = _Ledger(terms, exchange, settled, {one.position for one in shifts})
    if not ledger.begin():
        ledger.settled.unrated += found
        return ledger.settled
    timeline: list[tuple[int, Effect | UsageRevenue | Booking]] = [(one.instant, one) for one in found]
    timeline += [(one.instant, one) for one in used]
    timeline += [(one.fact.at, one) for one in billing.bookings]
    # By instant alone: sorted() is stable, and the order within one is that of the lists.
    ledger.run(sorted(timeline, key=itemgetter(0)), terms.cancelled_at if terms.non_refundable else None, until)
    return ledger.settled


def net_of_credits(
    terms: ServiceTerms, planned: Sequence[Effect], overlays: Sequence[LinePlan], since: int, until: int
) -> list[Effect]:
    """The effects of the lines less what credits take from them, in the order in which the position takes them."""
    plan = terms.plan
    found = {(one.instant, terms.number(one.line_id), one.kind == CATCH_UP): one for one in planned}
    for overlay in overlays:
        for one in effects(overlay, plan.zone, plan.policies, max(since, plan.opened_at), until):
            key = (one.instant, terms.number(one.line_id), one.kind == CATCH_UP)
            line = found.get(key)
            if line is None:
                rule = "what credits take from the schedule, cumulative amount rounded half-even"
                found[key] = one._replace(rule="catch-up of credits" if key[2] else rule)
            else:
                rule = line.rule if "credits" in line.rule else f"{line.rule}, less credits"
                found[key] = line._replace(amount=line.amount + one.amount, rule=rule)
    return [found[key] for key in sorted(found) if found[key].amount]


class _Ledger:
    """The fold over the timeline."""

    def __init__(self, terms: ServiceTerms, exchange: Exchange, settled: Settled, billed: set[str]) -> None:
        """`billed`: the positions that facts move."""
        self._terms, self._exchange, self.settled, self._billed = terms, exchange, settled, billed
        unbilled = terms.plan.policies.value("unbilled", terms.first.start)
        settled.positions = {
            name: PositionCourse(unbilled if name == FIXED_POSITION else UNBILLED_RECEIVABLE, name in billed)
            for name in terms.positions
        }
        self._ahead: dict[str, int] = {}  # what is still to be recognised, by position; kept for a cancellation only
        self._released: dict[str, int] = {}  # what a cancellation left over and was recognised, by position

    def begin(self) -> bool:
        """Start the fixed lines' position from the opening balance; False when its rate is missing."""
        plan = self._terms.plan
        ahead = plan.billed - plan.recognised
        if not ahead:
            return True
        day = local_date(plan.opened_at, plan.zone)
        rate = self._exchange.on(day)
        if rate is None:
            self._lacks_rate(day)
            return False
        self.settled.positions[FIXED_POSITION].shift(ahead, rate, "", set())
        return True

    def run(
        self,
        timeline: Sequence[tuple[int, Effect | UsageRevenue | Booking]],
        cancelled_at: int | None,
        until: int,
    ) -> None:
        """Settle item after item; `cancelled_at`: from then on what is left over is not refundable."""
        if cancelled_at is None or cancelled_at > until:
            for _, item in timeline:
                self._settle(item)
            return
        for _, item in timeline:
            if not isinstance(item, Booking):
                self._count(item, 1)
        if until < FOREVER:
            later = self._terms.plan.effects(until, FOREVER)
            for one in net_of_credits(self._terms, later, self.settled.overlays, until, FOREVER):
                self._count(one, 1)
        released = False
        for instant, item in timeline:
            if not released and (instant, isinstance(item, Booking)) > (cancelled_at, False):
                self._release(cancelled_at)
                released = True
            self._settle(item)
            if not isinstance(item, Booking):
                self._count(item, -1)
            elif released:
                self._release(item.fact.at)
        if not released:
            self._release(cancelled_at)

    def _settle(self, item: Effect | UsageRevenue | Booking) -> None:
        if isinstance(item, Booking):
            self._book(item)
            return
        if isinstance(item, Effect):
            movements = self._recognised(self._terms.position(item.line_id), item.amount, item.day)
            if movements is None:
                self.settled.unrated.append(item)
            else:
                self.settled.recognitions.append((item, movements))
            return
        movements = self._recognised(item.line_id, item.amount, item.day)
        if movements is not None:
            self.settled.usage.append((item, movements))

    def _recognised(self, position: str, amount: int, day: date) -> Movements | None:
        course = self.settled.positions.get(position)
        if course is None:  # usage of a line that no version has any more
            course = self.settled.positions[position] = PositionCourse(layered=position in self._billed)
        rate = self._exchange.on(day)
        if rate is None:
            # What was billed ahead, or is taken back from what is unbilled, leaves at the rate at which it came.
            there = 0 <= amount <= course.owed or course.owed <= amount <= 0
            if amount and not (there and course.layered):
                self._lacks_rate(day)
                return None
            rate = ONE
        return course.recognise(amount, rate)

    # -- what is left over when a contract ends

    def _count(self, item: Effect | UsageRevenue, sign: int) -> None:
        name = self._terms.position(item.line_id) if isinstance(item, Effect) else item.line_id
        self._ahead[name] = self._ahead.get(name, 0) + sign * item.amount

    def _release(self, at: int) -> None:
        """Recognise what is billed and will not be earned any more (policy cancellation = non_refundable)."""
        day = local_date(at, self._terms.plan.zone)
        if self._exchange.on(day) is None:
            self._lacks_rate(day)
            return
        for name, course in self.settled.positions.items():
            released = self._released.get(name, 0)
            left = max(course.owed + released - self._ahead.get(name, 0), 0) - released
            lines = self._terms.left_over() if name == FIXED_POSITION else [(name, 1)]
            if not left or not lines:
                continue
            self._released[name] = released + left
            for (line_id, _), part in zip(lines, pro_rata(left, [weight for _, weight in lines]), strict=True):
                movements = self._recognised(name, part, day) if part else None
                if movements is not None:
                    rule = "policy cancellation = non_refundable: what is left over is recognised"
                    effect = Effect(at, day, line_id, part, self._terms.final_version, rule, CATCH_UP)
                    self._add(effect, movements)

    def _add(self, effect: Effect, movements: Movements) -> None:
        """One effect of a kind for each line and instant: two would be one entry."""
        found, key = self.settled.recognitions, (effect.instant, effect.line_id, effect.kind)
        for number, (known, before) in enumerate(found):
            if (known.instant, known.line_id, known.kind) == key:
                for account, amounts in before.items():
                    add(movements, account, *amounts)
                found[number] = (effect._replace(amount=known.amount + effect.amount), movements)
                return
        found.append((effect, movements))

    # -- billing

    def _book(self, booking: Booking) -> None:
        fact, stated = booking.fact, booking.stated_by
        today = self._exchange.known(fact.day, fact.rate)
        then = self._exchange.known(stated.day, stated.rate)
        before_books = fact.at <= self._terms.plan.opened_at  # it is in the opening balance
        movements, used = Movements(), Used()
        for leg in booking.legs:
            add(movements, leg.account, leg.amount, _worth(leg, today, then, used))
        if before_books:
            return
        self._shift(booking, movements, today, then, used)
        amount, left = _sums(movements)
        require(amount == 0, "debits equal credits", event=fact.event_id, movements=movements)
        if left:
            self._balance(booking, movements, left, len(used) > 1 or None in used)
        if movements:
            self.settled.billing.append(
                BillingEffect(
                    fact.at, fact.day, fact, booking.kind, booking.line_id, movements, booking.rule, booking.lines
                )
            )

    def _shift(self, booking: Booking, movements: Movements, today: Rate, then: Rate, used: Used) -> None:
        billed = [one.change for one in booking.shifts if one.mode is ShiftMode.BILL]
        worths = [convert(change, today) for change in billed]
        if billed and len(used | {today}) == 1:
            # At one rate, what rounding leaves belongs to what is deferred: receivables and tax stay as converted.
            worths[0] += _sums(movements)[1] - sum(worths)
        values = iter(worths)
        for shift in booking.shifts:
            worth = next(values) if shift.mode is ShiftMode.BILL else None
            self._shift_one(booking, shift, movements, today, then, used, worth)

    def _shift_one(
        self,
        booking: Booking,
        shift: Shift,
        movements: Movements,
        today: Rate,
        then: Rate,
        used: Used,
        worth: int | None,
    ) -> None:
        rate, held, several = today, shift.held, False
        if held is not None and shift.mode is ShiftMode.GIVE:
            rate, several = held.rate or then, held.rate is None
            worth = held.move(shift.change, then, used)
        course = self.settled.positions[shift.position]
        shifted = course.shift(shift.change, rate, booking.stated_by.invoice_id or "", used, worth, several)
        course.record(shifted, movements)
        if held is not None and shift.mode is ShiftMode.TAKE:
            held.amount += shift.change
            held.functional -= shifted.functional
            held.rate = next(iter(used)) if len(used) == 1 else None

    def _balance(self, booking: Booking, movements: Movements, left: int, rates_differ: bool) -> None:
        """Balance an entry in the functional currency: what rates differ by goes to fx_gain_loss; what rounding leaves to
        the first of its accounts that carries something on: contra account or receivable, money, else the position."""
        if rates_differ:
            add(movements, FX_GAIN_LOSS, 0, -left)
            return
        for leg in booking.legs:
            if leg.holding is None or leg.holding.amount:
                add(movements, leg.account, 0, -left)
                if leg.holding is not None:
                    leg.holding.functional -= left
                return
        for shift in booking.shifts:
            account = self.settled.positions[shift.position].absorb(-left)
            if account is not None:
                add(movements, account, 0, -left)
                return
        add(movements, FX_GAIN_LOSS, 0, -left)

    def _lacks_rate(self, day: date) -> None:
        problem = _rate_missing(None, day, self._exchange)
        if problem not in self.settled.problems:
            self.settled.problems.append(problem)


def _with_rates(facts: list[BillingFact], exchange: Exchange) -> tuple[list[BillingFact], list[Problem]]:
    """The facts whose rate is known, and a problem for each other one: what is not booked may shorten no schedule.

    What names an invoice or a note that lacks its rate waits with it.
    """
    lacking = {fact: fact.day for fact in facts if exchange.on(fact.day, fact.rate) is None}
    if not lacking:
        return facts, []
    for kind in (BillingKind.INVOICE_FINALIZED, BillingKind.CREDIT_NOTE):
        issued = {_document(fact, kind) for fact in facts if fact.kind is kind and fact not in lacking}
        waiting = {_document(fact, kind): day for fact, day in lacking.items() if fact.kind is kind}
        for fact in facts:
            name = _document(fact, kind)
            if (
                name is not None
                and name in waiting
                and name not in issued
                and fact.kind is not BillingKind.INVOICE_FINALIZED
            ):
                lacking.setdefault(fact, waiting[name])
    problems = [_rate_missing(fact, lacking[fact], exchange) for fact in facts if fact in lacking]
    return [fact for fact in facts if fact not in lacking], problems


def _document(fact: BillingFact, kind: BillingKind) -> str | None:
    """The invoice, or the credit note, that a fact issues or names."""
    return fact.invoice_id if kind is BillingKind.INVOICE_FINALIZED else fact.credit_note_id


def _rate_missing(fact: BillingFact | None, day: date, exchange: Exchange) -> Problem:
    pair = f"{exchange.currency}/{exchange.functional}"
    return Problem(fact, FX_RATE_MISSING, f"there is no rate {pair} for {day}: send an fx_rate record")


def _sums(movements: Movements) -> tuple[int, int]:
    """Debits less credits in both currencies."""
    amount = functional = 0
    for one, other in movements.values():
        amount += one
        functional += other
    return amount, functional


def _worth(leg: Leg, today: Rate, then: Rate, used: Used) -> int:
    """The functional amount of a leg: historical as far as it settles something, new at the event's or invoice's rate.

    What comes back to a holding is at the rate at which it arose: recoverables at that of their payment.
    """
    rate = today if leg.today else then
    if leg.holding is not None:
        return leg.holding.move(leg.amount, leg.holding.rate or rate, used)
    used.add(rate)
    return convert(leg.amount, rate)
