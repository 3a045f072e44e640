"""What holds for every history of amendments: nothing is lost, nothing earlier moves, what is taken back was never there."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from hypothesis import assume, event, given
from hypothesis import strategies as st

from accounting.calendar import DAY_US, local_date, start_of_day
from accounting.contract import ContractVersion, Line, LineKind, Modification, Variable, VersionKind
from accounting.contract_plan import ContractPlan
from accounting.coverage import ALWAYS, FOREVER
from accounting.modification import Treatment
from accounting.recognition import CATCH_UP
from accounting.schedule import Method
from tests.accounting.examples import at
from tests.accounting.ledgers import planned
from tests.accounting.plans import recognised_by, recognising

START = at("2025-01-01")
LENGTH = 240  # days
END = START + LENGTH * DAY_US
RATABLE, POINT, MILESTONE = LineKind.RATABLE, LineKind.POINT_IN_TIME, LineKind.MILESTONE
ZONES = st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"])
INSIDE = st.builds(lambda day, hour: START + day * DAY_US + hour * 3_600_000_000, st.integers(0, LENGTH - 2),
                   st.sampled_from([0, 0, 9, 23]))  # fmt: skip
LATE = INSIDE.map(lambda instant: START + 160 * DAY_US + (instant - START) * 3 // 10)
AMOUNTS = st.integers(0, 50_000)
SSPS = st.none() | st.integers(1, 60_000)
NAMES = "abcmx"
SOME, FEW = st.integers(1, 4), st.integers(0, 2)  # amendments


@st.composite
def lines(draw, name: str) -> Line:
    """A line of a kind of its name: a to c over time, m by progress, x when it is delivered."""
    terms = {"total": draw(AMOUNTS), "ssp": draw(SSPS)}
    if name == "m":
        progress, distinct = (draw(st.integers(0, 10)), 10), draw(st.booleans())
        return Line("m", "M", MILESTONE, START, END, distinct=distinct, progress=progress, **terms)
    if name == "x":
        return Line("x", "X", POINT, START, END, distinct=True, satisfied_at=draw(st.none() | INSIDE), **terms)
    begin = START + draw(st.sampled_from([0, 0, 31, 100])) * DAY_US
    end = min(begin + draw(st.integers(20, LENGTH)) * DAY_US, END)
    method, distinct = draw(st.sampled_from(list(Method))), draw(st.sampled_from([True, True, False]))
    return Line(name, name.upper(), RATABLE, begin, end, distinct=distinct, method=method, **terms)


def version(number: int, effective: int, own: tuple[Line, ...], **terms: object) -> ContractVersion:
    kind = terms.pop("kind", VersionKind.ACTIVATED if number == 1 else VersionKind.AMENDED)
    return ContractVersion(
        "K", number, kind, effective, effective, "C", "E", "USD", START, END, own, **terms  # type: ignore[arg-type]
    )  # fmt: skip


@st.composite
def first_versions(draw) -> ContractVersion:
    names = ["a", *draw(st.lists(st.sampled_from(NAMES[1:]), unique=True, max_size=3))]
    return version(1, START, tuple(draw(lines(name)) for name in names), variable=draw(variables("a")))


def variables(names: str) -> st.SearchStrategy[tuple[Variable, ...]]:
    """Estimates of all lines or of one."""
    general = st.builds(Variable, st.just("g"), st.integers(-900, 9000))
    tied = st.builds(Variable, st.just("t"), st.integers(-900, 9000), st.sampled_from(names).map(lambda name: (name,)))
    return st.lists(st.one_of(general, tied), max_size=2, unique_by=lambda one: one.variable_id).map(tuple)


@st.composite
def changed(draw, line: Line) -> Line:
    """The same line on other terms."""
    line = replace(line, total=draw(AMOUNTS))
    if line.kind is RATABLE and draw(st.booleans()):
        line = replace(line, end=max(draw(INSIDE), line.start + DAY_US), method=draw(st.sampled_from(list(Method))))
    return replace(line, distinct=draw(st.booleans())) if draw(st.integers(0, 3)) == 0 else line


@st.composite
def next_versions(draw, before: ContractVersion, effective: int | None = None, removal: bool = True) -> ContractVersion:
    """A version that changes something of the one before, or nothing; line a stays."""
    own = list(before.lines)
    stated = {}
    what = draw(
        st.sampled_from(["change", "change", "add", "remove", "estimate", "progress", "credit", "explicit", "mix"])
    )
    if what in ("change", "mix", "explicit"):
        at_ = draw(st.integers(0, len(own) - 1))
        own[at_] = draw(changed(own[at_]))
    missing = [name for name in NAMES if name not in {line.line_id for line in own}]
    if what in ("add", "mix") and missing:
        own.append(draw(lines(draw(st.sampled_from(missing)))))
    if what == "remove" and removal:
        own = [line for line in own if line.line_id == "a" or draw(st.booleans())]
    if what == "progress":
        own = [
            replace(line, progress=(draw(st.integers(0, 10)), 10)) if line.kind is MILESTONE else line for line in own
        ]
    if what == "credit":
        stated["past_credit"] = draw(st.integers(1, 500))
    if what == "explicit":
        stated |= {"treatment": draw(st.sampled_from(["prospective", "cumulative_catch_up"]))}
        stated |= {"reason": "r", "approved_by": draw(st.sampled_from(["ann", "ann", None]))}
    variable = draw(variables("a")) if what in ("estimate", "mix") and not removal else before.variable
    return version(
        before.version + 1, draw(INSIDE) if effective is None else effective, tuple(own), variable=variable,
        modification=Modification(**stated) if stated else None,
    )  # fmt: skip


@st.composite
def histories(draw, sizes=SOME, ordered=False, removal=True) -> list[ContractVersion]:
    """Versions 1..n; `ordered`: each takes effect after the one before. Either lines go or estimates change."""
    found = [draw(first_versions())]
    instants = draw(st.lists(INSIDE, min_size=4, max_size=4))
    if ordered:  # and LATE comes after all of them
        instants = sorted(START + (instant - START) * 6 // 10 for instant in instants)
    for number in range(draw(sizes)):
        found.append(draw(next_versions(found[-1], instants[number], removal)))
    return found


def by_line(found: ContractPlan, until: int = FOREVER) -> dict[str, int]:
    """What each line has recognised by an instant."""
    sums = dict.fromkeys([line.line_id for line in found.lines], 0)
    for one in found.effects(ALWAYS, until):
        sums[one.line_id] += one.amount
    return sums


def delivered(versions: list[ContractVersion]) -> list[ContractVersion]:
    """The same versions, with everything delivered in the end by a last one that changes nothing else."""
    done = tuple(
        replace(line, satisfied_at=line.satisfied_at or END, progress=(10, 10) if line.progress else None)
        for line in versions[-1].lines
    )
    last = replace(versions[-1], version=len(versions) + 1, effective_at=END, lines=done, modification=None)
    return [*versions, last]


def day_of(one: ContractVersion, zone: str) -> int:
    return start_of_day(local_date(one.effective_at, zone), zone)


def shown(found: ContractPlan, since: int = ALWAYS, until: int = FOREVER) -> list[tuple[object, ...]]:
    """The effects, apart from the version and the rule that they name."""
    return [(one.instant, one.day, one.line_id, one.amount, one.kind) for one in found.effects(since, until)]


# -- conservation


@given(histories(removal=False), ZONES)
def test_a_contract_from_which_no_line_goes_earns_its_totals_and_estimates(versions, zone):
    """Whatever was amended from when on, and however it was treated; a past credit is in the totals."""
    found = planned(delivered(versions), zone)
    assume(found.undecidable is None)
    last = versions[-1]
    expected = sum(line.total for line in last.lines) + sum(one.estimate for one in last.variable)
    event(f"{len(found.skipped)} skipped, {sorted({one.treatment.value for one in found.decisions})}")
    assert expected == sum(by_line(found).values())


@given(histories(removal=True, ordered=True), ZONES)
def test_a_contract_from_which_lines_go_keeps_what_they_had_earned(versions, zone):
    """They go with their totals, and what they had earned less a past credit stays."""
    found = planned(delivered(versions), zone)
    assume(found.undecidable is None)
    last = versions[-1]
    there = {line.line_id for line in last.lines}
    sums = by_line(found)
    event("gone" if set(sums) - there else "all there")
    expected = sum(line.total for line in last.lines) + sum(one.estimate for one in last.variable)
    assert expected == sum(amount for name, amount in sums.items() if name in there)
    for line in found.lines:
        if line.line_id not in there:
            final = line.phases[-1]
            assert (True, 0, final.base) == (final.ended, final.amount, sums[line.line_id])


@given(histories(ordered=True), LATE, ZONES)
def test_a_cancelled_contract_earns_what_it_had_earned_by_its_day(versions, when, zone):
    before = planned(versions, zone)
    assume(before.undecidable is None)
    ended = replace(
        versions[-1], version=len(versions) + 1, kind=VersionKind.CANCELLED, effective_at=when, modification=None
    )
    since = day_of(ended, zone)
    found = planned([*versions, ended], zone)
    assert Treatment.CANCELLATION is found.decisions[-1].treatment
    for line in before.lines:
        instant = since - 1 if line.steps is not None else since
        started = since > line.phases[-1].line.start
        assert (line.earned([instant], zone)[0] if started else 0) == by_line(found)[line.line_id]
    assert shown(before, until=since - 1) == shown(found, until=since - 1)


# -- taken back


@given(histories(ordered=True, sizes=FEW, removal=False) | histories(ordered=True, sizes=FEW),
       st.data(), ZONES, st.booleans())  # fmt: skip
def test_what_is_taken_back_from_its_day_on_was_never_there(versions, data, zone, removal):
    before = planned(versions, zone)
    assume(before.undecidable is None)
    effective = data.draw(LATE)
    amended = data.draw(next_versions(versions[-1], effective, removal))
    if data.draw(st.integers(0, 5)) == 0:
        amended = replace(amended, kind=VersionKind.CANCELLED)
    # A credit alone cannot be told from an update when the terms are repeated.
    assume(amended.lines != versions[-1].lines or not amended.modification)
    # Progress and deliveries that were told in between were told.
    done = {line.line_id: line for one in versions for line in one.lines}
    amended = replace(amended, lines=tuple(
        replace(line, progress=done[line.line_id].progress, satisfied_at=done[line.line_id].satisfied_at)
        if line.line_id in done else line
        for line in amended.lines
    ))  # fmt: skip
    back = replace(versions[-1], version=amended.version + 1, kind=VersionKind.AMENDED, effective_at=effective,
                   modification=None)  # fmt: skip
    found = planned([*versions, amended, back], zone)
    event(found.decisions[-2].treatment if found.decisions[-2].undecidable is None else "undecidable")
    assert found.undecidable is None
    assert shown(before) == shown(found)


# -- what is earlier, and what is at once


@given(histories(ordered=True, sizes=FEW, removal=False), st.data(), ZONES)
def test_nothing_before_the_day_of_a_modification_moves(versions, data, zone):
    before = planned(versions, zone)
    assume(before.undecidable is None)
    effective = data.draw(LATE)
    amended = data.draw(next_versions(versions[-1], effective, True))
    assume(amended.lines != versions[-1].lines or amended.modification)
    since = day_of(amended, zone)
    found = planned([*versions, amended], zone)
    # A line that is a contract of its own may have begun earlier; a delivery is told whenever it is.
    apart = found.decisions[-1].added if found.decisions[-1].treatment is Treatment.SEPARATE_CONTRACT else ()
    earlier = [one for one in shown(found, until=since - 1) if one[2] not in apart]
    assert sorted(shown(before, until=since - 1)) == sorted(earlier)
    for line in before.lines:
        own = found.line(line.line_id)
        assert own is not None
        assert line.earned([since - 1], zone) == own.earned([since - 1], zone)


@given(histories(ordered=True, sizes=FEW, removal=False), st.data(), ZONES)
def test_a_prospective_modification_moves_nothing_at_its_day(versions, data, zone):
    """But for what is over: what comes to such a line is earned at once."""
    before = planned(versions, zone)
    assume(before.undecidable is None)
    lines_ = tuple(replace(data.draw(changed(line)), quantity=7) for line in versions[-1].lines)
    stated = Modification("prospective", "agreed", "ann")
    amended = version(len(versions) + 1, data.draw(LATE), lines_, variable=versions[-1].variable, modification=stated)
    since = day_of(amended, zone)
    found = planned([*versions, amended], zone)
    assert Treatment.PROSPECTIVE is found.decisions[-1].treatment
    for line in found.lines:
        phase, own = line.phases[-1], before.line(line.line_id)
        if phase.since == since and line.steps is None and own is not None:
            jumped = sum(one.amount for one in line.catch_ups(zone) if one.instant == since)
            event("over" if phase.is_over and not phase.ended else "open")
            assert (phase.amount if phase.is_over else 0) == jumped
            assert own.earned([since], zone)[0] == phase.base


@given(histories(ordered=True, sizes=FEW, removal=False), st.data(), ZONES, st.integers(0, 400))
def test_a_catch_up_posts_the_whole_difference_at_once(versions, data, zone, past_credit):
    """Progress times the new amount, less what was earned; a credit for what was delivered counts whole."""
    before = planned(versions, zone)
    assume(before.undecidable is None)
    own = tuple(
        replace(data.draw(changed(line)), distinct=False) for line in versions[-1].lines if line.line_id in "abcm"
    )
    stated = Modification(past_credit=past_credit) if past_credit else None
    amended = version(len(versions) + 1, data.draw(LATE), own, modification=stated)
    since = day_of(amended, zone)
    found = planned([*versions, amended], zone)
    assume(found.undecidable is None and found.decisions[-1].treatment is Treatment.CUMULATIVE_CATCH_UP)
    for line in found.lines:
        phase = line.phases[-1]
        if line.steps is not None or phase.since != since or phase.ended:
            continue
        (share,) = replace(line, phases=(phase._replace(since=ALWAYS, base=0, amount=10**12),)).earned([since], zone)
        whole = line.earned([FOREVER], zone)[0]
        credit = -phase.base
        assert credit >= 0
        expected = -credit + Fraction(share * (whole + credit), 10**12)
        kept = replace(line, phases=tuple(one for one in line.phases if one.since < since)).earned([since], zone)[0]
        jumped = sum(one.amount for one in line.catch_ups(zone) if one.instant == since)
        event("moved" if jumped else "still")
        assert abs(kept + jumped - expected) <= 1


# -- proration


@given(st.sampled_from([Method.DAILY, Method.EXACT]), st.integers(2, LENGTH), st.data(), ZONES)
def test_a_term_in_two_adjacent_lines_earns_what_it_earns_in_one(method, length, data, zone):
    middle = data.draw(st.integers(1, length - 1))
    rate = data.draw(st.integers(1, 999))
    begin, turn, end = (start_of_day(local_date(START + day * DAY_US, zone), zone) for day in (0, middle, length))
    # By days each day is worth the same; to the microsecond, each microsecond.
    parts = (middle, length - middle) if method is Method.DAILY else (turn - begin, end - turn)
    first, second = (rate * one for one in parts)
    whole = Line("a", "P", RATABLE, begin, end, total=first + second, distinct=True, method=method)
    halves = replace(whole, end=turn, total=first), replace(whole, line_id="b", start=turn, total=second)
    one, two = planned([version(1, START, (whole,))], zone), planned([version(1, START, halves)], zone)
    for month in range(1, 10):
        instant = START + month * 30 * DAY_US
        assert abs(recognised_by(one, instant) - recognised_by(two, instant)) <= 1
    assert recognised_by(one, FOREVER) == recognised_by(two, FOREVER)


@given(lines("a"), st.lists(INSIDE, max_size=3), ZONES)
def test_an_amendment_that_keeps_price_and_term_moves_nothing_but_rounding(line, instants, zone):
    line = replace(line, distinct=True)
    versions = [version(1, START, (line,))]
    for number, instant in enumerate(sorted(instants), start=2):
        versions.append(version(number, instant, (replace(line, quantity=number),)))
    found, plain = planned(versions, zone), planned(versions[:1], zone)
    for month in range(1, 10):
        instant = START + month * 30 * DAY_US
        assert abs(recognised_by(found, instant) - recognised_by(plain, instant)) <= 2
    assert recognised_by(plain, FOREVER) == recognised_by(found, FOREVER)


@given(lines("a"), lines("b"), INSIDE, ZONES)
def test_what_sells_at_its_ssp_earns_its_own_price_whatever_is_amended_beside_it(line, other, when, zone):
    """Without a discount lines do not share anything: a keeps its schedule when b's price and SSP change."""
    line, other = (replace(one, distinct=True, ssp=None, total=one.total + 1) for one in (line, other))
    found = planned(
        [version(1, START, (line, other)), version(2, when, (line, replace(other, total=other.total * 3)))], zone
    )
    alone = planned([version(1, START, (line,))], zone)
    own, lonely = found.line("a"), alone.line("a")
    assume(Treatment.PROSPECTIVE is found.decisions[0].treatment)
    part, whole = own.phases[-1].transferred
    rest = found.line("b").phases[-1].transferred
    assume(part < whole and rest[0] == 0)  # what b had earned at its old price is part of what is shared
    for month in range(1, 10):
        instant = START + month * 30 * DAY_US
        assert abs(own.earned([instant], zone)[0] - lonely.earned([instant], zone)[0]) <= 1


