"""Fixed lines of random feeds: ratable, delivered and measured ones, their updates, cancellations and openings.

Their terms never change from version to version: only progress, satisfied_at and SSP do, or the contract is cancelled.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from tests.support.moments import START, instant, moment

DIGITS = {"JPY": 0, "KWD": 3}
METHODS = (None, "daily", "monthly", "monthly_prorated_ends", "month_fraction", "exact")
PRODUCTS = ("f0", "f1", "f2", "f3", "f4")
BUNDLE, VARIABLE = ("b0", "b1", "b2"), "hv"  # 40, 55 and 45, the last two for 60 together; and what is left, 15 to 45
Contract = dict[str, Any]


class FixedLines:
    """Puts fixed lines into drawn contracts, and contracts of fixed lines beside them."""

    def __init__(self, seed: int, customers: list[str], currencies: tuple[str, ...]) -> None:
        self.random = random.Random(f"{seed} fixed lines")
        self.customers, self.currencies = customers, currencies

    def add(self, contracts: list[Contract]) -> None:
        """Change the list in place; every record of a version gets the same."""
        rng = self.random
        versions: dict[str, dict[int, list[Contract]]] = {}
        for record in contracts:
            versions.setdefault(record["contract_id"], {}).setdefault(record["version"], []).append(record)
        for known in versions.values():
            if rng.random() < 0.5:
                self._put(contracts, known)
        for customer in self.customers:
            if rng.random() < 0.5:
                record = self._contract(customer)
                contracts.insert(rng.randint(0, len(contracts)), record)
                self._put(contracts, {1: [record]})

    def _contract(self, customer: str) -> Contract:
        rng = self.random
        start = START + timedelta(days=rng.choice((-40, -10, 0, 0, 5, 20)), hours=rng.choice((0, 0, 0, 7)))
        end = start + timedelta(days=rng.choice((30, 59, 90, 365)), hours=rng.choice((0, 0, 5)))
        signed = start + timedelta(days=rng.choice((-3, 0, 0, 12)))
        return {
            "event_id": f"f-{customer}-1", "source": "crm", "event_time": instant(signed),
            "contract_id": f"f-{customer}", "version": 1, "kind": "activated", "effective_at": instant(start),
            "customer_id": customer, "entity": rng.choice(("us", "de", "au")), "currency": rng.choice(self.currencies),
            "start": instant(start), "end": instant(end), "lines": [],
        }  # fmt: skip

    def _put(self, contracts: list[Contract], known: dict[int, list[Contract]]) -> None:
        """Fixed lines into all versions of a contract, then versions of their own."""
        first = known[1][0]
        lines = self._lines(first)
        opening = self._opening(first, lines)
        for records in known.values():
            for record in records:
                record["lines"] = [*record["lines"], *lines]
                if opening and record["version"] == 1:
                    record["opening"] = opening
        earliest = moment(opening["as_of"]) + timedelta(days=2) if opening else moment(first["start"])
        last = known[max(known)][0]
        for _ in range(self.random.choice((0, 0, 1, 2))):
            last = self._updated(last, earliest)
            self._insert(contracts, last)
        # Usage on the day of a cancellation, and what is due for its broken billing period, has no rule.
        if self.random.random() < 0.25 and all(line["kind"] != "usage" for line in last["lines"]):
            self._insert(contracts, self._cancelled(last, earliest))

    def _insert(self, contracts: list[Contract], record: Contract) -> None:
        rng = self.random
        contracts.insert(len(contracts) if rng.random() < 0.8 else rng.randint(0, len(contracts)), record)

    # -- lines

    def _lines(self, contract: Contract) -> list[dict[str, Any]]:
        rng = self.random
        if rng.random() < 0.2:
            return self._bundled()
        start, end = moment(contract["start"]), moment(contract["end"])
        products = rng.sample(PRODUCTS, rng.choice((1, 1, 2, 3)))
        lines = []
        for number, product in enumerate(products):
            total = self._money(contract["currency"])
            line = {"line_id": f"x{number}", "product_id": product, "total": total, "distinct": True}
            if rng.random() < 0.5:
                line["ssp"] = self._ssp(total)
            lines.append(line | self._kind(start, end, certainly_ratable=number == 0 and rng.random() < 0.5))
        return lines

    def _kind(self, start: datetime, end: datetime, certainly_ratable: bool) -> dict[str, Any]:
        rng = self.random
        kind = "ratable" if certainly_ratable else rng.choice(("ratable", "ratable", "point_in_time", "milestone"))
        match kind:
            case "point_in_time":
                at = start + timedelta(days=rng.randint(0, 50), hours=rng.randint(0, 23), minutes=17)
                return {"kind": kind, "satisfied_at": instant(at) if rng.random() < 0.6 else None}
            case "milestone":
                return {"kind": kind, "distinct": False, "progress": self._progress()}
        dates: dict[str, Any] = {}
        if not certainly_ratable and rng.random() < 0.3:
            dates["start"] = instant(start + timedelta(days=rng.randint(1, 12)))
            dates["end"] = instant(end - timedelta(days=rng.randint(0, 9)))
        return {"kind": kind, "method": rng.choice(METHODS), **dates}

    def _bundled(self) -> list[dict[str, Any]]:
        """The lines of the standard's example 34, with a line of highly variable price or without."""
        rng = self.random
        first = "38" if rng.random() < 0.1 else "40"  # then it is not all of the discount that the bundle explains
        rows = [(BUNDLE[0], "40", first), (BUNDLE[1], "55", "30"), (BUNDLE[2], "45", "30")]
        if rng.random() < 0.5:
            rows.append((VARIABLE, None, rng.choice(("20", "30", "35"))))
        delivered = {"kind": "point_in_time", "satisfied_at": instant(START + timedelta(days=9, hours=5, minutes=17))}
        kinds: tuple[dict[str, Any], ...] = ({"kind": "ratable", "method": None}, delivered)
        return [
            {"line_id": f"x{number}", "product_id": product, "total": total, "ssp": ssp, **rng.choice(kinds)}
            for number, (product, ssp, total) in enumerate(rows)
        ]

    def _money(self, currency: str) -> str:
        rng, digits = self.random, DIGITS.get(currency, 2)
        whole = rng.choice((0, 1, rng.randint(1, 50), rng.randint(100, 99_999)))
        return f"{whole}.{rng.randint(1, 10**digits - 1):0{digits}d}" if digits else str(whole + 1)

    def _ssp(self, total: str) -> str:
        """At the price, above it (a discount) or anything."""
        return self.random.choice((total, f"{int(total.partition('.')[0]) + 7}", "33.33", "0.01"))

    def _progress(self) -> dict[str, str]:
        rng = self.random
        expected = rng.choice((7, 30, 120))
        return {"incurred": str(rng.randint(0, expected)), "expected": str(expected)}

    # -- versions

    def _next(self, last: Contract, kind: str, effective: datetime, lines: list[dict[str, Any]]) -> Contract:
        known = moment(last["event_time"]) + timedelta(days=self.random.randint(0, 20))
        version = last["version"] + 1
        fresh = {"event_id": f"{last['contract_id']}-{version}", "version": version, "kind": kind, "lines": lines}
        fresh |= {"event_time": instant(known), "effective_at": instant(effective)}
        return {key: value for key, value in {**last, **fresh}.items() if key != "opening"}

    def _updated(self, last: Contract, earliest: datetime) -> Contract:
        """Progress, satisfied_at or SSP are others; usage lines stay."""
        rng = self.random
        effective = earliest + timedelta(days=rng.randint(0, 40), hours=rng.randint(0, 23), minutes=23)
        lines = [dict(line) for line in last["lines"]]
        for line in lines:
            if line["kind"] == "milestone":
                line["progress"] = self._progress()
            if line["kind"] == "point_in_time" and rng.random() < 0.7:
                at = earliest + timedelta(days=rng.randint(1, 50), hours=rng.randint(0, 23), minutes=17)
                line["satisfied_at"] = instant(at)
            if line.get("ssp") and rng.random() < 0.3:
                line["ssp"] = self._ssp(line["total"])
        return self._next(last, "amended", effective, lines)

    def _cancelled(self, last: Contract, earliest: datetime) -> Contract:
        rng = self.random
        days = max((moment(last["end"]) - earliest).days - 10, 1)  # before the end of every line
        effective = earliest + timedelta(days=rng.randint(0, min(days, 60)), hours=rng.randint(0, 23), minutes=41)
        return self._next(last, "cancelled", effective, last["lines"])

    def _opening(self, first: Contract, lines: list[dict[str, Any]]) -> dict[str, str] | None:
        """Some days after the start, while no line has ended; only where the first line has begun to earn.

        How an opening splits over lines that have not earned anything has no rule.
        """
        rng = self.random
        if rng.random() > 0.25 or lines[0]["kind"] != "ratable" or lines[0].get("start"):
            return None
        as_of = moment(first["start"]) + timedelta(days=rng.randint(1, 6), hours=rng.choice((0, 9)))
        for line in lines:
            if line["kind"] == "ratable" and line["method"] in (None, "monthly"):
                # In a zone where the term begins on the last of a month, a month may end before.
                line["method"] = "daily"
            if line["kind"] == "point_in_time" and line["satisfied_at"]:
                line["satisfied_at"] = instant(max(moment(line["satisfied_at"]), as_of + timedelta(days=3, minutes=17)))
            if line["kind"] == "milestone":
                line["progress"] = {"incurred": "2", "expected": "7"}
        billed = rng.choice(("0", self._money(first["currency"]), self._money(first["currency"])))
        whole = sum(int(line["total"].partition(".")[0]) for line in lines)
        recognised = f"{whole * rng.randint(0, 20) // 100}"
        return {"as_of": instant(as_of), "recognised": recognised, "billed": billed}


def minor_units(text: str, digits: int) -> int:
    """The minor units of an amount; digits too many are cut."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(digits, "0")[:digits])


def major_text(minor: int, digits: int) -> str:
    """Minor units that are not negative as an amount is written."""
    return f"{minor // 10**digits}.{minor % 10**digits:0{digits}d}" if digits else str(minor)
