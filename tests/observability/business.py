"""A small business as records: contracts, usage of some days, a close, late usage, amendments, master data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]
CUSTOMERS = {"acme": ("us", "USD"), "bolt": ("us", "USD"), "chip": ("de", "EUR"), "dune": ("de", "EUR")}
NOBODY = "nobody-yet"  # has usage, and no contract for a while
DESK = "contracts-desk"  # whose exceptions are past due


class Business:
    """Its instants are relative to `now`: `past` lies three days back, and the month before that is closed."""

    def __init__(self, now: datetime) -> None:
        self.now = now.astimezone(UTC).replace(second=0, microsecond=0)
        self.past = self.now - timedelta(days=3)
        self.month = self.past.replace(day=1, hour=0, minute=0)
        self.month_before = (self.month - timedelta(days=1)).replace(day=1)
        self._number = 0

    def contract(self, customer: str, version: int = 1, price: str = "0.50", at: datetime | None = None) -> Record:
        """Usage by the call and a subscription; each version is the whole contract."""
        entity, currency = CUSTOMERS.get(customer, ("us", "USD"))
        begin = self.month_before
        return {
            "event_id": f"{customer}-{version}", "source": "crm", "event_time": text(at or begin), "contract_id": f"K-{customer}",
            "version": version, "kind": "activated" if version == 1 else "amended", "effective_at": text(begin),
            "customer_id": customer, "entity": entity, "currency": currency, "start": text(begin),
            "end": text(begin + timedelta(days=365)),
            "lines": [
                {"line_id": "calls", "product_id": "calls", "kind": "usage", "rate": {
                    "meter": "calls", "billing_period": "month", "model": "per_unit", "unit_price": price}},
                {"line_id": "plan", "product_id": "plan", "kind": "ratable", "total": "3650.00", "ssp": "3650.00"},
            ],
        }  # fmt: skip

    def usage(self, customer: str, at: datetime, quantity: int = 10, name: str | None = None) -> Record:
        """One event; each has a name of its own."""
        self._number += 1
        return {"event_id": name or f"u-{self._number}", "source": "gateway", "customer_id": customer, "meter": "calls",
                "quantity": str(quantity), "event_time": text(at)}  # fmt: skip

    def day(self, day: datetime, each: int) -> list[Record]:
        """Usage of all customers, spread over a day, in the order of its times."""
        step = timedelta(days=1) / (each * len(CUSTOMERS))
        names = list(CUSTOMERS) * each
        return [self.usage(customer, day + number * step) for number, customer in enumerate(names)]

    def clock(self, at: datetime) -> Record:
        """The business date."""
        return {"kind": "clock", "as_of": text(at), "event_time": text(at)}

    def close(self, entity: str) -> Record:
        """The month before is closed as soon as it is over."""
        period = f"{self.month_before:%Y-%m}"
        return {
            "kind": "period_close",
            "event_time": text(self.month),
            "entity": entity,
            "period": period,
            "actor": "controller",
        }

    def desk(self) -> Record:
        """Who settles usage without a contract, and how soon."""
        return {"kind": "exception_owner", "class": "contract_unknown", "owner": DESK, "sla": "1h"}

    def invoice(self, customer: str, amount: str) -> Record:
        """Of the subscription: more than was earned, so that something is deferred."""
        at = self.month + timedelta(hours=1)
        return {"event_id": f"i-{customer}", "source": "billing", "event_time": text(at), "kind": "invoice_finalized",
                "invoice_id": f"I-{customer}", "customer_id": customer, "contract_id": f"K-{customer}",
                "currency": CUSTOMERS[customer][1], "amount": amount, "tax": "0.00",
                "lines": [{"line_id": "plan", "amount": amount, "start": text(self.month_before),
                           "end": text(self.month_before + timedelta(days=365))}]}  # fmt: skip

    def answer(self, entry: Record, status: str = "posted") -> Record:
        """The ERP's, to an entry of the journal."""
        said: Record = {"entry_id": entry["entry_id"], "status": status, "erp_id": f"D-{entry['entry_id'][:8]}",
                        "posted_at": text(self.now), "customer_id": entry["customer_id"]}  # fmt: skip
        return said | ({"reason": "the period is closed"} if status == "rejected" else {})


def text(at: datetime) -> str:
    """As the topics say it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
