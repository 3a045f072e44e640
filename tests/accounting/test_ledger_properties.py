"""What holds for the ledger of every contract, whatever its lines, amendments, billing facts and rates."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

from hypothesis import assume, event, given
from hypothesis import strategies as st

from accounting.billing_fact import BilledLine, BillingFact, BillingKind
from accounting.calendar import DAY_US, local_date
from accounting.contract import ContractVersion, Line, LineKind, VersionKind
from accounting.contract_ledger import UsageRevenue, settle_contract
from accounting.coverage import FOREVER
from accounting.exchange import Exchange
from accounting.position import DEFERRED_REVENUE, REVENUE, UNBILLED_RECEIVABLE
from accounting.schedule import Method
from tests.accounting.examples import at, usage_line
from tests.accounting.ledgers import movements, planned, policies, totals

START = at("2023-01-01")
NAMES = ("A", "B", "M", "U", "V")
DAYS = st.integers(-20, 420)
TIMES = st.builds(lambda day, hour: START + day * DAY_US + hour * 3_600_000_000, DAYS, st.sampled_from([0, 0, 9, 23]))
TOTALS = st.integers(0, 5000)
RATES = st.sampled_from([Fraction(1), Fraction(6, 5), Fraction(11, 10), Fraction(1, 3), Fraction(150)])
CONTRA = ("voids", "bad_debt", "credit_notes", "refunds", "disputes")


@st.composite
def lines(draw, kinds):
    """The lines of a contract, in time and money."""
    found = []
    for name in draw(st.lists(st.sampled_from([one for one in NAMES if one in kinds]), unique=True, min_size=1)):
        begin = START + draw(st.integers(0, 120)) * DAY_US
        if name in "UV":
            found.append(usage_line(name, begin))
            continue
        end = begin + draw(st.integers(1, 300)) * DAY_US
        total, method = draw(TOTALS), draw(st.sampled_from(list(Method)))
        if name == "M":
            done = draw(st.integers(0, 10))
            found.append(
                Line(name, "P", LineKind.MILESTONE, begin, end, total=total, distinct=False, progress=(done, 10))
            )
        else:
            found.append(Line(name, "P", LineKind.RATABLE, begin, end, total=total, distinct=True, method=method))
    return tuple(found)


@st.composite
def contracts(draw, kinds="ABMUV", amended=True, ended=True):
    """Versions 1..n of a contract."""
    first = draw(lines(kinds))

    def version(number, effective, kind, own):
        ends = [line.end for line in own]
        last = None if None in ends else max(ends)
        start = min(line.start for line in own)
        return ContractVersion("K", number, kind, effective, effective, "C", "E", "EUR", start, last, own)

    found = [version(1, START, VersionKind.ACTIVATED, first)]
    if amended and draw(st.booleans()):
        changed = tuple(
            replace(
                line,
                total=draw(TOTALS) if line.total is not None else None,
                progress=(min(line.progress[0] + 3, 10), 10) if line.progress else None,
            )
            for line in first
        )
        # An amendment takes effect within the term.
        inside = max(draw(TIMES), found[0].start)
        effective = inside if found[0].end is None else min(inside, found[0].end - 1)
        found.append(version(2, effective, VersionKind.AMENDED, changed))
    if ended and draw(st.booleans()):
        after = max(found[-1].effective_at, START)
        found.append(
            version(len(found) + 1, after + draw(st.integers(0, 200)) * DAY_US, VersionKind.CANCELLED, found[-1].lines)
        )
    return found


# What often follows upon an invoice, so that what needs a history comes up often enough.
STORIES = [
    ("invoice_paid", "credit_note", "refund", "credit_note_voided", "credit_note"),
    ("credit_note", "credit_note_voided", "invoice_voided", "invoice_finalized", "invoice_paid"),
    ("invoice_uncollectible", "invoice_paid", "dispute_opened", "dispute_won", "refund"),
    ("invoice_paid", "dispute_opened", "dispute_won", "refund", "dispute_opened"),
    ("credit_note", "invoice_uncollectible", "invoice_paid", "credit_note", "credit_note_voided"),
]


@st.composite
def facts(draw, names="ABMUV", invoices="IJ", rates=True):
    """Billing facts: a story in the order of time, or a heap, of which some fit together and some do not."""
    story = draw(st.booleans())
    if story:
        kinds = [BillingKind(kind) for kind in draw(st.sampled_from(STORIES))]
        instants = sorted(draw(st.lists(TIMES, min_size=len(kinds) + 1, max_size=len(kinds) + 1)))
    else:
        kinds = draw(st.lists(st.sampled_from(list(BillingKind)), max_size=8))
        instants = draw(st.lists(TIMES, min_size=len(kinds) + 1, max_size=len(kinds) + 1))
    found, whole, row = [], {}, ()
    for number, kind in enumerate([BillingKind.INVOICE_FINALIZED, *kinds]):
        first = kind is BillingKind.INVOICE_FINALIZED
        invoice = invoices[-1 if first and number else 0] if story else draw(st.sampled_from(invoices))
        note = "N" if kind in (BillingKind.CREDIT_NOTE, BillingKind.CREDIT_NOTE_VOIDED) else None
        if kind is BillingKind.REFUND:
            note = draw(st.sampled_from([None, "N"]))
        tax, rows, sides = None, (), (0, 0, 0)
        amount = draw(st.none() | st.integers(0, max(whole.get(invoice, 0), 0) * 2 // 3))
        if first:
            amount = draw(st.integers(-200, 5000))
            whole.setdefault(invoice, amount)
            tax = draw(st.sampled_from([0, amount // 11]))
        elif kind is BillingKind.CREDIT_NOTE:
            amount = amount or 0
            cuts = sorted(draw(st.tuples(*[st.integers(0, amount)] * 3)))
            sides = (cuts[0], cuts[1] - cuts[0], cuts[2] - cuts[1])
        if kind in (BillingKind.CREDIT_NOTE, BillingKind.REFUND, BillingKind.INVOICE_FINALIZED) and draw(st.booleans()):
            rows = tuple(
                BilledLine(name, draw(st.integers(-300, 1500)), *draw(periods()))
                for name in draw(st.lists(st.sampled_from([*names]), max_size=3))
            )
        if first and story:
            rows = row = row or rows  # a re-invoice is of the same lines
        instant, rate = instants[number], draw(st.none() | RATES) if rates else None
        found.append(
            BillingFact(
                f"e{number}", draw(st.sampled_from("xy")), kind, instant, local_date(instant, "UTC"), invoice, note,
                amount, tax, rows, *sides, rate=rate,
            )
        )  # fmt: skip
    return found


@st.composite
def periods(draw):
    """The service period of a billed line: said or not."""
    if draw(st.booleans()):
        return None, None
    begin = draw(st.sampled_from([0, 30, 60, 100]))
    return START + begin * DAY_US, START + (begin + draw(st.sampled_from([1, 31, 90]))) * DAY_US


@st.composite
def uses(draw, versions):
    """What the usage lines earned."""
    names = [line.line_id for line in versions[0].lines if line.kind is LineKind.USAGE]
    found = []
    for name in draw(st.lists(st.sampled_from(names), max_size=5)) if names else ():
        start = START + draw(DAYS) * DAY_US
        found.append(UsageRevenue(name, start + DAY_US, local_date(start, "UTC"), draw(st.integers(-500, 2000))))
    return found


@st.composite
def worlds(draw, functional="USD", constant=None, **terms):
    """A contract with all that happens to it, and the rates of its days."""
    shape = {key: terms.pop(key) for key in ("kinds", "amended", "ended") if key in terms}
    versions = draw(contracts(**shape))
    names = "".join(line.line_id for line in versions[0].lines)
    told = draw(facts(names, **terms))
    daily = draw(st.lists(RATES, min_size=7, max_size=7)) if constant is None else [constant] * 7
    decided = draw(
        st.fixed_dictionaries(
            {
                "cancellation": st.sampled_from(["refundable", "non_refundable"]),
                "recognise": st.sampled_from(["period_end", "daily"]) if draw(st.integers(0, 9)) == 0 else st.just("period_end"),
            }
        )
    )  # fmt: skip
    return World(versions, told, draw(uses(versions)), functional, daily, decided)


class World:
    """What is settled, and how to settle it."""

    def __init__(self, versions, told, usage, functional, daily, decided):
        self.versions, self.told, self.usage, self.decided = versions, told, usage, decided
        self.functional, self.daily = functional, daily
        self.plan = planned(versions, decided=policies(**decided))

    def __repr__(self):
        return f"World({self.versions!r}, {self.told!r}, {self.usage!r}, {self.functional!r}, {self.daily!r}, {self.decided!r})"

    def settle(self, told=None, usage=None, until=FOREVER):
        exchange = Exchange("EUR", self.functional, self.rate)
        facts_, used = self.told if told is None else told, self.usage if usage is None else usage
        return settle_contract(self.versions, self.plan, facts_, used, exchange, until)

    def rate(self, day: date) -> Fraction:
        return self.daily[day.toordinal() % 7]


def held(found, index):
    """What the positions' accounts show, all together."""
    sums = totals(found, index)
    return sum(sums.get(name, 0) for name in (DEFERRED_REVENUE, UNBILLED_RECEIVABLE))