# -- a pure function of the versions


@given(histories(), ZONES, st.randoms(use_true_random=False))
def test_how_a_version_is_decided_does_not_depend_on_what_comes_later_or_on_order(versions, zone, random):
    found = planned(versions, zone)
    assert found == planned(versions, zone)
    for number in range(1, len(versions)):
        known = planned(versions[:number], zone)
        assert [(one.version, one.treatment, one.undecidable) for one in known.decisions] == [
            (one.version, one.treatment, one.undecidable) for one in found.decisions[: number - 1]
        ]
    shuffled = [replace(one, variable=tuple(random.sample(one.variable, len(one.variable)))) for one in versions]
    assert shown(found) == shown(planned(shuffled, zone))


@given(histories(), ZONES, st.data())
def test_a_version_that_nobody_can_decide_is_as_if_it_were_not_there(versions, zone, data):
    position = data.draw(st.integers(1, len(versions) - 1))
    stated = Modification("prospective", None, "ann")
    lost = version(position + 1, data.draw(INSIDE), (replace(versions[0].lines[0], total=10**9),), modification=stated)
    later = [replace(one, version=one.version + 1) for one in versions[position:]]
    found, plain = planned([*versions[:position], lost, *later], zone), planned(versions, zone)
    assert shown(plain) == shown(found)
    assert {position + 1, *(number + (number > position) for number in plain.skipped)} == found.skipped


