"""Allocation: the selling prices by which a pool of consideration is spread over lines (accounting.md rule 2)."""

from fractions import Fraction

from . import number


def ssp(line, currency, at, reference):
    """line.ssp, else that of the product in force at the contract's start, else the line's total (events.md)."""
    if line.ssp is not None:
        return _rounded(line.ssp, currency)
    known = reference.ssp(line.product, currency, at)
    return line.total if known is None else _rounded(known, currency)


def _rounded(price, currency):
    """An SSP is an estimate: it counts in whole minor units, half-even."""
    unit = 10 ** number.currency_digits(currency)
    return Fraction(round(Fraction(price) * unit), unit)


def weights(lines, minor, currency, at, reference):
    """Per line the selling price it counts with in a pool of so many minor units; None when undecidable.

    Bundles and the residual approach make it another one than the line states.
    """
    pool = Fraction(minor, 10 ** number.currency_digits(currency))
    prices = [ssp(line, currency, at, reference) for line in lines]
    variable = [index for index, line in enumerate(lines) if _is_residual(line, currency, at, reference)]
    discount = sum(prices) - pool
    if discount > 0:
        prices = _with_bundles(lines, prices, reference.bundles(currency, at), None if variable else discount)
    if len(variable) == 1:
        index = variable[0]
        residual = pool - (sum(prices) - prices[index])
        low, high = reference.variable_range(lines[index].product, at)
        if (low is not None and residual < low) or (high is not None and residual > high):
            return None
        prices[index] = residual
    return prices


def _with_bundles(lines, prices, bundles, discount):
    """A bundle cheaper than its lines is their SSP together: its discount stays with them (606-10-32-37).

    Only what the contract gives away as a whole can be a bundle's; None: a residual says how much that is.
    """
    found, taken = list(prices), set()
    for products, price in bundles:
        inside = [index for index, line in enumerate(lines) if line.product in products]
        complete = sorted(lines[index].product for index in inside) == sorted(set(products))
        whole = sum(prices[index] for index in inside)
        if not complete or taken & set(inside) or price >= whole:
            continue
        if discount is not None and whole - price > discount:
            continue
        discount = None if discount is None else discount - (whole - price)
        taken |= set(inside)
        for index in inside:
            found[index] = price * prices[index] / whole
    return found


def _is_residual(line, currency, at, reference):
    """Whether a line takes what the others leave: its product is highly variable and nothing states an SSP."""
    stated = line.ssp is not None or reference.ssp(line.product, currency, at) is not None
    return not stated and reference.variable_range(line.product, at) is not None
