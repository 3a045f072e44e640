"""Random answers of an ERP to the entries of a journal: late, again, rejected, of other amounts, and of nobody's entries."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.support.moments import START, instant

GARBAGE = (b"", b"[1]", b'{"entry_id": "x"}', b'{"entry_id":"x","status":"maybe","posted_at":"2025-01-01T00:00:00Z"}')


def answers(seed: int, entries: Iterable[dict[str, Any]]) -> dict[int, list[bytes]]:
    """Lines by partition; those of one entry are all in one, some of them name its customer."""
    rng = random.Random(f"{seed} answers")
    partitions: dict[int, list[bytes]] = {number: [] for number in range(rng.randint(1, 3))}
    drawn: list[dict[str, Any]] = []
    for entry in entries:
        if rng.random() < 0.2:
            continue  # it is never answered
        named = entry["customer_id"] if rng.random() < 0.5 else None
        debits = sum(Decimal(one["amount"]) for one in entry["lines"] if one["side"] == "debit")
        day = datetime.fromisoformat(entry["accounting_date"]) + timedelta(days=1, minutes=rng.randint(0, 3_000))
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            drawn.append(_answer(rng, entry["entry_id"], day, debits, named))
            day += timedelta(minutes=rng.choice((0, 1, 5_000)))
    for number in range(rng.randint(2, 8)):
        name = rng.choice((f"{rng.getrandbits(128):032x}", f"document {number}"))
        day = START + timedelta(days=rng.randint(0, 200))
        drawn.append(_answer(rng, name, day, Decimal(number), rng.choice((None, "c0", "nobody"))))
    drawn += rng.sample(drawn, len(drawn) // 5)  # delivered again
    # Mostly in the order of time; some come long after they were written.
    for record in sorted(drawn, key=lambda one: (str(one["posted_at"]), rng.random() < 0.9)):
        lines = partitions[hash_of(record["entry_id"]) % len(partitions)]
        lines.insert(len(lines) if rng.random() < 0.9 else rng.randint(0, len(lines)), json.dumps(record).encode())
        if rng.random() < 0.02:
            lines.append(rng.choice(GARBAGE))
    return partitions


def hash_of(name: str) -> int:
    """The same in every process."""
    return sum(name.encode())


def _answer(rng: random.Random, name: str, at: datetime, amount: Decimal, customer: str | None) -> dict[str, Any]:
    given = rng.choice((str(amount), str(amount), str(amount), None, str(amount + Decimal("0.01"))))
    status = rng.choice(("posted", "posted", "rejected"))
    return {
        "entry_id": name, "status": status, "posted_at": instant(at), "amount": given, "customer_id": customer,
        "erp_id": f"doc {rng.randint(1, 99)}", "reason": "closed" if status == "rejected" else None,
    }  # fmt: skip
