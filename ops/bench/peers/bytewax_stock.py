"""The peer on Bytewax as its documentation has it: KafkaSource, stateful_map, fold_window, join, KafkaSink, recovery store.

Messages are decoded with fastavro itself, behind the five bytes of Confluent's wire format: faster than Confluent's
deserializer, and without a registry.
"""

from __future__ import annotations

import argparse
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower
from bytewax.recovery import RecoveryConfig, init_db_dir
from fastavro import parse_schema, schemaless_reader

WIRE_HEAD = 5
ALIGNED = datetime(2020, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def main() -> None:
    """Run to the end of the topics."""
    given = _given()
    flow = Dataflow("peer")
    usage, contracts = _reader(given.usage_schema), _reader(given.contract_schema)
    source = KafkaSource([given.brokers], [given.usage], tail=False, batch_size=given.batch)
    events = op.map("decode", op.input("usage", flow, source), usage)
    keyed = op.key_on("customer", events, lambda one: one["customer_id"])
    unique = op.filter_value("unique", op.stateful_map("dedupe", keyed, _dedupe), lambda one: one is not None)
    clock: EventClock[Any] = EventClock(
        lambda one: one["event_time"],
        wait_for_system_duration=DAY,
        to_system_utc=lambda _: None,  # its default wakes up again and again for event times in the past
    )
    days = win.fold_window(
        "days", unique, clock, TumblingWindower(length=DAY, align_to=ALIGNED), dict, _add, _merge, ordered=False
    )
    terms = op.map(
        "terms", op.input("contracts", flow, KafkaSource([given.brokers], [given.contracts], tail=False)), contracts
    )
    rates = op.map("rates", terms, lambda one: (one["customer_id"], _rates(one)))
    joined = op.join("join", rates, days.down, emit_mode="running")
    lines = op.flat_map("lines", joined, _lines)
    op.output("out", lines, KafkaSink([given.brokers], given.output))
    store = Path(given.state)
    store.mkdir(parents=True)
    init_db_dir(store, 1)
    cli_main(
        flow,
        workers_per_process=1,
        epoch_interval=timedelta(seconds=given.epoch_s),
        recovery_config=RecoveryConfig(store),
    )


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("brokers", "usage", "contracts", "output", "state", "usage-schema", "contract-schema"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--epoch-s", type=float, default=10)  # its default
    return parser.parse_args()


def _reader(path: str) -> Any:
    schema = parse_schema(json.loads(Path(path).read_text()))

    def read(message: KafkaSourceMessage[Any, Any]) -> Any:
        return schemaless_reader(io.BytesIO(message.value[WIRE_HEAD:]), schema, None)

    return read


def _dedupe(seen: set[tuple[str, str]] | None, one: Any) -> tuple[set[tuple[str, str]], Any]:
    seen = set() if seen is None else seen
    identity = one["source"], one["event_id"]
    if identity in seen:
        return seen, None
    seen.add(identity)
    return seen, one


def _add(sums: dict[str, tuple[int, Decimal]], one: Any) -> dict[str, tuple[int, Decimal]]:
    count, total = sums.get(one["meter"], (0, Decimal(0)))
    sums[one["meter"]] = count + 1, total + one["quantity"]
    return sums


def _merge(
    first: dict[str, tuple[int, Decimal]], second: dict[str, tuple[int, Decimal]]
) -> dict[str, tuple[int, Decimal]]:
    for meter, (count, total) in second.items():
        known, so_far = first.get(meter, (0, Decimal(0)))
        first[meter] = known + count, so_far + total
    return first


def _rates(contract: Any) -> dict[str, Decimal]:
    lines = (line["rate"] for line in contract["lines"] if line["rate"])
    return {rate["meter"]: rate["unit_price"] for rate in lines}


def _lines(item: tuple[str, tuple[Any, Any]]) -> list[KafkaSinkMessage[bytes, bytes]]:
    customer, (rates, window) = item
    if window is None:
        return []
    number, sums = window
    day = (ALIGNED + number * DAY).date().isoformat()
    return [
        KafkaSinkMessage(
            customer.encode(),
            json.dumps(
                {
                    "customer": customer, "meter": meter, "day": day, "count": count, "sum": str(total),
                    "rate": str(rates[meter]) if rates and meter in rates else None,
                }
            ).encode(),
        )
        for meter, (count, total) in sums.items()
    ]  # fmt: skip


main()