def in_order(found):
    """Movements in the order of time: of one instant recognition, usage, billing."""
    items = [(one.instant, 0, moved) for one, moved in found.recognitions]
    items += [(one.instant, 1, moved) for one, moved in found.usage]
    items += [(one.at, 2, one.movements) for one in found.billing]
    return [moved for _, _, moved in sorted(items, key=lambda item: item[:2])]


@given(worlds())
def test_every_entry_balances_in_both_currencies(world):
    found = world.settle()
    for _, moved in movements(found):
        assert (0, 0) == (sum(one for one, _ in moved.values()), sum(one for _, one in moved.values()))
    assert 0 == sum(totals(found, 1).values())


@given(worlds(kinds="ABM", functional="EUR"))
def test_a_position_is_never_deferred_and_unbilled_at_once(world):
    if world.decided["cancellation"] == "non_refundable":
        world.versions = [one for one in world.versions if one.kind is not VersionKind.CANCELLED]
        world.plan = planned(world.versions)
    deferred = unbilled = 0
    for moved in in_order(world.settle()):
        deferred += moved.get(DEFERRED_REVENUE, (0, 0))[0]
        unbilled += moved.get(UNBILLED_RECEIVABLE, (0, 0))[0]
        assert deferred <= 0 <= unbilled
        assert not (deferred and unbilled)


