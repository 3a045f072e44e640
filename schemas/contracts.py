"""Contract events: the whole contract as of one version."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from accounting.contract import ContractVersion, Modification, Opening, Variable, VersionKind
from accounting.currency import digits
from schemas.decimals import scaled
from schemas.fault import shown
from schemas.fields import Amount, AnyText, Currency, Instant, Number, Record, Text, broken, check_minor_units
from schemas.line import LineTerms, minor_units
from schemas.rate import ZERO
from schemas.trace import Traceparent, trace_of


class VariableTerms(Record):
    """A variable amount: its estimate, already constrained, and the lines it relates to (none: all)."""

    id: Text
    estimate: Amount
    line_ids: tuple[Text, ...] = ()
    resolved_at: Instant | None = None


class ModificationTerms(Record):
    """How to treat the step from the previous version; `past_credit` settles goods already delivered."""

    treatment: Literal["auto", "separate_contract", "prospective", "cumulative_catch_up"] = "auto"
    reason: AnyText | None = None
    approved_by: AnyText | None = None
    past_credit: Amount | None = None
    requested_by: AnyText | None = None


class OpeningTerms(Record):
    """Where the books start for a contract taken over in mid-life."""

    as_of: Instant
    recognised: Amount = ZERO
    billed: Amount = ZERO


class ContractEvent(Record):
    """One record of contracts.events: idempotent, ordered by `version` (1..n), term [start, end).

    `end` None: open-ended, allowed when every line is a usage line. Amounts are in the currency's major
    unit and no finer than its minor unit. `effective_at` may lie before `event_time` (retroactive) or after
    it (scheduled). `combined_with` of version 1 names another contract of the customer, agreed together with this one.
    """

    event_id: Text
    source: Text
    event_time: Instant
    contract_id: Text
    version: Number
    kind: Literal["activated", "amended", "renewed", "cancelled"]
    effective_at: Instant
    customer_id: Text
    entity: Text
    currency: Currency
    start: Instant
    end: Instant | None = None
    lines: tuple[LineTerms, ...]
    variable: tuple[VariableTerms, ...] = ()
    modification: ModificationTerms | None = None
    opening: OpeningTerms | None = None
    correlation_id: AnyText | None = None
    combined_with: Text | None = None
    traceparent: Traceparent = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.end is not None and self.start >= self.end:
            raise broken("start must lie before end")
        if self.combined_with == self.contract_id:
            raise broken("combined_with must name another contract")
        if self.end is None and any(line.kind != "usage" for line in self.lines):
            raise broken("end may be null only when every line is a usage line")
        seen: set[str] = set()
        for line in self.lines:
            if line.line_id in seen:
                raise broken(f"line_id {shown(line.line_id)} must be unique within the version")
            seen.add(line.line_id)
            line.check_term(self.start, self.end)
        self._check_currency()
        return self

    def _check_currency(self) -> None:
        currency_digits = digits(self.currency)
        for line in self.lines:
            try:
                line.check_currency(currency_digits)
            except ValueError as error:
                raise broken(f"line {shown(line.line_id)}: {error}") from None
        for variable in self.variable:
            check_minor_units(currency_digits, estimate=variable.estimate)
        if self.modification is not None:
            check_minor_units(currency_digits, past_credit=self.modification.past_credit)
        if self.opening is not None:
            check_minor_units(currency_digits, recognised=self.opening.recognised, billed=self.opening.billed)

    def to_version(self) -> ContractVersion:
        """The contract version in scaled integers, as accounting.contract documents them; never fails."""
        currency_digits = digits(self.currency)
        return ContractVersion(
            contract_id=self.contract_id,
            version=self.version,
            kind=VersionKind(self.kind),
            known_at=self.event_time,
            effective_at=self.effective_at,
            customer_id=self.customer_id,
            entity=self.entity,
            currency=self.currency,
            start=self.start,
            end=self.end,
            lines=tuple(line.to_line(self.start, self.end, currency_digits) for line in self.lines),
            trace=trace_of(self),
            variable=tuple(_variable(terms, currency_digits) for terms in self.variable),
            modification=_modification(self.modification, currency_digits),
            opening=_opening(self.opening, currency_digits),
            combined_with=self.combined_with,
        )


def _variable(terms: VariableTerms, currency_digits: int) -> Variable:
    return Variable(terms.id, scaled(terms.estimate, currency_digits), terms.line_ids, terms.resolved_at)


def _modification(terms: ModificationTerms | None, currency_digits: int) -> Modification | None:
    if terms is None:
        return None
    past_credit = minor_units(terms.past_credit, currency_digits)
    return Modification(terms.treatment, terms.reason, terms.approved_by, past_credit, terms.requested_by)


def _opening(terms: OpeningTerms | None, currency_digits: int) -> Opening | None:
    if terms is None:
        return None
    recognised, billed = scaled(terms.recognised, currency_digits), scaled(terms.billed, currency_digits)
    return Opening(terms.as_of, recognised, billed)
