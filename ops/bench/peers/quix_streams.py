"""The peer on Quix Streams: a stateful filter, a tumbling window and join_asof, with its RocksDB stores and changelogs."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from quixstreams import Application, State
from quixstreams.models import SerializationContext
from quixstreams.models.serializers.avro import AvroDeserializer

WIRE_HEAD = 5
DAY = timedelta(days=1)


class WireFormat(AvroDeserializer):
    """Quix's own Avro deserializer behind Confluent's five bytes, without a registry."""

    def __call__(self, value: bytes, ctx: SerializationContext) -> Any:
        """The record."""
        return super().__call__(value[WIRE_HEAD:], ctx)


def main() -> None:
    """Run until it is told to stop."""
    given = _given()
    app = Application(
        broker_address=given.brokers,
        consumer_group=given.output,
        auto_offset_reset="earliest",
        processing_guarantee=given.guarantee,
        commit_interval=given.commit_s,
        state_dir=given.state,
        loglevel="ERROR",
        consumer_extra_config={"queued.min.messages": 100_000},
        producer_extra_config={"linger.ms": 100},
    )
    usage = app.topic(
        given.usage, key_deserializer="str", value_deserializer=WireFormat(_schema(given.usage_schema)),
        timestamp_extractor=lambda value, headers, timestamp, kind: _millis(value["event_time"]),
    )  # fmt: skip
    contracts = app.topic(
        given.contracts, key_deserializer="str", value_deserializer=WireFormat(_schema(given.contract_schema)),
        timestamp_extractor=lambda value, headers, timestamp, kind: _millis(value["effective_at"]),
    )  # fmt: skip
    out = app.topic(given.output, key_serializer="str", value_serializer="json")
    rates = app.dataframe(contracts).apply(_rates)
    events = app.dataframe(usage).filter(_is_new, stateful=True)
    days = (
        events.tumbling_window(DAY, grace_ms=DAY)
        .reduce(reducer=_add, initializer=lambda one: _add({}, one))
        .final(closing_strategy="partition")
    )
    joined = days.join_asof(rates, how="left", on_merge=lambda window, rates: {**window, "rates": rates or {}})
    joined = joined.apply(lambda window, key, timestamp, headers: _lines(key, window), expand=True, metadata=True)
    joined.to_topic(out)
    app.run()


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("brokers", "usage", "contracts", "output", "state", "usage-schema", "contract-schema"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--guarantee", default="exactly-once")
    parser.add_argument("--commit-s", type=float, default=5)  # its default
    return parser.parse_args()


def _schema(path: str) -> Any:
    return json.loads(Path(path).read_text())


def _millis(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _is_new(one: Any, state: State) -> bool:
    identity = f"{one['source']}|{one['event_id']}"
    if state.exists(identity):
        return False
    state.set(identity, 1)
    return True


def _add(sums: dict[str, list[Any]], one: Any) -> dict[str, list[Any]]:
    """Its state is JSON: sums are texts of decimals, or they would be floats."""
    count, total = sums.get(one["meter"], (0, "0"))
    return {**sums, one["meter"]: [count + 1, str(Decimal(total) + one["quantity"])]}


def _rates(contract: Any) -> dict[str, str]:
    lines = (line["rate"] for line in contract["lines"] if line["rate"])
    return {rate["meter"]: str(rate["unit_price"]) for rate in lines}


def _lines(customer: str, window: Any) -> list[dict[str, Any]]:
    day = datetime.fromtimestamp(window["start"] / 1000, UTC).date().isoformat()
    return [
        {
            "customer": customer, "meter": meter, "day": day, "count": count, "sum": total,
            "rate": window["rates"].get(meter),
        }
        for meter, (count, total) in window["value"].items()
    ]  # fmt: skip


main()
