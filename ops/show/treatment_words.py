"""Treatments and their tests in words a revenue accountant uses, each with the paragraph it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ops.show.moments import instant_or_none, moment
from ops.show.recalculation import Finding

NONE = "none"


class Told(NamedTuple):
    """Something in words, and the paragraphs of ASC 606 and IFRS 15 that say so."""

    words: str
    source: str = ""


class Treatment(NamedTuple):
    """How a change is accounted for."""

    name: str
    meaning: str
    source: str

    def __str__(self) -> str:
        return f"{self.name}: {self.meaning}"


def _source(asc: str, ifrs: str) -> str:
    return f"ASC 606-10-{asc}; IFRS 15.{ifrs}"


TREATMENTS = {
    "new_contract": Treatment(
        "a new contract",
        "its fixed consideration goes over its lines by relative stand-alone selling prices, and over time by the "
        "schedule of each line",
        _source("25-1, 32-31", "9, 76"),
    ),
    "update": Treatment(
        "no modification",
        "only progress, dates of delivery or selling prices move: what is earned is measured again, and the consideration "
        "is not allocated again",
        _source("25-35, 32-43", "43, 88"),
    ),
    "separate_contract": Treatment(
        "a separate contract",
        "what is added is distinct and sold at its stand-alone selling price: it is accounted for on its own, and nothing "
        "else moves",
        _source("25-12", "20"),
    ),
    "prospective": Treatment(
        "prospective",
        "what was recognised stays; what was not yet recognised and what is added go over what remains, by stand-alone "
        "selling prices",
        _source("25-13 (a)", "21 (a)"),
    ),
    "cumulative_catch_up": Treatment(
        "cumulative catch-up",
        "what remains is part of a performance obligation that is partly satisfied: progress times the new consideration, "
        "the difference is posted at once",
        _source("25-13 (b)", "21 (b)"),
    ),
    "mixed": Treatment(
        "line by line",
        "lines whose remaining services are distinct go on prospectively, the others catch up at once",
        _source("25-13 (c)", "21 (c)"),
    ),
    "estimate": Treatment(
        "a change of the transaction price",
        "the change is allocated on the basis of the contract's inception; what belongs to satisfied lines is posted at "
        "once",
        _source("32-42 to 32-45", "87 to 90"),
    ),
    "cancellation": Treatment(
        "an end of the contract",
        "the schedules end on that day; what is billed and not earned stays deferred until it is credited, or "
        "recognised where the policy cancellation says so",
        _source("25-10", "18"),
    ),
    "undecided": Treatment(
        "undecided",
        "a person has to decide: the version changes nothing until then, and an exception says what is missing",
        "",
    ),
}
# Of what no version of the contract itself causes.
CAUSES = {
    "amendment": Treatment(
        "computed again with the contract it is combined with",
        "contracts that were agreed together are accounted for as one: what changes one of them moves the consideration of "
        "the others",
        _source("25-9", "17"),
    ),
    "late_usage": Treatment(
        "usage as it occurs",
        "usage came after its window was booked: the window is rated again, and the difference is posted",
        _source("32-40", "85"),
    ),
    "re_rating": Treatment(
        "computed again by other master data",
        "master data changed: the books are what they would be had it been known, and the difference is posted",
        "",
    ),
    "policy": Treatment(
        "computed again by another policy",
        "a policy changed: the books are what they would be under it from its date on, and the difference is posted",
        "",
    ),
    "period_event": Treatment(
        "computed again after a close or a reopening",
        "what is posted differs from what is due by now, and the difference is posted",
        "",
    ),
}
UNKNOWN = Treatment("as this program does not know", "it was written by a later version of the program", "")


def treatment_of(treatment: str | None, cause: str) -> Treatment:
    """How a recalculation is accounted for."""
    if treatment is None:
        return CAUSES.get(cause, UNKNOWN)
    return TREATMENTS.get(treatment, Treatment(treatment.replace("_", " "), UNKNOWN.meaning, ""))


def finding_words(one: Finding) -> Told:
    """A test: what was asked, the answer and what it was found from."""
    worded = _WORDS.get(one.test)
    if worded is not None:
        return worded(one)
    inputs = ", ".join(f"{pair.key} {pair.value}" for pair in one.inputs)
    return Told(f"{one.test}: {one.result}{f' ({inputs})' if inputs else ''}")


def short_words(findings: Sequence[Finding]) -> list[str]:
    """The tests that decide, without what the versions themselves say: for a table with a row for each version."""
    told = [finding_words(one).words for one in findings if one.test in _DECIDING]
    for answer in ("yes", "no"):
        lines = [one.given("line") for one in findings if one.test == _REMAINING and one.result == answer]
        if lines:
            told.append(f"remaining services are distinct: {answer} ({', '.join(lines)})")
    return told


# -- test by test


def _terms(one: Finding) -> Told:
    source = _source("25-10", "18")
    if one.result != "changed":
        return Told("the fixed terms or estimates change: no", source)
    return Told(f"the fixed terms or estimates change: yes ({_moves(one)})", source)


def _moves(one: Finding) -> str:
    verbs = {"added": "adds", "removed": "takes away", "changed": "changes"}
    parts = [f"{verb} {one.given(key)}" for key, verb in verbs.items() if one.given(key, NONE) != NONE]
    parts += ["credits what was delivered"] * (one.given("past_credit") == "yes")
    parts += ["goes on after a cancellation"] * (one.given("cancelled_before") == "yes")
    parts += ["changes estimates"] * (one.given("estimates") == "changed")
    return ", ".join(parts) or one.result


def _cancellation(one: Finding) -> Told:
    at = instant_or_none(one.given("effective_from"))
    since = one.given("effective_from") if at is None else moment(at)
    return Told(f"the contract ends: yes, from {since} on", _source("25-10", "18"))


def _explicit(one: Finding) -> Told:
    name = TREATMENTS[one.result].name if one.result in TREATMENTS else one.result
    by, reason = one.given("approved_by", "nobody"), one.given("reason", NONE)
    words = f"a person decides instead of the tests: {name}; approved by {by}; reason: {reason}"
    return Told(words, _source("25-10", "18"))


def _separate(one: Finding) -> Told:
    source = _source("25-12", "20")
    if one.result.startswith("no:"):
        return Told(f"nothing changes but lines that are added: no ({_moves(one)})", source)
    words = f"all that is added is distinct and at its stand-alone selling price: {one.result}"
    return Told(f"{words} ({one.given('lines')})", source)


def _at_ssp(one: Finding) -> Told:
    source, line = _source("25-12 (a), (b)", "20 (a), (b)"), one.given("line")
    prices = f"{one.given('price')} against {one.given('ssp')}, tolerance {_percent(one.given('tolerance'))}"
    if one.given("new") == "no":
        return Told(f"added as a new line: no, the contract had line {line} before ({prices})", source)
    if one.given("distinct") == "no":
        return Told(f"what is added is distinct: no (line {line}; {prices})", source)
    return Told(f"added at stand-alone selling price: {one.result}, {prices} (line {line}, distinct)", source)


def _percent(text: str) -> str:
    """0.00 % -> 0 %, 5.50 % -> 5.5 %."""
    number, _, unit = text.partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}".strip()


def _remaining(one: Finding) -> Told:
    kind = one.given("kind").replace("_", "-")
    words = f"remaining services are distinct: {one.result} ({kind} line {one.given('line')})"
    return Told(words, _source("25-13 (a)", "21 (a)") if one.result == "yes" else _source("25-13 (b)", "21 (b)"))


def _treatment(one: Finding) -> Told:
    known = TREATMENTS.get(one.result)
    return Told(f"therefore: {known.name if known else one.result}", known.source if known else "")


def _allocation(one: Finding) -> Told:
    source = _source("32-31", "76")
    if one.result.startswith("bundle "):
        source = _source("32-36 to 32-38", "81 to 83")
    elif "residual" in one.result:
        source = _source("32-34 (c)", "79 (c)")
    return Told(f"allocation: {one.result}", source)


def _usage(one: Finding) -> Told:
    words = f"usage terms change: yes ({_moves(one)}); {one.result.partition(': ')[2] or one.result}"
    return Told(words, _source("25-13 (a), 32-40", "21 (a), 85"))


_REMAINING = "remaining is distinct"
_WORDS: dict[str, Callable[[Finding], Told]] = {
    "terms": _terms,
    "cancellation": _cancellation,
    "explicit treatment": _explicit,
    "separate contract": _separate,
    "added at SSP": _at_ssp,
    _REMAINING: _remaining,
    "treatment": _treatment,
    "allocation": _allocation,
    "usage terms": _usage,
}
_DECIDING = ("cancellation", "explicit treatment", "separate contract", "added at SSP", "usage terms")