@given(worlds())
def test_opening_and_billed_less_recognised_less_credits_is_closing(world):
    found = world.settle()
    billed = sum(line.net + line.contra for one in found.billing if one.kind == "billing" for line in one.lines)
    credited = sum(line.net - line.contra for one in found.billing if one.kind == "credit" for line in one.lines)
    earned = sum(one.amount for one, _ in found.recognitions) + sum(one.amount for one, _ in found.usage)
    assert billed - earned - credited == sum(one.owed for one in found.positions.values()) == -held(found, 0)
    # What nothing bills carries no rate on: each posting has that of its own day.
    if any(not one.layered for one in found.positions.values()):
        event("a position that nothing bills")
        return
    carried = [layer for one in found.positions.values() for layer in one.deferred]
    owing = [layer for one in found.positions.values() for layer in one.unbilled]
    assert held(found, 1) == sum(one.functional for one in owing) - sum(one.functional for one in carried)


@given(worlds(kinds="AB", ended=False))
def test_revenue_is_what_the_schedules_and_the_credits_say(world):
    found = world.settle()
    earned = {line.line_id: line.earned([FOREVER], "UTC")[0] for line in world.plan.lines}
    for overlay in found.overlays:
        earned[overlay.line_id] += overlay.earned([FOREVER], "UTC")[0]
    recognised = dict.fromkeys(earned, 0)
    for one, _ in found.recognitions:
        recognised[one.line_id] += one.amount
    assert earned == recognised
    # R over the whole term less contra = consideration net of credits
    lines_ = [line for one in found.billing for line in one.lines]
    contra = sum(line.contra for line in lines_)
    credited = sum(line.net for one in found.billing if one.kind == "credit" for line in one.lines)
    restored = sum(line.restored for line in lines_)
    consideration = sum(line.total for line in world.versions[-1].lines)
    event("restored" if restored else "credited" if credited else "not credited")
    assert consideration - credited + restored == sum(recognised.values()) - contra


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_in_which_facts_are_given_does_not_matter(world, random):
    found = world.settle()
    told, usage = list(world.told), list(world.usage)
    random.shuffle(told)
    random.shuffle(usage)
    other = world.settle(told, usage)
    for name in ("recognitions", "usage", "billing", "problems", "overlays"):
        assert getattr(found, name) == getattr(other, name)


