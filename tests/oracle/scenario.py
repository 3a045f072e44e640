"""Scenarios: small inputs written as topic files, for the oracle's own tests."""

import json
from pathlib import Path

from .compute import compute


class Scenario:
    """A directory of topics that a test fills and then asks for the books."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.count = 0

    def write(self, topic, *records, partition=0):
        """Append records to a partition of a topic; bytes are written as they are."""
        folder = self.directory / topic
        folder.mkdir(exist_ok=True)
        with (folder / f"{partition}.jsonl").open("ab") as file:
            for record in records:
                file.write((record if isinstance(record, bytes) else json.dumps(record).encode()) + b"\n")
        return self

    def use(self, time, quantity, partition=0, **changes):
        """Append one usage record of customer c, contract k, meter m."""
        self.count += 1
        record = {
            "event_id": f"u{self.count}",
            "source": "test",
            "customer_id": "c",
            "contract_id": "k",
            "meter": "m",
            "quantity": quantity,
            "event_time": time,
            "dimensions": [],
        }
        return self.write("usage.events", {**record, **changes}, partition=partition)

    def contract(self, lines, start, end, version=1, **changes):
        """Append one version of contract k of customer c with entity e in USD."""
        record = {
            "event_id": f"k{version}",
            "source": "test",
            "event_time": start,
            "contract_id": "k",
            "version": version,
            "kind": "activated" if version == 1 else "amended",
            "effective_at": start,
            "customer_id": "c",
            "entity": "e",
            "currency": "USD",
            "start": start,
            "end": end,
            "lines": lines,
        }
        return self.write("contracts.events", {**record, **changes})

    def close(self, period, time, entity="e"):
        """Append a period_close."""
        record = {"kind": "period_close", "entity": entity, "period": period, "event_time": time}
        return self.write("control.events", record)

    def books(self, as_of=None):
        """The books of everything written."""
        return compute(self.directory, as_of)


def usage_line(line_id="l", **rate):
    """A usage line for meter m."""
    return {"line_id": line_id, "kind": "usage", "rate": {"meter": "m", **rate}}


def tiers(*rows):
    """Tiers from (up_to, unit_price, flat_fee)."""
    return [{"up_to": up_to, "unit_price": unit, "flat_fee": flat} for up_to, unit, flat in rows]


def by_period(books, account):
    """Credit of an account in major-unit cents by period (debit for debit-normal accounts), origin left out."""
    credit_normal = ("revenue", "deferred_revenue")
    found = {}
    for key, minor in books.sums.items():
        if key[4] == account:
            signed = -minor if account in credit_normal else minor
            found[key[2]] = found.get(key[2], 0) + signed
    return {period: minor for period, minor in sorted(found.items()) if minor}