# -- effects, however time is cut

CHANGES = st.lists(st.tuples(st.sampled_from(["daily", "period_end"]), INSIDE), max_size=2)


@given(histories(removal=False) | histories(), ZONES, CHANGES, st.booleans(), st.lists(INSIDE, max_size=5))
def test_the_effects_of_amended_contracts_are_the_same_however_time_is_cut(versions, zone, changes, residual, cuts):
    found = planned(versions, zone, recognising(changes, residual))
    whole = found.effects(ALWAYS, FOREVER)
    bounds = [ALWAYS, *sorted({*cuts, *(day_of(one, zone) for one in versions)}), FOREVER]
    assert whole == [one for since, until in pairwise(bounds) for one in found.effects(since, until)]
    names = [(one.instant, one.line_id, one.kind) for one in whole]
    assert len(names) == len(set(names)), "an effect is posted under its instant, line and kind"
    taken = {one.version for one in versions} - found.skipped
    assert {one.version for one in whole} <= taken
    assert all(one.amount for one in whole)
    after, walked = ALWAYS, []
    while (coming := found.next_effect(after)) is not None:
        walked += found.effects(after, coming)
        after = coming
    assert whole == walked


@given(histories(removal=False) | histories(), ZONES)
def test_what_is_recognised_by_an_instant_is_what_the_plans_say(versions, zone):
    found = planned(versions, zone)
    for line in found.lines:
        assert line.earned([FOREVER], zone)[0] == by_line(found)[line.line_id]
        for instant in {day_of(one, zone) for one in versions}:
            caught = [one for one in line.catch_ups(zone) if one.instant == instant and one.kind == CATCH_UP]
            assert len(caught) <= 1
    months: dict[tuple[str, int], int] = {}
    for one in found.effects(ALWAYS, FOREVER):
        name = one.line_id, one.day.year * 12 + one.day.month - 1
        months[name] = months.get(name, 0) + one.amount
    assert {name: amount for name, amount in months.items() if amount} == {
        (line_id, month): amount
        for line_id, months_of_line in found.by_month().items()
        for month, amount in months_of_line.items()
        if amount
    }
