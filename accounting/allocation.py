"""Allocation: fixed consideration over the lines that earn it, by relative stand-alone selling price (SSP)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from accounting.money import major_text
from accounting.require import require


@dataclass(frozen=True, slots=True)
class SspRange:
    """Where the SSP of a highly variable product lies, minor units; no low end means zero, no high end means none."""

    low: int | None
    high: int | None


class Share(NamedTuple):
    """One line's claim: its SSP in minor units.

    `residual` is set when the product is highly variable and the line has no SSP of its own: its `ssp` then only
    helps to tell whether the contract is discounted.
    """

    ssp: int
    product_id: str
    residual: SspRange | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """Products that regularly sell together at `price` (minor units), less than their SSPs come to."""

    products: tuple[str, ...]
    price: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """What each line gets, in the order of the shares; both tuples are empty when a person has to decide."""

    amounts: tuple[int, ...]  # minor units; they sum to the consideration
    effective_ssp: tuple[int | Fraction, ...]  # after the discount of a bundle; of a residual line its residual
    undecidable: str | None  # why no rule decides, and the remedy
    evidence: tuple[str, ...]  # what was tested and found, in order


@dataclass(slots=True)
class _Offer:
    """A bundle whose products are all on lines of the contract."""

    bundle: Bundle
    lines: tuple[int, ...]
    discount: int


def largest_remainder(total: int, weights: Sequence[int | Fraction]) -> list[int]:
    """`total` in parts by `weights` (each >= 0), which sum to it; what rounding leaves goes to the largest remainders.

    Ties go to the first. Weights that are all zero count equally. The parts of -total are those of total negated.
    """
    common = lcm(*[weight.denominator for weight in weights])
    scaled = [weight.numerator * (common // weight.denominator) for weight in weights]
    require(min(scaled, default=0) >= 0, "weights are not negative", weights=weights)
    require(bool(scaled) or not total, "an amount needs somewhere to go", total=total)
    whole = sum(scaled)
    if not whole:
        whole, scaled = len(scaled), [1] * len(scaled)
    size = abs(total)
    parts = [size * weight // whole for weight in scaled]
    left = size - sum(parts)
    if left:
        # sorted() is stable: of equal remainders the first line's comes first.
        for index in sorted(range(len(parts)), key=lambda line: -(size * scaled[line] % whole))[:left]:
            parts[index] += 1
    return parts if total >= 0 else [-part for part in parts]


def allocate(
    consideration: int, shares: Sequence[Share], bundles: Sequence[Bundle] = (), currency: str | None = None
) -> Allocation:
    """Fixed consideration over lines (accounting.md, rule 2; ASC 606-10-32-31 to 32-38).

    By relative SSP; a discount that bundles explain goes to their lines alone; one line without an SSP takes the
    residual, which has to lie in its range. `currency` only words the texts (None: minor units).
    """
    unknown = [(line, share.residual) for line, share in enumerate(shares) if share.residual is not None]
    problem = _unusable(shares, len(unknown), currency)
    if problem is not None:
        return Allocation((), (), problem, ())
    effective: list[int | Fraction] = [share.ssp for share in shares]
    evidence: list[str] = []
    discount = sum(share.ssp for share in shares) - consideration
    if bundles and discount > 0:
        offers = _offers(shares, bundles)
        taken, evidence = _taken(offers, None if unknown else discount, currency)
        for offer in taken:
            alone = sum(effective[line] for line in offer.lines)
            for line in offer.lines:
                effective[line] = Fraction(effective[line] * offer.bundle.price) / alone
    if not unknown:
        amounts = tuple(largest_remainder(consideration, effective))
        text = f"relative SSP: {_shown(consideration, currency)} over {_shown(round(sum(effective)), currency)}"
        return Allocation(amounts, tuple(effective), None, (*evidence, text))

    line, span = unknown[0]
    effective[line] = 0
    effective[line] = residual = int(consideration - sum(effective))  # bundles come to whole prices
    within = (span.low or 0) <= residual and (span.high is None or residual <= span.high)
    text = (
        f"product {shares[line].product_id}: the residual of {_shown(residual, currency)} lies "
        f"{'within' if within else 'outside'} its SSP range, {_range(span, currency)}"
    )
    if not within:
        remedy = "give the line an SSP of its own by the next version, or correct the product's SSP range by a reference record"
        return Allocation((), (), f"{text}; {remedy}", (*evidence, text))
    # Apart from the others: a range may reach below zero, and no weight may.
    others = largest_remainder(consideration - residual, [*effective[:line], *effective[line + 1 :]])
    return Allocation((*others[:line], residual, *others[line:]), tuple(effective), None, (*evidence, text))


def _unusable(shares: Sequence[Share], unknown: int, currency: str | None) -> str | None:
    """Why these SSPs allow no allocation, None when they do."""
    if unknown > 1:
        names = ", ".join(share.product_id for share in shares if share.residual is not None)
        remedy = "give all but one line an SSP by the next version"
        return f"products {names}: a residual values one line, not {unknown}; {remedy}"
    for share in shares:
        if share.ssp < 0 and share.residual is None:
            shown = _shown(share.ssp, currency)
            remedy = "give the line an SSP of zero or more by the next version"
            return f"product {share.product_id}: an SSP of {shown} is below zero; {remedy}"
    return None


def _offers(shares: Sequence[Share], bundles: Sequence[Bundle]) -> list[_Offer]:
    """The bundles that the lines hold, greatest discount first, then as given.

    Each product has to be on one line, with an SSP: on two it is open which one was sold in the bundle.
    """
    lines: dict[str, int | None] = {}
    for line, share in enumerate(shares):
        lines[share.product_id] = None if share.product_id in lines or share.residual is not None else line
    offers = []
    for bundle in bundles:
        held = [line for line in map(lines.get, bundle.products) if line is not None]
        discount = sum(shares[line].ssp for line in held) - bundle.price
        if len(held) == len(bundle.products) == len(set(held)) and bundle.price >= 0 and discount > 0:
            offers.append(_Offer(bundle, tuple(held), discount))
    return sorted(offers, key=lambda offer: -offer.discount)


def _taken(offers: list[_Offer], discount: int | None, currency: str | None) -> tuple[list[_Offer], list[str]]:
    """The disjoint bundles whose discounts are part of the contract's, and what was found of each.

    `discount` is the contract's (None: a residual line leaves it open, every bundle counts). What bundles do not explain
    of it is shared by all lines (606-10-32-36, 32-37).
    """
    taken: list[int] = []
    used: set[int] = set()
    left = discount
    for number, offer in enumerate(offers):
        if used.isdisjoint(offer.lines) and (left is None or offer.discount <= left):
            taken.append(number)
            used.update(offer.lines)
            left = None if left is None else left - offer.discount
    return [offers[number] for number in taken], [
        f"bundle {' + '.join(offer.bundle.products)} at {_shown(offer.bundle.price, currency)}: its discount of "
        f"{_shown(offer.discount, currency)} {'counts' if number in taken else 'does not count'}"
        for number, offer in enumerate(offers)
    ]


def _range(span: SspRange, currency: str | None) -> str:
    low = _shown(span.low or 0, currency)
    return f"{low} or more" if span.high is None else f"{low} to {_shown(span.high, currency)}"


def _shown(minor: int, currency: str | None) -> str:
    return f"{minor} minor units" if currency is None else f"{major_text(minor, currency)} {currency}"
