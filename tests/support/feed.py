"""Random feeds: one seed decides everything that a directory of topics holds.

About half of the feeds are simple: contracts of usage, usage, closes. The others have master data, policies and fixed
lines, too. These are drawn from streams of their own, after and beside the simple parts, which they leave as they are.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.billed import Billed, BillingPolicies, going_on
from tests.support.fixed_lines import FixedLines
from tests.support.master_data import MasterData
from tests.support.modified_lines import ModifiedLines
from tests.support.moments import START, instant
from tests.support.policies import DrawnPolicies

CURRENCIES = ("USD", "EUR", "JPY", "KWD")
PRICES = ("0.0000004", "1", "0.01", "2.5", "0.333333333333", "19.99", "0", "0.000000000001")

GARBAGE: tuple[bytes, ...] = (
    b"",
    b"   ",
    b"\x00\x00\x00",
    b"[1, 2]",
    b'"text"',
    b"null",
    b"NaN",
    b'{"event_id": "x"',
    b'{"event_id": "x"}',
    b"\xff\xfe{}",
    b"{" * 500,
    b'{"event_id":"g1","source":"s","customer_id":"c0","meter":"m0","quantity":5,"event_time":"2025-01-05T00:00:00Z"}',
    b'{"event_id":"g2","source":"s","customer_id":"c0","meter":"m0","quantity":"NaN","event_time":"2025-01-05T00:00:00Z"}',
    b'{"event_id":"g3","source":"s","customer_id":"","meter":"m0","quantity":"1","event_time":"2025-01-05T00:00:00Z"}',
    b'{"event_id":"g4","source":"s","customer_id":"c0","meter":"m0","quantity":"1","event_time":"yesterday"}',
    b'{"event_id":"g5","source":"s","customer_id":"c0","meter":"m0","quantity":"1.0000000000000000001","event_time":"2025-01-05T00:00:00Z"}',
    b'{"event_id":"g6","source":"s","customer_id":"c0","meter":"m0","quantity":"123456789012345678901","event_time":"2025-01-05T00:00:00Z"}',
    b'{"event_id":"g7","source":"s","customer_id":"c0","meter":"m0","quantity":"1","event_time":"2999-01-05T00:00:00Z"}',
    b'{"event_id":"g8","source":"s","customer_id":"c0","meter":"m0","quantity":"1","event_time":"1970-01-05T00:00:00Z"}',
    b'{"event_id":"g9","source":"s","customer_id":"c0","meter":"m0","quantity":true,"event_time":"2025-01-05T00:00:00Z"}',
)


@dataclass
class Feed:
    """The lines of every topic and partition, and how the run is closed."""

    seed: int
    topics: dict[str, dict[int, list[bytes]]] = field(default_factory=dict)
    as_of: str | None = None

    def write(self, root: Path) -> Path:
        """Write the directory; a single partition lies flat."""
        for topic, partitions in self.topics.items():
            for number, lines in partitions.items():
                path = root / f"{topic}.jsonl" if len(partitions) == 1 else root / topic / f"{number}.jsonl"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"".join(line + b"\n" for line in lines))
        return root


class Drawing:
    """Draws one feed."""

    def __init__(
        self,
        seed: int,
        events: int = 300,
        days: int = 75,
        rich: bool | None = None,
        modified: bool = False,
        billed: bool = False,
    ) -> None:
        """`modified`: terms of fixed lines change; `billed`: there are billing events. Both only in rich feeds."""
        self.random = random.Random(seed)
        self.modified, self.billed = modified, billed
        rich = True if modified or billed else rich
        self.seed, self.events, self.days = seed, events, days
        self.rich = random.Random(f"{seed} rich").random() < 0.5 if rich is None else rich
        self.customers = [f"c{number}" for number in range(self.random.randint(1, 6))]
        self.meters = [f"m{number}" for number in range(self.random.randint(1, 3))]

    def feed(self) -> Feed:
        """The whole feed."""
        feed = Feed(self.seed)
        contracts = self.contracts()
        usage = self.usage([one["contract_id"] for one in contracts])
        controls = self.controls()
        if self.random.random() < 0.85:
            feed.as_of = instant(START + timedelta(days=self.random.randint(0, self.days + 40)))
        if self.rich:
            FixedLines(self.seed, self.customers, CURRENCIES).add(contracts)
            policies = DrawnPolicies(self.seed).records()
            if self.modified:
                ModifiedLines(self.seed).add(contracts)
            if self.modified or self.billed:
                policies += BillingPolicies(self.seed).records()
            if self.billed:
                going_on(self.seed, contracts)
                # What is truncated by period and then credited has no rule.
                policies = [one for one in policies if one["key"] != "residual"]
                feed.topics["billing.events"] = Billed(self.seed, contracts).partitions()
            controls = sorted(
                [*policies, *controls, *more_closes(self.seed, controls)], key=lambda one: one["event_time"]
            )
            if any(one["key"] == "carry" for one in policies):
                steady(contracts)
            feed.topics["reference.events"] = MasterData(self.seed, contracts, self.meters, self.billed).partitions()
        feed.topics["contracts.events"] = {0: [json.dumps(one).encode() for one in contracts]}
        feed.topics["usage.events"] = usage
        if controls:
            feed.topics["control.events"] = {0: [json.dumps(one).encode() for one in controls]}
        return feed

    # -- contracts

    def contracts(self) -> list[dict[str, Any]]:
        """Versions 1..n of one or two contracts for most customers, mostly in order."""
        found = []
        for customer in self.customers:
            for number in range(self.random.choice((0, 1, 1, 1, 1, 2))):
                found += self.versions(customer, f"k-{customer}-{number}")
        if self.random.random() < 0.3:
            self.random.shuffle(found)
        if found and self.random.random() < 0.3:
            found.append(dict(self.random.choice(found)))  # the same record again
        return found

    def versions(self, customer: str, contract: str) -> list[dict[str, Any]]:
        rng = self.random
        start = START + timedelta(days=rng.choice((-40, -10, 0, 0, 5, 20)), hours=rng.choice((0, 0, 0, 7)))
        end = start + timedelta(days=rng.choice((30, 60, 365)))
        currency = rng.choice(CURRENCIES)
        lines = [
            self.line(f"l{number}", meter, start, end)
            for number, meter in enumerate(self.meters)
            if rng.random() < 0.85
        ]
        known, entity = start, rng.choice(("us", "de"))
        versions = []
        for version in range(1, rng.choice((1, 1, 2, 3)) + 1):
            effective = (
                start if version == 1 else start + timedelta(days=rng.randint(0, 70), hours=rng.choice((0, 0, 13)))
            )
            if version > 1:
                known += timedelta(days=rng.randint(0, 20))
                if effective >= end:
                    effective = start + timedelta(days=3)
                # Another aggregation or length of the billing period in mid-period has no meaning that the rules define.
                kept = [{name: one["rate"][name] for name in ("aggregation", "billing_period")} for one in lines]
                lines = [self.line(one["line_id"], one["rate"]["meter"], start, end) for one in lines]
                for one, same in zip(lines, kept, strict=True):
                    one["rate"] |= same
            versions.append(
                {
                    "event_id": f"{contract}-{version}", "source": "crm", "event_time": instant(known),
                    "contract_id": contract, "version": version, "kind": "activated" if version == 1 else "amended",
                    "effective_at": instant(effective), "customer_id": customer, "entity": entity,
                    "currency": currency, "start": instant(start), "end": instant(end), "lines": lines,
                }
            )  # fmt: skip
        return versions

    def line(self, line_id: str, meter: str, start: datetime, end: datetime) -> dict[str, Any]:
        return {
            "line_id": line_id, "product_id": f"p-{meter}", "kind": "usage",
            "start": instant(start), "end": instant(end), "rate": self.rate(meter),
        }  # fmt: skip

    def rate(self, meter: str) -> dict[str, Any]:
        """Mostly sums by the unit or by tiers; the rest of the price models and aggregations now and then."""
        rng = self.random
        rate: dict[str, Any] = {
            "meter": meter,
            "aggregation": rng.choice((*["sum"] * 6, "count", "max", "last", "unique", "weighted_sum")),
            "billing_period": rng.choice(("month", "month", "quarter", "year", "term")),
            "model": rng.choice(("per_unit", "per_unit", "graduated", "graduated", "volume", "package")),
        }
        match rate["model"]:
            case "per_unit":
                rate["unit_price"] = rng.choice(PRICES)
            case "package":
                rate |= {"package_size": rng.choice(("10", "2.5")), "package_price": rng.choice(("15", "0.07"))}
            case _:
                rate["tiers"] = self.tiers()
        if rng.random() < 0.2:
            rate["included"] = rng.choice(("10", "0.5"))
        if rng.random() < 0.15:
            rate["minimum"] = rng.choice(("100", "7"))  # below every maximum
        if rng.random() < 0.15:
            rate["maximum"] = rng.choice(("150", "3000"))
        return rate

    def tiers(self) -> list[dict[str, Any]]:
        rng = self.random
        bounds = [str(bound) for bound in sorted(rng.sample(range(1, 400), rng.randint(0, 3)))]
        return [
            {"up_to": bound, "unit_price": rng.choice(PRICES), "flat_fee": rng.choice(("0", "0", "5", "0.001"))}
            for bound in (*bounds, None)
        ]

    # -- usage

    def quantity(self) -> str:
        rng = self.random
        huge = "99999999999999999999.5" if rng.random() < 0.05 else "7"
        digits = f"{rng.randint(0, 20)}.{rng.randint(0, 10**18 - 1):018d}"
        plain = str(rng.randint(1, 50))
        others = (f"-{rng.randint(1, 30)}", f"{rng.randint(1, 9)}e-3", f"{rng.randint(1, 1000) / 8}")
        return rng.choice((plain, digits, "0", "0.000000000000000001", *others, huge))

    def dimensions(self) -> list[dict[str, str]]:
        rng = self.random
        users = (
            [{"key": "unique_key", "value": rng.choice(("ann", "bob", 'q"uo\\te', "é"))}] if rng.random() < 0.6 else []
        )
        return rng.choice(([], [{"key": "r", "value": "eu"}, {"key": "a", "value": "1"}])) + users

    def usage(self, contracts: list[str]) -> dict[int, list[bytes]]:
        rng = self.random
        partitions: dict[int, list[bytes]] = {number: [] for number in range(rng.randint(1, 3))}
        sent: list[tuple[int, dict[str, Any]]] = []
        for number in range(self.events):
            at = START + timedelta(seconds=int(self.days * 86_400 * number / self.events))
            at += timedelta(seconds=rng.randint(-7_000, 7_000), microseconds=rng.choice((0, rng.randint(0, 999_999))))
            if rng.random() < 0.08:
                at -= timedelta(days=rng.choice((1, 3, 20, 34, 36, 60)))
            customer = rng.choice(self.customers)
            event = {
                "event_id": f"e{number}", "source": rng.choice(("s", "t")), "customer_id": customer,
                "contract_id": rng.choice((*[None] * 6, *[f"k-{customer}-0"] * 3, *contracts[:1], "nowhere")),
                "meter": rng.choice((*self.meters, *self.meters, "unlisted")), "quantity": self.quantity(),
                "event_time": instant(at), "dimensions": self.dimensions(),
            }  # fmt: skip
            home = rng.randrange(len(partitions))
            partitions[home].append(json.dumps(event).encode())
            sent.append((home, event))
            self.again(partitions, sent)
            if rng.random() < 0.03:
                partitions[home].append(rng.choice(GARBAGE))
        return partitions

    def again(self, partitions: dict[int, list[bytes]], sent: list[tuple[int, dict[str, Any]]]) -> None:
        """A redelivery now and then: the same event, in its partition; or another content under its identity."""
        rng = self.random
        if rng.random() < 0.05:
            home, event = rng.choice(sent[-40:])
            same = dict(event, dimensions=list(reversed(event["dimensions"])))
            partitions[home].append(json.dumps(same).encode())
        if rng.random() < 0.02:
            home, event = rng.choice(sent[-40:])
            partitions[home].append(json.dumps(dict(event, quantity="3.25")).encode())

    # -- control

    def controls(self) -> list[dict[str, Any]]:
        rng, found = self.random, []
        at = START
        closed: list[tuple[str, str]] = []
        for _ in range(rng.choice((0, 0, 2, 5))):
            at += timedelta(days=rng.randint(0, 25), hours=rng.randint(0, 23))
            stamp = {"event_id": f"ctl-{len(found)}", "source": "ops", "event_time": instant(at)}
            draw = rng.random()
            if draw < 0.4:
                found.append({**stamp, "kind": "clock", "as_of": instant(at)})
            elif draw < 0.8 or not closed:
                period = (rng.choice(("us", "de")), rng.choice(("2024-12", "2025-01", "2025-02")))
                if period not in closed:
                    closed.append(period)
                    found.append(
                        {
                            **stamp,
                            "kind": "period_close",
                            "entity": period[0],
                            "period": period[1],
                            "actor": "ann",
                        }
                    )
            else:
                entity, name = closed.pop()
                found.append(
                    {
                        **stamp,
                        "kind": "period_reopen",
                        "entity": entity,
                        "period": name,
                        "actor": "ann",
                        "approver": "bob",
                    }
                )
        return found


def more_closes(seed: int, controls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Closes in the weeks after their periods, of periods that no other record closes."""
    rng = random.Random(f"{seed} closes")
    taken = {(one.get("entity"), one.get("period")) for one in controls}
    found = []
    for entity in ("us", "de", "au"):
        for period, ended in (("2024-12", 0), ("2025-01", 31), ("2025-02", 59)):
            at = instant(START + timedelta(days=ended + rng.randint(1, 20), hours=rng.randint(0, 23)))
            if rng.random() < 0.15 and (entity, period) not in taken:
                close = {"source": "ops", "event_time": at, "kind": "period_close", "entity": entity, "period": period}
                found.append({**close, "actor": "ann"})
    return found


def steady(contracts: list[dict[str, Any]]) -> None:
    """What carries its value keeps one plain price: which price a carried value has after a change has no rule."""
    for record in contracts:
        for line in record["lines"]:
            if line["kind"] == "usage" and line["rate"]["aggregation"] in ("last", "weighted_sum"):
                kept = {name: line["rate"][name] for name in ("meter", "aggregation", "billing_period")}
                line["rate"] = {**kept, "model": "per_unit", "unit_price": "2.5"}
