"""Reference events: master data about products, bundles, accounts, entities, rates and owners."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from schemas.fault import shown
from schemas.fields import Amount, AnyText, Currency, Dimension, Flag, Instant, Quantity, Record, Text, broken
from schemas.instants import instant_text
from schemas.line import Method
from schemas.trace import CorrelationId, Traceparent

# What each kind may call its id, besides `id` (compaction is on kind, id and effective date).
ID_NAMES: dict[str, tuple[str, ...]] = {
    "product": ("product_id", "product"),
    "bundle": ("bundle_id", "bundle"),
    "account": ("name", "account"),
    "entity": ("entity", "entity_id"),
    "exception_owner": ("class",),
}
NEEDS: dict[str, tuple[str, ...]] = {
    "product": (),
    "bundle": ("products", "price"),
    "account": ("number",),
    "entity": (),
    "fx_rate": ("base", "quote", "rate", "as_of"),
    "exception_owner": ("owner",),
}
_SLA = re.compile(r"(?=.)(?:([0-9]{1,5})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,5})s)?")
_SLA_SECONDS = (86_400, 3_600, 60, 1)


class ReferenceEvent(Record):
    """One record of reference.events; `id`: the product, bundle, account, entity or exception class.

    An fx_rate record's id is "base/quote". Amounts are in the major unit of `currency`; `rate` is units of
    `quote` for one unit of `base`. `sla` is a duration such as "36h" or "5d12h". A record that does not say
    since when it holds (`effective_from`, for fx_rate `as_of`) has always held.
    """

    event_id: AnyText | None = None
    source: AnyText | None = None
    event_time: Instant | None = None
    kind: Literal["product", "bundle", "account", "entity", "fx_rate", "exception_owner"]
    id: Text
    effective_from: Instant | None = None
    currency: Currency | None = None
    revenue_account: Text | None = None
    dimensions: tuple[Dimension, ...] = ()
    default_method: Method | None = None
    ssp: Amount | None = None
    ssp_low: Amount | None = None
    ssp_high: Amount | None = None
    highly_variable: Flag = False
    net: Flag = False
    owner: Text | None = None
    products: tuple[Text, ...] = ()
    price: Amount | None = None
    entity: Text | None = None
    number: Text | None = None
    functional_currency: Currency | None = None
    time_zone: Text | None = None
    fiscal_calendar: Text | None = None
    base: Currency | None = None
    quote: Currency | None = None
    rate: Quantity | None = None
    as_of: Instant | None = None
    class_: Annotated[Text | None, Field(alias="class")] = None
    sla: Text | None = None
    correlation_id: CorrelationId = None
    traceparent: Traceparent = None

    @model_validator(mode="before")
    @classmethod
    def _name_the_id(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("id") is not None or not isinstance(data.get("kind"), str):
            return data
        if data["kind"] == "fx_rate":
            return {**data, "id": f"{data.get('base')}/{data.get('quote')}"}
        for name in ID_NAMES.get(data["kind"], ()):
            if data.get(name) is not None:
                return {**data, "id": data[name]}
        return data

    @model_validator(mode="before")
    @classmethod
    def _name_the_date(cls, data: Any) -> Any:
        """The effective date has the name it has elsewhere, or the one of contracts."""
        if isinstance(data, dict) and data.get("effective_from") is None:
            for name in ("effective_at", "effective_date"):
                if data.get(name) is not None:
                    return {**data, "effective_from": data[name]}
        return data

    @model_validator(mode="before")
    @classmethod
    def _read_method(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("default_method") is None and data.get("method") is not None:
            return {**data, "default_method": data["method"]}
        return data

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for name in NEEDS[self.kind]:
            if getattr(self, name) in (None, ()):
                raise broken(f"kind {self.kind} needs {name}")
        if self.rate is not None and self.rate <= 0:
            raise broken("rate must be greater than zero")
        if self.ssp_low is not None and self.ssp_high is not None and self.ssp_low > self.ssp_high:
            raise broken("ssp_low must not exceed ssp_high")
        if self.time_zone is not None and not _is_zone(self.time_zone):
            raise broken(f"time_zone {shown(self.time_zone)} must be a name of the time zone database")
        if self.sla is not None and _SLA.fullmatch(self.sla) is None:
            raise broken(f'sla {shown(self.sla)} must be a duration such as "36h" or "5d12h"')
        return self

    @property
    def subject(self) -> tuple[str, str, str]:
        """(kind, id, entity): what it is about; of one subject and effective date one record holds."""
        if self.kind == "fx_rate":
            return self.kind, f"{self.base}/{self.quote}", ""
        return self.kind, self.id, (self.entity or "") if self.kind == "account" else ""

    @property
    def effective_at(self) -> int | None:
        """Since when it holds, microseconds; None: always."""
        return self.as_of if self.kind == "fx_rate" else self.effective_from

    def compaction_key(self) -> bytes:
        """What a compacted topic keeps the last record of: it takes none without a key, and with less in it a price that held
        before another one would be lost.
        """
        at = "always" if self.effective_at is None else instant_text(self.effective_at)
        return "/".join((*self.subject, at)).encode()

    def sla_s(self) -> int | None:
        """The SLA in seconds, None when the record gives none."""
        match = None if self.sla is None else _SLA.fullmatch(self.sla)
        if match is None:
            return None
        return sum(int(part or "0") * unit for part, unit in zip(match.groups(), _SLA_SECONDS, strict=True))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a relative name; a directory or too long a path
        return False
    return True
