"""A journal entry as the record that leaves the processor."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from accounting.calendar import rfc3339
from accounting.journal import Dating, Posting, entry_id, postings
from accounting.money import major_text
from accounting.trace import Trace
from accounting.usage import WindowBooking
from dataflows.posting_terms import Movement, PostingTerms
from dataflows.usage_cells import OpenCell, merged
from state.records import Source

_text = lru_cache(maxsize=4096)(rfc3339)  # the same windows are those of all lines


def usage_entry(
    customer_id: str,
    booking: WindowBooking,
    movement: Movement,
    revision: int,
    dating: Dating,
    cells: list[OpenCell],
    policy_version: int | None,
) -> dict[str, Any]:
    """The entry that posts a movement of one line, window and revision.

    Its id is derived from what it is about, so that it is the same under replay. The lineage names every event of the
    window as it stands at this revision: ranges around their positions, how many, and the exclusive or of their
    128-bit identities.
    """
    cover, window = booking.cover, booking.window
    digest = 0
    for cell in cells:
        digest ^= cell.digest
    periods = period_names(dating)
    return {
        "entry_id": entry_id(
            "usage", customer_id, cover.contract_id, cover.line_id, cover.rate.meter,
            window.start, window.end, revision, *periods,
        ),
        **_head(movement.terms, dating, periods, "usage"),
        "customer_id": customer_id,
        "contract_id": cover.contract_id,
        "line_id": cover.line_id,
        "correlation_id": cover.trace.correlation_id,
        "traceparent": cover.trace.traceparent,
        "lines": _lines(movement, cover.product_id),
        "window": {
            "meter": cover.rate.meter,
            "start": _text(window.start),
            "end": _text(window.end),
            "revision": revision,
        },
        "lineage": {
            "contract_version": cover.version,
            "policy_version": policy_version,
            "sources": sources(merged([source for cell in cells for source in cell.sources])),
            "event_count": booking.events,
            "event_digest": f"{digest:032x}",
            "rule": f"{cover.rate.model} {cover.rate.aggregation}, cumulative in the {cover.rate.billing_period}",
        },
    }  # fmt: skip


def contract_entry(
    customer_id: str,
    contract_id: str,
    line_id: str,
    product_id: str,
    kind: str,
    identity: tuple[str | int | None, ...],
    movement: Movement,
    dating: Dating,
    lineage: dict[str, Any],
    trace: Trace,
) -> dict[str, Any]:
    """The entry of an effect on a contract's position that is no usage; `identity` names the effect and its revision."""
    periods = period_names(dating)
    return {
        "entry_id": entry_id(kind, customer_id, contract_id, line_id, *identity, *periods),
        **_head(movement.terms, dating, periods, kind),
        "customer_id": customer_id,
        "contract_id": contract_id,
        "line_id": line_id,
        **trace._asdict(),
        "lines": _lines(movement, product_id),
        "window": None,
        "lineage": {"policy_version": None, "event_count": 0, "event_digest": None, **lineage},
    }


@lru_cache(maxsize=4096)  # entries of many lines land on the same days
def period_names(dating: Dating) -> tuple[str, str | None]:
    """Where an effect lands and where it belongs, as text."""
    return str(dating.period), None if dating.origin_period is None else str(dating.origin_period)


def entry_lines(
    sides: Iterable[Posting], currency: str, functional_currency: str, dimensions: Iterable[tuple[str, str]] = ()
) -> list[dict[str, Any]]:
    """Postings as the lines of an entry."""
    named, lines = [{"key": key, "value": value} for key, value in dimensions], list[dict[str, Any]]()
    for one in sides:
        amount = functional = major_text(abs(one.amount), currency)
        if one.functional != one.amount or functional_currency != currency:
            functional = major_text(abs(one.functional), functional_currency)
        lines.append(
            {
                "account": one.account,
                "side": one.side,
                "amount": amount,
                "functional_amount": functional,
                "product_id": one.product_id,
                "dimensions": named,
            }
        )
    return lines


def sources(ranges: list[Source]) -> list[dict[str, Any]]:
    """Ranges of input positions as the lineage names them."""
    return [
        {"topic": one.topic, "partition": one.partition, "from_offset": one.start, "to_offset": one.end}
        for one in ranges
    ]


def _head(terms: PostingTerms, dating: Dating, periods: tuple[str, str | None], kind: str) -> dict[str, Any]:
    period, origin = periods
    return {
        "entity": terms.entity,
        "currency": terms.currency,
        "functional_currency": terms.functional_currency,
        "period": period,
        "accounting_date": dating.accounting_date.isoformat(),
        "origin_period": origin,
        "kind": kind,
    }


def _lines(movement: Movement, product_id: str) -> list[dict[str, Any]]:
    terms = movement.terms
    moved = postings(movement.accounts, movement.functional, product_id)
    return entry_lines(moved, terms.currency, terms.functional_currency, terms.dimensions)
