"""What the made-up business sends, one record after the other: the same seed gives the same ones, without an end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops.generator.terms import (
    ENTITIES,
    METERS,
    REGIONS,
    SOURCE,
    Contract,
    Record,
    clock,
    close,
    instant,
    month,
    reference,
)
from schemas.topics import BILLING, CONTRACTS, CONTROL, REFERENCE, USAGE

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATENESS = HOUR  # the default of lateness_s
CLOSE_DAY, AMEND_DAY = 5, 15
UNSIGNED = 7  # one customer of so many begins to use before its contract is sent
SIGNED_LATE = 2 * DAY
AGAIN, LATE, AFTER_CLOSE, STRANGE = 20, 80, 400, 500  # one usage event of so many, about
RECENT = 500  # of the last events one is sent again
GARBAGE = (
    b"", b'{"event_id": "x"', b"\xff\xfe{}", b"[1, 2]",
    b'{"event_id":"g","source":"generator","customer_id":"customer-0","meter":"api.calls","quantity":"many",'
    b'"event_time":"2026-01-01T00:00:00Z"}',
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """One record: where it goes, at which moment of the business, and what it says; bytes are no record of the topic."""

    topic: str
    at: datetime
    record: Record | bytes


@dataclass(frozen=True, slots=True)
class Size:
    """Of the business: its beginning, how many customers, and the time of the business between two usage events."""

    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    customers: int = 40
    step: timedelta = timedelta(minutes=1)


class Course:
    """All records, in the order in which they are sent. Time goes from one usage event to the next."""

    def __init__(self, seed: int, size: Size) -> None:
        self._random, self._seed, self._size = random.Random(seed), seed, size
        self._contracts: dict[int, Contract] = {}
        self._unsent: list[tuple[datetime, Contract]] = []
        self._recent: list[Record] = []

    def __iter__(self) -> Iterator[Sent]:
        size, number = self._size, 0
        yield from (Sent(REFERENCE, size.start, one) for one in reference(size.start))
        at, hour = size.start, size.start
        while True:
            while hour <= at:
                yield from self._hour(hour)
                hour += HOUR
            yield from self._usage(number, at)
            number, at = number + 1, at + size.step

    def _hour(self, at: datetime) -> Iterator[Sent]:
        """What comes by the clock: contracts, amendments, invoices, closes, and the clock itself."""
        if at.hour == 0 and (at.day == 1 or at == self._size.start):
            yield from self._month(at)
        for due, contract in [one for one in self._unsent if one[0] <= at]:
            self._unsent.remove((due, contract))
            yield Sent(CONTRACTS, at, contract.next_version(at))
            yield Sent(BILLING, at, contract.invoice(at))
        if at.hour == 12 and at.day == AMEND_DAY:
            yield from self._amendments(at)
        if at.hour == 12 and at.day == CLOSE_DAY:
            # The first one, too, in which nothing was sent: where the zone is behind UTC, some of what was is in there.
            yield from (Sent(CONTROL, at, close(at, entity, month(at.year, at.month - 1))) for entity in ENTITIES)
        yield Sent(CONTROL, at, clock(at, LATENESS))

    def _month(self, at: datetime) -> Iterator[Sent]:
        if at.month == 1 or not self._contracts:
            for customer in range(self._size.customers):
                drawn = self._random.randrange(50, 500), self._random.randrange(20, 200)
                self._contracts[customer] = Contract(customer, at, *drawn)
                # Who is signed late uses before: exceptions open, and are resolved by the contract.
                late = SIGNED_LATE if customer % UNSIGNED == UNSIGNED - 1 else timedelta()
                self._unsent.append((at + late, self._contracts[customer]))
        for contract in self._contracts.values():
            if contract.version:
                yield Sent(BILLING, at, contract.invoice(at))

    def _amendments(self, at: datetime) -> Iterator[Sent]:
        """One customer of eight gets other prices; one of three of these from the beginning of the month that is closed."""
        for contract in self._contracts.values():
            draw, back = self._random.randrange(8), self._random.randrange(3)
            if draw or not contract.version:
                continue
            since = month(at.year, at.month - 1) if back == 0 else at
            prices = max(contract.monthly + self._random.randrange(-20, 60), 10), self._random.randrange(20, 200)
            contract.amended(since, *prices)
            yield Sent(CONTRACTS, at, contract.next_version(at))

    def _usage(self, number: int, at: datetime) -> Iterator[Sent]:
        rng = self._random
        customer, meter = rng.randrange(self._size.customers), rng.choice(METERS)
        record: Record = {
            "event_id": f"u-{self._seed}-{number}", "source": SOURCE, "customer_id": f"customer-{customer}",
            "contract_id": None, "meter": meter, "quantity": f"{rng.randrange(1, 400)}.{rng.randrange(100):02d}",
            "event_time": instant(at), "dimensions": [{"key": "region", "value": rng.choice(REGIONS)}],
        }  # fmt: skip
        if not rng.randrange(STRANGE):
            yield Sent(USAGE, at, self._strange(record))
            return
        back = timedelta()
        if not rng.randrange(AFTER_CLOSE):
            back = rng.randrange(10, 30) * DAY
        elif not rng.randrange(LATE):
            back = rng.randrange(2, 30) * HOUR
        record["event_time"] = instant(max(at - back, self._size.start))
        yield Sent(USAGE, at, record)
        if self._recent and not rng.randrange(AGAIN):
            yield Sent(USAGE, at, rng.choice(self._recent))
        self._recent.append(record)
        del self._recent[:-RECENT]

    def _strange(self, record: Record) -> Record | bytes:
        """One that cannot be booked."""
        draw = self._random.randrange(4)
        if draw == 0:
            return {**record, "meter": "seats"}  # no line has it
        if draw == 1:
            return {**record, "customer_id": "stranger"}  # nobody's contract
        return self._random.choice(GARBAGE)
