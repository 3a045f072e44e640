"""Modified lines of random feeds: amendments, renewals, cancellations and revocations of drawn fixed lines.

On time, retroactive, scheduled and out of order; what is transferred or changes carries odd minutes, so that nothing
happens at the very start of a day of change.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from tests.support.fixed_lines import DIGITS, METHODS, PRODUCTS, major_text, minor_units
from tests.support.moments import instant, moment

Contract = dict[str, Any]
Line = dict[str, Any]
FIXED = ("ratable", "point_in_time", "milestone")
APPROVED = {"reason": "as agreed", "approved_by": "ann", "requested_by": "bob"}


class ModifiedLines:
    """Appends versions that change the terms of fixed lines."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"{seed} modified lines")

    def add(self, contracts: list[Contract]) -> None:
        """Change the list in place."""
        rng = self.random
        known: dict[str, dict[int, list[Contract]]] = {}
        for record in contracts:
            known.setdefault(record["contract_id"], {}).setdefault(record["version"], []).append(record)
        for versions in known.values():
            if rng.random() < 0.85 and any(line["kind"] in FIXED for line in versions[1][0]["lines"]):
                self._modify(contracts, versions)

    def _modify(self, contracts: list[Contract], versions: dict[int, list[Contract]]) -> None:
        rng = self.random
        if rng.random() < 0.25:
            self._estimate([record for records in versions.values() for record in records])
        course = [versions[number][0] for number in sorted(versions)]
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
            record = self._next(course)
            course.append(record)
            contracts.insert(len(contracts) if rng.random() < 0.75 else rng.randint(0, len(contracts)), record)

    # -- versions

    def _next(self, course: list[Contract]) -> Contract:
        rng, last = self.random, course[-1]
        metered = any(line["kind"] == "usage" for line in last["lines"])
        draw = rng.random()
        if draw < 0.08 and not metered and last["kind"] != "cancelled":
            return self._version(last, "cancelled", self._effective(course), last["lines"])
        if draw < 0.22 and len(course) > 1:
            return self._revoked(course)
        effective = self._effective(course)
        lines = [dict(line) for line in last["lines"]]
        record = self._version(last, "amended", effective, lines)
        if draw < 0.32:
            self._renew(record, lines, effective)
        else:
            for change in rng.sample(
                (self._price, self._price, self._add, self._add, self._remove, self._progress, self._terms),
                rng.choice((1, 1, 1, 2)),
            ):
                change(record, lines, effective)
        if rng.random() < 0.3 and effective >= max(moment(one["effective_at"]) for one in course):
            self._estimates(record)
        self._treatment(record)
        return record

    def _version(self, last: Contract, kind: str, effective: datetime, lines: list[Line]) -> Contract:
        rng = self.random
        known = moment(last["event_time"]) + timedelta(days=rng.randint(0, 20))
        if rng.random() < 0.5:
            known = max(known, effective + timedelta(hours=rng.choice((-5, 3, 30))))
        number = last["version"] + 1
        fresh = {"event_id": f"{last['contract_id']}-{number}", "version": number, "kind": kind, "lines": lines}
        fresh |= {"event_time": instant(known), "effective_at": instant(effective)}
        return {key: value for key, value in {**last, **fresh}.items() if key not in ("opening", "modification")}

    def _effective(self, course: list[Contract]) -> datetime:
        """Mostly inside the term and after what came before; now and then earlier, or outside."""
        rng, first, last = self.random, course[0], course[-1]
        start, end = moment(last["start"]), moment(last["end"])
        if "opening" in first:
            start = moment(first["opening"]["as_of"]) + timedelta(days=2)
        elif rng.random() < 0.05:
            return rng.choice((start - timedelta(days=2), end + timedelta(days=3)))
        days = max(min((end - start).days - 2, 70), 1)
        effective = start + timedelta(days=rng.randint(1, days), hours=rng.randint(0, 23), minutes=29)
        before = moment(last["effective_at"])
        if effective < before < end - timedelta(days=1) and rng.random() < 0.6:
            effective = before + timedelta(days=rng.randint(0, max(min((end - before).days - 1, 20), 0)), minutes=7)
        if rng.random() < 0.15:
            effective = effective.replace(hour=0, minute=0)
        return max(effective, start)

    def _revoked(self, course: list[Contract]) -> Contract:
        """The fixed lines as they were a version ago, at the day of the change or before it, or some days later."""
        rng, last, before = self.random, course[-1], course[-2]
        at = moment(last["effective_at"]) - timedelta(days=rng.choice((0, 0, 0, 1, 4)), minutes=rng.choice((0, 3)))
        floor = moment(last["start"])
        if "opening" in course[0]:
            floor = moment(course[0]["opening"]["as_of"]) + timedelta(days=2)
        if rng.random() < 0.25:
            at += timedelta(days=6)
        dates = {name: before[name] for name in ("start", "end")}
        record = self._version({**last, **dates}, "amended", max(at, floor), before["lines"])
        if "variable" in before:
            record["variable"] = before["variable"]
        return record

    # -- changes

    def _fixed(self, lines: list[Line], *kinds: str) -> list[Line]:
        return [line for line in lines if line["kind"] in (kinds or FIXED)]

    def _price(self, record: Contract, lines: list[Line], effective: datetime) -> None:
        """Up or down, with another selling price or not; a part of a decrease may settle the past."""
        rng = self.random
        fixed = self._fixed(lines)
        line = rng.choice(fixed) if fixed else None
        if line is None:
            return
        digits = DIGITS.get(record["currency"], 2)
        minor = minor_units(line["total"], digits)
        later = rng.choice((minor * 3 // 2 + 1, minor * 11 // 10 + 1, minor * 9 // 10, minor // 2, minor + 1))
        line["total"] = major_text(later, digits)
        if rng.random() < 0.3:
            line["ssp"] = rng.choice((line["total"], "33.33", None))
        if rng.random() < 0.15 and line["kind"] != "point_in_time":
            line["distinct"] = not line.get("distinct", True)
        started = moment(record["start"]) + timedelta(days=8) < effective and fixed[0]["kind"] == "ratable"
        if later < minor and started and rng.random() < 0.4:
            record["modification"] = {"past_credit": major_text((minor - later) // 4, digits)}

    def _add(self, record: Contract, lines: list[Line], effective: datetime) -> None:
        """A line more, at its selling price or off it."""
        rng, digits = self.random, DIGITS.get(record["currency"], 2)
        end = moment(record["end"])
        start = max(
            effective.replace(hour=0, minute=0) + timedelta(days=rng.choice((0, 0, 1, 5))), moment(record["start"])
        )
        used = {line["product_id"] for line in lines}
        products = [product for product in PRODUCTS if product not in used]
        if not products or start + timedelta(days=2) >= end:
            return
        minor = rng.choice((rng.randint(100, 9_999), rng.randint(10_000, 5_000_000)))
        line: Line = {"line_id": f"x{record['version']}-{len(lines)}", "product_id": rng.choice(products)}
        line |= {"total": major_text(minor, digits), "start": instant(start), "end": instant(end), "distinct": True}
        line["ssp"] = rng.choice((None, line["total"], line["total"], major_text(minor * 5 // 4, digits), "33.33"))
        kind = rng.choice(("ratable", "ratable", "point_in_time", "milestone"))
        if kind == "ratable":
            line["method"] = rng.choice(METHODS)
        if kind == "point_in_time":
            at = start + timedelta(days=rng.randint(1, 20), hours=5, minutes=17)
            line["satisfied_at"] = rng.choice((instant(at), None))
        if kind == "milestone":
            line |= {"distinct": rng.random() < 0.5, "progress": {"incurred": "0", "expected": "7"}}
        lines.append(line | {"kind": kind})

    def _remove(self, record: Contract, lines: list[Line], effective: datetime) -> None:
        fixed = self._fixed(lines)
        if len(fixed) > 1:
            lines.remove(self.random.choice(fixed))

    def _progress(self, record: Contract, lines: list[Line], effective: datetime) -> None:
        """More is done, perhaps of more that is to do, perhaps for more."""
        rng, digits = self.random, DIGITS.get(record["currency"], 2)
        for line in self._fixed(lines, "milestone"):
            incurred, expected = (int(line["progress"][name]) for name in ("incurred", "expected"))
            expected += rng.choice((0, 0, 5))
            line["progress"] = {"incurred": str(rng.randint(incurred, expected)), "expected": str(expected)}
            if rng.random() < 0.5:
                line["total"] = major_text(minor_units(line["total"], digits) * 5 // 4, digits)

    def _terms(self, record: Contract, lines: list[Line], effective: datetime) -> None:
        """Another end or method of a line, or another quantity."""
        rng = self.random
        for line in self._fixed(lines, "ratable")[:1]:
            match rng.choice(("end", "method", "quantity")):
                case "end":
                    start = max(effective, moment(line.get("start") or record["start"])) + timedelta(days=2)
                    end = moment(record["end"])
                    if start < end:
                        line["end"] = instant(
                            rng.choice((end, start, start + (end - start) / 2)).replace(microsecond=0)
                        )
                case "method":
                    line["method"] = rng.choice(METHODS)
                case _:
                    line["quantity"] = str(rng.randint(1, 9))

    def _renew(self, record: Contract, lines: list[Line], effective: datetime) -> None:
        """Another month: the old lines keep their ends, and a new one begins; or the first one is longer and dearer."""
        rng, digits = self.random, DIGITS.get(record["currency"], 2)
        end = moment(record["end"])
        longer = end + timedelta(days=30)
        record |= {"kind": "renewed", "end": instant(longer)}
        fixed = self._fixed(lines)
        for line in lines:
            line.setdefault("end", instant(end))
        if fixed and fixed[0]["kind"] == "ratable" and rng.random() < 0.4:
            fixed[0] |= {
                "end": instant(longer),
                "total": major_text(minor_units(fixed[0]["total"], digits) * 3 // 2, digits),
            }
            return
        product = next((line["product_id"] for line in fixed), "f0")
        line: Line = {"line_id": f"x{record['version']}-r", "product_id": product, "kind": "ratable", "distinct": True}
        lines.append(
            line
            | {"total": major_text(rng.randint(100, 99_999), digits), "start": instant(end), "end": instant(longer)}
        )

    # -- estimates and treatments

    def _estimate(self, records: list[Contract]) -> None:
        """A variable amount that is there from the first version on."""
        digits = DIGITS.get(records[0]["currency"], 2)
        amount = major_text(self.random.randint(100, 99_999), digits)
        fixed = [line["line_id"] for line in self._fixed(records[0]["lines"])]
        some = fixed[:1] if self.random.random() < 0.3 else []
        for record in records:
            record["variable"] = [{"id": "bonus", "estimate": amount, "line_ids": some}]

    def _estimates(self, record: Contract) -> None:
        digits = DIGITS.get(record["currency"], 2)
        changed = [
            dict(one, estimate=major_text(minor_units(one["estimate"], digits) * 6 // 5, digits))
            for one in record.get("variable", [])
        ]
        if changed:
            record["variable"] = changed

    def _treatment(self, record: Contract) -> None:
        """Decided by a person now and then; now and then by nobody."""
        rng = self.random
        treatment = rng.choice(("prospective", "prospective", "cumulative_catch_up", "separate_contract"))
        if rng.random() > 0.2 or (treatment == "separate_contract" and "modification" in record):
            return
        facts: dict[str, Any] = dict(APPROVED)
        if rng.random() < 0.25:
            facts |= rng.choice(({"reason": None}, {"approved_by": None}, {"requested_by": "ann"}))
        record["modification"] = {**record.get("modification", {}), "treatment": treatment, **facts}