@given(worlds(kinds="ABU", functional="EUR"), TIMES, DAYS, st.data())
def test_a_credit_note_and_its_void_leave_nothing_in_the_long_run(world, when, later, data):
    invoices = [fact for fact in world.told if fact.kind is BillingKind.INVOICE_FINALIZED]
    paid = [fact for fact in world.told if fact.kind is BillingKind.INVOICE_PAID and fact.amount is not None]
    whole = invoices[0].amount
    assume(whole > 0)
    amount = data.draw(st.integers(1, whole))
    refund = data.draw(st.integers(0, amount))

    def noted(kind, name, instant):
        return BillingFact(
            name, "z", kind, instant, local_date(instant, "UTC"), invoices[0].invoice_id, "X", amount,
            refund=refund if kind is BillingKind.CREDIT_NOTE else 0,
        )  # fmt: skip

    pair = [
        noted(BillingKind.CREDIT_NOTE, "n", when),
        noted(BillingKind.CREDIT_NOTE_VOIDED, "o", when + abs(later) * DAY_US),
    ]
    before, after = world.settle(invoices + paid), world.settle(invoices + paid + pair)
    assume(before.problems == after.problems)
    assert totals(before) == totals(after)


@given(worlds(constant=Fraction(6, 5), rates=False) | worlds(constant=Fraction(1, 3), rates=False))
def test_at_one_rate_there_is_no_gain_and_no_loss(world):
    assert "fx_gain_loss" not in totals(world.settle(), 1)
    assert all("fx_gain_loss" not in moved for _, moved in movements(world.settle()))


@given(worlds(functional="EUR"))
def test_in_one_currency_both_amounts_are_the_same(world):
    assert all(one == other for _, moved in movements(world.settle()) for one, other in moved.values())


@given(worlds(invoices="I"))
def test_what_is_paid_in_full_leaves_no_receivable_in_either_currency(world):
    last = START + 500 * DAY_US
    rest = BillingFact("z", "z", BillingKind.INVOICE_PAID, last, local_date(last, "UTC"), "I")
    found = world.settle([*world.told, rest])
    amount, functional = (totals(found, index).get("accounts_receivable", 0) for index in (0, 1))
    issued = [fact for fact in world.told if fact.kind is BillingKind.INVOICE_FINALIZED]
    first = min(issued, key=lambda fact: (fact.at, fact.source, fact.event_id))
    event("open below zero" if amount else "settled")
    assert amount <= 0 if first.amount >= 0 else amount >= 0
    assert amount or not functional


@given(worlds(), DAYS)
def test_what_was_settled_up_to_an_instant_is_the_beginning_of_what_is_settled_later(world, day):
    until = START + day * DAY_US
    whole, part = (
        [one for one, _ in found.recognitions if one.instant <= until]
        for found in (world.settle(), world.settle(until=until))
    )
    assert whole == part


@given(worlds(kinds="ABM", amended=False))
def test_contra_accounts_never_take_more_than_was_credited(world):
    found = world.settle()
    for one in found.billing:
        for line in one.lines:
            assert 0 <= line.contra <= line.net or line.net <= line.contra <= 0 or one.kind == "billing"
    assert REVENUE not in {name for one in found.billing for name in one.movements}
