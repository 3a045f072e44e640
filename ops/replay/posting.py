"""Sending what a replay has found to the service, which posts it once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from accounting.journal import entry_id
from accounting.money import major_text
from connectors.kafka.control_writer import ControlWriter
from dataflows.rules import rules_digest
from ops.replay.differences import Difference
from ops.replay.service import Service
from schemas.instants import instant_text
from schemas.topics import CONTROL

SOURCE = "accrual-replay"
ROWS_AT_ONCE = 2_000  # of one record, some 500 KB: brokers take 1 MB unless they are told otherwise
PATIENCE_S, LOOK_S = 30, 0.25


class Unbalanced(ValueError):
    """What is posted does not balance, so that nothing that balances takes it to what it should be."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The records in control.events."""

    reference: str
    offsets: tuple[int, ...]
    applied: bool  # by every shard of the service


def post(service: Service, found: list[Difference], wait: Callable[[str], None]) -> Sent:
    """Send the differences as corrections and wait a while for the service to post them. Unbalanced; SourceUnusable."""
    _check(found)
    reference = f"replay-{_content(found)[:16]}"
    writer = ControlWriter(service.brokers, service.schemas.numbers)
    offsets = tuple(
        writer.write({
            "event_id": f"{reference}-{number}",
            "source": SOURCE,
            "event_time": instant_text(time.time_ns() // 1_000),
            "kind": "correction",
            "correlation_id": reference,
            "rules": rules_digest(),
            "postings": [_row(one) for one in part],
        })
        for number, part in enumerate(_parts(found))
    )  # fmt: skip
    return Sent(reference, offsets, _applied(service, offsets[-1], wait))


def _check(found: list[Difference]) -> None:
    for line, group in groupby(found, key=_line):
        rows = list(group)
        if sum(one.amount for one in rows) or sum(one.functional for one in rows):
            raise Unbalanced(
                f"posted entries of line {line[6]} of contract {line[5]} in {line[3]} do not balance: no correction that does "
                "takes them to what they should be; find the entry that somebody has changed (differences.jsonl names them)"
            )


def _line(one: Difference) -> tuple[str, ...]:
    return one.key[:-1]


def _parts(found: list[Difference]) -> Iterator[list[Difference]]:
    """Never half of a line: each record balances."""
    part: list[Difference] = []
    for _, group in groupby(found, key=_line):
        rows = list(group)
        if part and len(part) + len(rows) > ROWS_AT_ONCE:
            yield part
            part = []
        part += rows
    if part:
        yield part


def _content(found: list[Difference]) -> str:
    """Of what it says, the same for the same differences on the same books."""
    sums = (str((*one.key, one.posted.amount, one.posted.functional, one.amount, one.functional)) for one in found)
    return entry_id("replay", *sums)


def _row(one: Difference) -> dict[str, object]:
    key = one.key
    return {
        "entity": key.entity, "currency": key.currency, "functional_currency": key.functional_currency,
        "period": key.period, "account": key.account, "customer_id": key.customer_id,
        "contract_id": key.contract_id or None, "line_id": key.line_id or None, "product_id": one.product_id or None,
        "amount": major_text(one.amount, key.currency),
        "functional_amount": major_text(one.functional, key.functional_currency),
    }  # fmt: skip


def _applied(service: Service, offset: int, wait: Callable[[str], None]) -> bool:
    """Whether the service has taken a control record up; asked for a while, as nobody may be running."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_S:
        noted = service.lines()
        if noted and all(lines and lines[-1].offset >= offset for lines in noted.values()):
            return True
        if service.positions([(CONTROL, 0)]).get((CONTROL, 0), 0) > offset:
            return True
        wait("waiting for the service to post the corrections")
        time.sleep(LOOK_S)
    return False
