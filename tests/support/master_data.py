"""Master data of random feeds: entities, products, bundles, accounts, rates and owners; also late, missing and wrong."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

from tests.support.fixed_lines import BUNDLE, PRODUCTS, VARIABLE
from tests.support.moments import START, instant

ZONES = ("America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
ENTITIES = ("us", "de", "au")
RATES = ("1.1", "0.9137", "150.25", "0.0067", "3", "0.333333333333")
BROKEN: tuple[bytes, ...] = (
    b"{",
    b"[]",
    b"\xff\xfe",
    b'{"kind": "product"}',
    b'{"kind": "zork", "id": "x"}',
    b'{"kind": "entity", "id": "us", "time_zone": "Mars/Olympus"}',
    b'{"kind": "fx_rate", "base": "USD", "quote": "EUR", "rate": 1.5, "as_of": "2025-01-01T00:00:00Z"}',
    b'{"kind": "fx_rate", "base": "USD", "quote": "EUR", "rate": "much", "as_of": "2025-01-01T00:00:00Z"}',
    b'{"kind": "product", "id": "f0", "effective_from": "yesterday"}',
    b'{"kind": "account", "name": "revenue"}',
)
Record = dict[str, Any]


class MasterData:
    """The reference records that go with drawn contracts."""

    def __init__(self, seed: int, contracts: list[Record], meters: list[str], billed: bool = False) -> None:
        """`billed`: every rate is there from the start, and functional currencies stay: layers have one currency."""
        self.billed = billed
        self.random = random.Random(f"{seed} master data")
        self.contracts, self.meters = contracts, meters
        self.first: list[Record | bytes] = []
        self.late: list[Record] = []

    def partitions(self) -> dict[int, list[bytes]]:
        """What is known from the start, mixed, then what comes late, in the order of its times."""
        rng = self.random
        currencies = self._entities()
        if rng.random() < 0.75 and not self.billed:
            self._rates(currencies)
        else:
            self._rates(currencies, all_there=True)
        if rng.random() < 0.6:
            self._products()
        if rng.random() < 0.7:
            self._bundles()
        if rng.random() < 0.5:
            self._accounts()
        if rng.random() < 0.3:
            self._put("exception_owner", **{"class": rng.choice(("invalid", "product_unmapped")), "owner": "desk"})
        rng.shuffle(self.first)
        if rng.random() < 0.3:
            self.first += rng.sample(BROKEN, 2)
        contradicted = rng.random() < 0.15 and self._contradict()
        self.late.sort(key=lambda one: one["event_time"])
        lines = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in [*self.first, *self.late]]
        if contradicted or rng.random() < 0.8 or len(lines) < 2:
            return {0: lines}
        return {0: lines[::2], 1: lines[1::2]}

    def _put(self, kind: str, late: bool = False, **facts: Any) -> None:
        """A record that has always been known, with a time or without; or one that comes in mid-way."""
        rng = self.random
        record = {"event_id": f"r{len(self.first) + len(self.late)}", "source": "mdm", "kind": kind, **facts}
        if late:
            at = START + timedelta(days=rng.randint(3, 60), hours=rng.randint(0, 23))
            self.late.append({**record, "event_time": instant(at)})
        else:
            times = {"event_time": instant(START - timedelta(days=90, hours=rng.randint(0, 99)))}
            self.first.append(record | (times if rng.random() < 0.8 else {}))

    def _day(self, first: int, last: int) -> str:
        rng = self.random
        return instant(START + timedelta(days=rng.randint(first, last), hours=rng.choice((0, 0, 9))))

    def _entities(self) -> dict[str, list[str]]:
        """Functional currencies by entity; those without a record count in the currency of each contract."""
        rng = self.random
        found: dict[str, list[str]] = {}
        for entity in ENTITIES:
            if rng.random() < 0.15:
                continue
            facts: Record = {"time_zone": rng.choice(ZONES)}
            if rng.random() < 0.7:
                facts["functional_currency"] = rng.choice(("USD", "EUR", "JPY"))
                found[entity] = [facts["functional_currency"]]
            # A functional currency that comes late would leave entries behind that no one can tell the currency of.
            self._put("entity", rng.random() < 0.25 and entity not in found, id=entity, **facts)
            if rng.random() < 0.15:
                self._put(
                    "entity", id=entity, **facts | {"time_zone": rng.choice(ZONES)}, effective_from=self._day(2, 30)
                )
            elif rng.random() < 0.1 and found.get(entity) and not self.billed:
                # At this hour the first of February has begun in every zone, and ended in none.
                facts["functional_currency"] = rng.choice(("USD", "EUR"))
                self._put("entity", id=entity, **facts, effective_from="2025-02-01T12:00:00Z")
                found[entity].append(facts["functional_currency"])
        return found

    # -- rates

    def _rates(self, currencies: dict[str, list[str]], all_there: bool = False) -> None:
        """For every pair that is needed, from the start or not; direct or inverse."""
        rng = self.random
        versions: dict[tuple[str, str], int] = {}
        for record in self.contracts:
            for functional in currencies.get(record["entity"], ()):
                pair = (record["currency"], functional)
                versions[pair] = max(record["version"], versions.get(pair, 0))
        for base, quote in sorted(pair for pair in versions if pair[0] != pair[1]):
            # The exception of a missing rate names the version in force: of several, no rule says which.
            may_miss = versions[base, quote] == 1 and not all_there
            draw = rng.random()
            if may_miss and draw < 0.25:
                if draw < 0.12:
                    self._rate(base, quote, self._day(5, 40))
                continue
            self._rate(base, quote, self._day(-200, -90), late=draw > 0.85 and not self.billed)
            for _ in range(rng.choice((0, 1, 3))):
                self._rate(base, quote, self._day(-20, 60))
            if rng.random() < 0.08 and not self.billed:
                self._rate(base, quote, self._day(-20, 30), late=True)  # corrects what is booked

    def _rate(self, base: str, quote: str, as_of: str, late: bool = False) -> None:
        rng = self.random
        if rng.random() < 0.2:
            base, quote = quote, base
        self._put("fx_rate", late, base=base, quote=quote, rate=rng.choice(RATES), as_of=as_of)

    # -- products and accounts

    def _products(self) -> None:
        rng = self.random
        for product in (*(f"p-{meter}" for meter in self.meters), *PRODUCTS, *BUNDLE):
            draw = rng.random()
            if draw < 0.12:
                continue
            facts: Record = {"revenue_account": rng.choice(("usage", "subscriptions", None))}
            if product in PRODUCTS:
                facts["default_method"] = rng.choice((None, "monthly", "exact"))
                facts["ssp"] = rng.choice((None, None, "50", "12.5"))
                facts["currency"] = rng.choice((None, "USD"))
            starts = {"effective_from": self._day(3, 30)} if draw > 0.92 and product.startswith("p-") else {}
            self._put("product", 0.12 < draw < 0.24, id=product, **facts, **starts)
            if rng.random() < 0.3:
                facts["revenue_account"] = rng.choice(("usage", "services"))
                self._put("product", rng.random() < 0.3, id=product, **facts, effective_from=self._day(31, 60))
        low, high = rng.choice((("15", "45"), ("15", "45"), ("31", "45")))
        self._put("product", rng.random() < 0.1, id=VARIABLE, highly_variable=True, ssp_low=low, ssp_high=high)

    def _bundles(self) -> None:
        rng = self.random
        dates = {"effective_from": self._day(-20, 10)} if rng.random() < 0.2 else {}
        self._put("bundle", rng.random() < 0.1, id="example", products=list(BUNDLE[1:]), price="60", **dates)
        if rng.random() < 0.3:
            self._put("bundle", id="usage too", products=[rng.choice(PRODUCTS), f"p-{self.meters[0]}"], price="1")

    def _accounts(self) -> None:
        rng = self.random
        for number, name in enumerate(("revenue", "unbilled_receivable", "deferred_revenue", "usage", "services")):
            if rng.random() < 0.4:
                continue
            self._put("account", rng.random() < 0.15, name=name, number=f"{4000 + number}")
            if rng.random() < 0.4:
                entity = rng.choice(ENTITIES)
                self._put("account", name=name, number=f"{5000 + number}", entity=entity)
            if rng.random() < 0.3:
                self._put("account", name=name, number=f"{6000 + number}", effective_from=self._day(5, 50))

    def _contradict(self) -> bool:
        """Another record of one identity that says something else, at the same time or without one."""
        rng = self.random
        times = rng.choice(({}, {"event_time": instant(START - timedelta(days=80))}))
        number = len(self.first)
        for offset, account in enumerate(("receivables", "debtors")):
            facts = {
                "name": "unbilled_receivable",
                "number": account,
                "entity": "us",
                "effective_from": "2025-01-09T00:00:00Z",
            }
            self.first.append({"event_id": f"c{number + offset}", "source": "mdm", "kind": "account", **facts, **times})
        return True
