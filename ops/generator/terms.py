"""Who the made-up business sells to, at what terms, and what its master data says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

SOURCE = "generator"
ENTITIES = {"us": ("USD", "America/New_York"), "de": ("EUR", "Europe/Berlin")}
METERS = ("api.calls", "storage.gb")
REGIONS = ("eu-1", "us-1")
# Who looks after which class of exceptions, so that alerts have somebody to go to.
OWNERS = {
    "contract_unknown": "sales-operations",
    "meter_unmapped": "sales-operations",
    "undecodable": "platform",
    "invalid": "platform",
}
Record = dict[str, Any]


def instant(at: datetime) -> str:
    """As records write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def month(year: int, number: int) -> datetime:
    """The first moment of a month in UTC; `number` may be any integer, 13 is January of the year after."""
    years, rest = divmod(number - 1, 12)
    return datetime(year + years, rest + 1, 1, tzinfo=UTC)


def reference(at: datetime) -> Iterator[Record]:
    """What master data says from the beginning."""
    for name, (currency, zone) in ENTITIES.items():
        yield _reference(at, "entity", name, functional_currency=currency, time_zone=zone)
    for product in ("team", *METERS):
        yield _reference(at, "product", product)
    for name, owner in OWNERS.items():
        yield _reference(at, "exception_owner", name, **{"class": name}, owner=owner, sla="24h")


def _reference(at: datetime, kind: str, name: str, **facts: Any) -> Record:
    return {
        "event_id": f"{kind}-{name}",
        "source": SOURCE,
        "event_time": instant(at),
        "kind": kind,
        "id": name,
        **facts,
    }


def close(at: datetime, entity: str, first: datetime) -> Record:
    """The close of the month that begins at `first`."""
    period = f"{first:%Y-%m}"
    return {
        "event_id": f"close-{entity}-{period}", "source": SOURCE, "event_time": instant(at), "kind": "period_close",
        "entity": entity, "period": period, "actor": "controller",
    }  # fmt: skip


def clock(at: datetime, lateness: timedelta) -> Record:
    """The business date of a moment: as far behind it as usage may be late."""
    reached = instant(at - lateness)
    return {
        "event_id": f"clock-{reached}", "source": SOURCE, "event_time": reached, "kind": "clock", "as_of": reached
    }  # fmt: skip


class Contract:
    """A customer's contract of one calendar year: a plan by the month and two meters; each change is a version."""

    def __init__(self, customer: int, begins: datetime, monthly: int, api_price: int) -> None:
        """`monthly` in whole units of the currency, `api_price` in ten-thousandths for each call over the included ones."""
        self.customer, self.begins, self.ends = f"customer-{customer}", begins, month(begins.year + 1, 1)
        self.entity = tuple(ENTITIES)[customer % len(ENTITIES)]
        self.currency = ENTITIES[self.entity][0]
        self.name = f"K-{customer}-{begins.year}"
        self.version, self.effective = 0, begins
        self.monthly, self.api_price = monthly, api_price
        self.total = monthly * self.months

    @property
    def months(self) -> int:
        """Of its term, the first one, in which it may begin late, included."""
        return 13 - self.begins.month

    def amended(self, effective: datetime, monthly: int, api_price: int) -> None:
        """Another price from a moment on; what is due for the plan grows by the full months that are left."""
        self.effective = max(effective, self.effective)
        left = 12 - self.effective.month
        self.total += (monthly - self.monthly) * left
        self.monthly, self.api_price = monthly, api_price

    def next_version(self, at: datetime) -> Record:
        """The record of its terms as they are, sent at a moment."""
        self.version += 1
        tiers = [{"up_to": "10000", "unit_price": f"0.{self.api_price:04d}"},
                 {"up_to": None, "unit_price": f"0.{self.api_price // 2:04d}"}]  # fmt: skip
        api = {"meter": METERS[0], "billing_period": "month", "model": "graduated", "tiers": tiers}
        storage = {"meter": METERS[1], "billing_period": "month", "model": "per_unit", "unit_price": "0.023"}
        return {
            "event_id": f"{self.name}-{self.version}", "source": SOURCE, "event_time": instant(at),
            "contract_id": self.name, "version": self.version, "kind": "activated" if self.version == 1 else "amended",
            "effective_at": instant(self.effective), "customer_id": self.customer, "entity": self.entity,
            "currency": self.currency, "start": instant(self.begins), "end": instant(self.ends),
            "correlation_id": f"crm-{self.name}-{self.version}",
            "lines": [
                {"line_id": "plan", "product_id": "team", "kind": "ratable", "method": "monthly", "total": f"{self.total}.00"},
                {"line_id": "api", "product_id": METERS[0], "kind": "usage", "rate": api},
                {"line_id": "storage", "product_id": METERS[1], "kind": "usage", "rate": storage},
            ],
        }  # fmt: skip

    def invoice(self, at: datetime) -> Record:
        """The plan of the month that begins at a moment, billed ahead."""
        amount = f"{self.monthly}.00"
        return {
            "event_id": f"invoice-{self.name}-{at:%m}", "source": SOURCE, "event_time": instant(at),
            "kind": "invoice_finalized", "invoice_id": f"I-{self.name}-{at:%m}", "customer_id": self.customer,
            "contract_id": self.name, "currency": self.currency, "amount": amount,
            "lines": [{"line_id": "plan", "amount": amount}],
        }  # fmt: skip
