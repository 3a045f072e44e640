"""Field types that the records of several topics share, and the rules every record follows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from accounting.contract import PRICE_SCALE, QUANTITY_SCALE
from schemas.decimals import AMOUNT_SCALE, decimal_text, parse_decimal, scaled
from schemas.instants import EARLIEST, LATEST, instant_of, instant_text, parse_instant


class Record(BaseModel):
    """A record of a topic or a part of one.

    Frozen; unknown keys are ignored; a key whose value is null counts as missing. Validation from JSON
    takes decimals, instants and bytes from strings only; validation in Python also takes Decimal, int
    (microseconds) or aware datetime, date and bytes.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data


def broken(allowed: str) -> PydanticCustomError:
    """The error of a value that breaks a rule; `allowed` says what the rule is."""
    return PydanticCustomError("rule", "{allowed}", {"allowed": allowed})


def _decimal_validator(scale: int) -> Callable[[object, ValidationInfo], Decimal]:
    def validate(value: object, info: ValidationInfo) -> Decimal:
        if isinstance(value, Decimal) and info.mode == "python" and value.is_finite():
            value = str(value)
        if not isinstance(value, str):
            raise broken('must be a decimal string such as "12.5", not a JSON number or another type')
        try:
            return parse_decimal(value, scale)
        except ValueError as error:
            raise broken(str(error)) from None

    return validate


def _instant(value: object, info: ValidationInfo) -> int:
    try:
        if isinstance(value, str):
            return parse_instant(value)
        if info.mode == "python" and isinstance(value, datetime):
            return instant_of(value)
    except ValueError as error:
        raise broken(str(error)) from None
    if info.mode == "python" and type(value) is int and EARLIEST <= value <= LATEST:
        return value
    raise broken('must be an RFC 3339 string such as "2024-01-31T00:00:00Z"')


def _day(value: object, info: ValidationInfo) -> date:
    if info.mode == "python" and type(value) is date:
        return value
    # date.fromisoformat also takes week dates and "20240131": only YYYY-MM-DD may pass.
    if isinstance(value, str) and len(value) == 10 and value.isascii() and value[4] == value[7] == "-":
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise broken('must be a date string such as "2024-01-31"')


def _payload(value: object, info: ValidationInfo) -> bytes:
    if info.mode == "python" and isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise broken("must be bytes in base64")


def _base64_text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


_decimal_json = PlainSerializer(decimal_text, return_type=str, when_used="json")

Text = Annotated[str, Field(strict=True, min_length=1)]
AnyText = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Number = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)]
Partition = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Currency = Annotated[str, Field(strict=True, pattern=r"^[A-Z]{3}$")]
PeriodName = Annotated[str, Field(strict=True, pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]

Quantity = Annotated[Decimal, PlainValidator(_decimal_validator(QUANTITY_SCALE)), _decimal_json]
UnitPrice = Annotated[Decimal, PlainValidator(_decimal_validator(PRICE_SCALE)), _decimal_json]
Amount = Annotated[Decimal, PlainValidator(_decimal_validator(AMOUNT_SCALE)), _decimal_json]

Instant = Annotated[int, PlainValidator(_instant), PlainSerializer(instant_text, return_type=str, when_used="json")]
Day = Annotated[date, PlainValidator(_day), PlainSerializer(date.isoformat, return_type=str, when_used="json")]
Payload = Annotated[bytes, PlainValidator(_payload), PlainSerializer(_base64_text, return_type=str, when_used="json")]


class Dimension(Record):
    """One named property of usage or of a posting; the value may be empty, the key may not."""

    key: Text
    value: AnyText


class SourcePosition(Record):
    """Where a message was read: a file's line number or a Kafka offset, counted from 0."""

    topic: Text
    partition: Partition
    offset: Count


def check_minor_units(currency_digits: int, **amounts: Decimal | None) -> None:
    """Raise the error of the first amount with more fraction digits than the currency's minor unit has."""
    for name, amount in amounts.items():
        if amount is None:
            continue
        try:
            scaled(amount, currency_digits)
        except ValueError as error:
            raise broken(f"{name} {decimal_text(amount)} {error} in this currency") from None
