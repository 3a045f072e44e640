"""Reference: the master data in force at an instant, all of it optional."""

from fractions import Fraction
from zoneinfo import ZoneInfo

from . import topic

UTC = ZoneInfo("UTC")


class Reference:
    """Master data; without it UTC, default account names, every product known (events.md, Reference data)."""

    def __init__(self, records):
        self.exceptions, self.dated = set(), {}
        for record in sorted(records, key=topic.applied_order):
            known = self.dated.setdefault((record.kind, record.name), {})
            self._take(record, known)

    def _take(self, record, known):
        """Of one identity the later event_time holds, else the later position; that is said when they differ."""
        before = known.get(record.effective)
        if before is not None:
            timed = before.time is not None and record.time is not None and before.time != record.time
            if timed and record.time < before.time:
                return
            if not timed and record.content != before.content:
                self.exceptions.add(("reference_conflict", *record.position))
        known[record.effective] = record

    def in_force(self, kind, name, at):
        """The facts of the record with the latest effective date not after an instant, or None."""
        known = self.dated.get((kind, name), {})
        starts = [start for start in known if start <= at]
        return known[max(starts)].facts if starts else None

    def _fact(self, kind, name, at, fact):
        return (self.in_force(kind, name, at) or {}).get(fact)

    def zone(self, entity, at):
        """The time zone of an entity, UTC while it is unknown."""
        return self._fact("entity", entity, at, "zone") or UTC

    def functional_currency(self, entity, at):
        """The functional currency of an entity, or None while it is unknown."""
        return self._fact("entity", entity, at, "currency")

    def rate(self, base, quote, at):
        """What one unit of a currency is in another, by the pair or by its inverse, or None."""
        if base == quote:
            return Fraction(1)
        direct = self._fact("fx_rate", (base, quote), at, "rate")
        inverse = self._fact("fx_rate", (quote, base), at, "rate")
        return direct if direct or not inverse else 1 / inverse

    def account(self, entity, name, at):
        """The ERP number of an account, its own name without one (events.md, Default account names)."""
        own = self._fact("account", (entity, name), at, "number")
        return own or self._fact("account", (None, name), at, "number") or name

    def knows(self, product, at):
        """Whether a product has a record or is in a bundle; without any record every product is known."""
        if product is None or not any(kind == "product" for kind, _ in self.dated):
            return True
        listed = any(product in facts["products"] for facts in self._bundles(at))
        return listed or self.in_force("product", product, at) is not None

    def revenue_account(self, product, at):
        """The revenue account of a product."""
        return self._fact("product", product, at, "revenue_account") or "revenue"

    def method(self, product, at):
        """The default schedule method of a product."""
        return self._fact("product", product, at, "method") or "daily"

    def ssp(self, product, currency, at):
        """The stand-alone selling price of a product in a currency, or None (accounting.md rule 2)."""
        named = self._fact("product", product, at, "currency")
        return self._fact("product", product, at, "ssp") if named in (None, currency) else None

    def variable_range(self, product, at):
        """(low, high) of the SSP of a product marked highly variable, either may be None; else None."""
        facts = self.in_force("product", product, at) or {}
        return (facts["low"], facts["high"]) if facts.get("variable") else None

    def bundles(self, currency, at):
        """(products, price) of the bundles in force in a currency, by their ids."""
        return [
            (facts["products"], facts["price"]) for facts in self._bundles(at) if facts["currency"] in (None, currency)
        ]

    def _bundles(self, at):
        names = sorted(name for kind, name in self.dated if kind == "bundle")
        return [facts for name in names if (facts := self.in_force("bundle", name, at))]
