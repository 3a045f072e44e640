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

    def bill(self, kind, time, amount=None, invoice="i", **changes):
        """Append one billing fact of customer c, contract k, invoice i."""
        self.count += 1
        record = {
            "event_id": f"b{self.count}",
            "source": "test",
            "event_time": time,
            "kind": kind,
            "invoice_id": invoice,
            "customer_id": "c",
            "contract_id": "k",
            "currency": "USD",
            "amount": amount,
        }
        return self.write("billing.events", {**record, **changes})

    def close(self, period, time, entity="e"):
        """Append a period_close."""
        record = {"kind": "period_close", "entity": entity, "period": period, "event_time": time}
        return self.write("control.events", record)

    def reference(self, kind, **facts):
        """Append a record of master data."""
        return self.write("reference.events", {"kind": kind, **facts})

    def policy(self, key, value, effective_from, event_time="2020-01-01T00:00:00Z"):
        """Append a policy, known long before it is in force."""
        record = {"kind": "policy", "key": key, "value": value, "effective_from": effective_from}
        return self.write("control.events", {**record, "event_time": event_time})

    def books(self, as_of=None):
        """The books of everything written."""
        return compute(self.directory, as_of)


def usage_line(line_id="l", **rate):
    """A usage line for meter m."""
    return {"line_id": line_id, "kind": "usage", "rate": {"meter": "m", **rate}}


def fixed(line_id="l", total="100", kind="ratable", **fields):
    """A line of fixed consideration over the contract's term."""
    return {"line_id": line_id, "kind": kind, "total": total, **fields}


def delivered(line_id, at, total="100", **fields):
    """A line satisfied at a point in time."""
    return fixed(line_id, total, "point_in_time", satisfied_at=at, **fields)


def progress(line_id, incurred, expected, total="100", **fields):
    """A line measured by progress."""
    ratio = {"incurred": incurred, "expected": expected}
    return fixed(line_id, total, "milestone", progress=ratio, **fields)


def tiers(*rows):
    """Tiers from (up_to, unit_price, flat_fee)."""
    return [{"up_to": up_to, "unit_price": unit, "flat_fee": flat} for up_to, unit, flat in rows]


def by_line(books, account="revenue"):
    """Credit of an account in minor units by line."""
    found = {}
    for key, minor in books.sums.items():
        if key[4] == account:
            found[key[7]] = found.get(key[7], 0) - minor
    return dict(sorted(found.items()))


def by_account(sums):
    """Debits less credits in minor units by account."""
    found = {}
    for key, minor in sums.items():
        found[key[4]] = found.get(key[4], 0) + minor
    return {account: minor for account, minor in sorted(found.items()) if minor}


def by_period(books, account):
    """Credit of an account in major-unit cents by period (debit for debit-normal accounts), origin left out."""
    credit_normal = (
        "revenue",
        "deferred_revenue",
        "customer_balance",
        "external_balance",
        "tax_payable",
        "recoverables",
    )
    found = {}
    for key, minor in books.sums.items():
        if key[4] == account:
            signed = -minor if account in credit_normal else minor
            found[key[2]] = found.get(key[2], 0) + signed
    return {period: minor for period, minor in sorted(found.items()) if minor}
