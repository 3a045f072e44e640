"""Contract versions in words: what a line costs, and what a version changes."""

from __future__ import annotations

from decimal import Decimal

from ops.show.moments import moment, span
from ops.show.text import in_currency
from schemas.contracts import ContractEvent, ModificationTerms
from schemas.line import LineTerms
from schemas.rate import RateTerms, TierTerms


def number(value: Decimal) -> str:
    """A quantity or price without idle zeros, two fraction digits at least if it has any: 0.100 -> 0.10."""
    text = f"{value:,f}"
    whole, point, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction:0<2}" if point and fraction else whole


def amount(value: Decimal | None, currency: str) -> str:
    """An amount with the digits of its currency, however many it was sent with."""
    if value is None:
        return "none"
    whole = value.to_integral_value()
    return f"{in_currency(whole if whole == value else value.normalize(), currency):,f}"


def price_words(line: LineTerms, currency: str) -> str:
    """What a line costs over its term, or per unit."""
    parts = []
    if line.total is not None:
        quantity = f" for {number(line.quantity)}" if line.quantity is not None else ""
        parts.append(f"total {amount(line.total, currency)}{quantity}")
    if line.ssp is not None:
        parts.append(f"SSP {amount(line.ssp, currency)}")
    if line.rate is not None:
        parts.append(rate_words(line.rate, currency))
    if line.progress is not None:
        parts.append(f"progress {number(line.progress.incurred)} of {number(line.progress.expected)}")
    if line.satisfied_at is not None:
        parts.append(f"satisfied {moment(line.satisfied_at)}")
    return "; ".join(parts) or "-"


def rate_words(rate: RateTerms, currency: str) -> str:
    """The price of a usage line."""
    unit = rate.meter if rate.aggregation == "sum" else f"{rate.aggregation} of {rate.meter}"
    per = f"billed by {rate.billing_period}"
    if rate.model == "per_unit":
        words = f"{number(rate.unit_price or Decimal(0))} per {unit}"
    elif rate.model == "package":
        size, price = rate.package_size or Decimal(0), rate.package_price or Decimal(0)
        words = f"{number(price)} per package of {number(size)} {unit}"
    else:
        words = f"{rate.model} {unit}: " + ", ".join(_tier_words(tier) for tier in rate.tiers)
    parts = [f"{words}, {per}"]
    if rate.included:
        parts.append(f"{number(rate.included)} included")
    for name, limit in (("minimum", rate.minimum), ("maximum", rate.maximum)):
        if limit is not None:
            parts.append(f"{name} {amount(limit, currency)}")
    return "; ".join(parts)


def _tier_words(tier: TierTerms) -> str:
    upper = "above" if tier.up_to is None else f"to {number(tier.up_to)}"
    prices = [f"at {number(tier.unit_price)}"] if tier.unit_price or not tier.flat_fee else []
    prices += [f"flat {number(tier.flat_fee)}"] if tier.flat_fee else []
    return f"{upper} {' + '.join(prices)}"


def line_term(event: ContractEvent, line: LineTerms) -> str:
    """When a line runs."""
    return span(event.start if line.start is None else line.start, event.end if line.end is None else line.end)


def change_words(before: ContractEvent | None, event: ContractEvent) -> list[str]:
    """What a version changes against the one before; of a first version what it is."""
    words = _of_the_contract(before, event)
    old = {} if before is None else {line.line_id: line for line in before.lines}
    for line in event.lines:
        if before is None or line.line_id not in old:
            words.append(
                f"{'' if before is None else 'adds '}{line.line_id} ({line.kind}): {price_words(line, event.currency)}"
            )
        else:
            words += _of_a_line(before, event, old[line.line_id], line)
    kept = {line.line_id for line in event.lines}
    words += [f"takes away {name}" for name in old if name not in kept]
    words += _of_estimates(before, event)
    if event.modification is not None:
        words += _modification(event.modification, event.currency)
    return words or ["changes nothing"]


def _of_the_contract(before: ContractEvent | None, event: ContractEvent) -> list[str]:
    term = span(event.start, event.end)
    if before is None:
        opening = event.opening
        words = [f"{event.currency}, {term}"]
        if event.combined_with is not None:
            words.append(f"agreed together with contract {event.combined_with}: the two are accounted for as one")
        if opening is not None:
            words.append(
                f"taken over at {moment(opening.as_of)}: recognised {amount(opening.recognised, event.currency)}, "
                f"billed {amount(opening.billed, event.currency)}"
            )
        return words
    words = []
    if event.kind == "cancelled":
        words.append(f"ends the contract at {moment(event.effective_at)}")
    for name in ("entity", "currency"):
        old, new = getattr(before, name), getattr(event, name)
        if old != new:
            words.append(f"{name} {old} → {new}")
    if (before.start, before.end) != (event.start, event.end):
        words.append(f"term {span(before.start, before.end)} → {term}")
    return words


def _of_a_line(before: ContractEvent, event: ContractEvent, old: LineTerms, new: LineTerms) -> list[str]:
    changes = []
    for name in ("kind", "product_id", "method", "distinct"):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            changes.append(f"{name.removesuffix('_id')} {_or_none(was)} → {_or_none(now)}")
    if line_term(before, old) != line_term(event, new):
        changes.append(f"term {line_term(before, old)} → {line_term(event, new)}")
    if old.quantity != new.quantity:
        changes.append(f"quantity {_quantity(old.quantity)} → {_quantity(new.quantity)}")
    for name in ("total", "ssp"):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            changes.append(f"{name} {amount(was, before.currency)} → {amount(now, event.currency)}")
    if old.satisfied_at != new.satisfied_at:
        changes.append("not satisfied" if new.satisfied_at is None else f"satisfied {moment(new.satisfied_at)}")
    if old.progress != new.progress:
        changes.append(f"progress {_progress(old)} → {_progress(new)}")
    if old.rate != new.rate:
        changes.append(f"price {_rate(old, before.currency)} → {_rate(new, event.currency)}")
    return [f"{new.line_id}: {', '.join(changes)}"] if changes else []


def _of_estimates(before: ContractEvent | None, event: ContractEvent) -> list[str]:
    old = {} if before is None else {one.id: one.estimate for one in before.variable}
    words = []
    for one in event.variable:
        if one.id not in old:
            words.append(f"estimates {one.id} at {amount(one.estimate, event.currency)}")
        elif old[one.id] != one.estimate:
            was, now = amount(old[one.id], event.currency), amount(one.estimate, event.currency)
            words.append(f"estimate of {one.id} {was} → {now}")
    kept = {one.id for one in event.variable}
    return words + [f"takes away the estimate of {name}" for name in old if name not in kept]


def _modification(terms: ModificationTerms, currency: str) -> list[str]:
    words = []
    if terms.treatment != "auto":
        words.append(f"treatment {terms.treatment}")
    if terms.past_credit is not None:
        words.append(f"past credit {amount(terms.past_credit, currency)}")
    if terms.reason is not None:
        words.append(f"reason: {terms.reason}")
    if terms.approved_by is not None:
        words.append(f"approved by {terms.approved_by}")
    return words


def _or_none(value: object) -> str:
    return "none" if value is None else str(value)


def _quantity(value: Decimal | None) -> str:
    return "none" if value is None else number(value)


def _progress(line: LineTerms) -> str:
    progress = line.progress
    return "none" if progress is None else f"{number(progress.incurred)} of {number(progress.expected)}"


def _rate(line: LineTerms, currency: str) -> str:
    return "none" if line.rate is None else rate_words(line.rate, currency)
