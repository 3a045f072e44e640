"""Corrections: what a replay found that the posted books lack, sent to the service that posts them."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from accounting.currency import digits
from schemas.fields import Amount, AnyText, Currency, PeriodName, Record, Text, check_minor_units


class CorrectedPosting(Record):
    """What one account of a contract's line is to move by in the period in which the effect belongs.

    Amounts are signed, in the major unit: a debit is positive. `functional_currency` null: the contract's currency.
    """

    entity: Text
    currency: Currency
    functional_currency: Currency | None = None
    period: PeriodName
    account: Text
    customer_id: Text
    contract_id: AnyText | None = None
    line_id: AnyText | None = None
    product_id: AnyText | None = None
    amount: Amount
    functional_amount: Amount

    @model_validator(mode="after")
    def _has_minor_units(self) -> Self:
        check_minor_units(digits(self.currency), amount=self.amount)
        check_minor_units(digits(self.functional_currency or self.currency), functional_amount=self.functional_amount)
        return self
