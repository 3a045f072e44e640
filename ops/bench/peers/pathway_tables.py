"""The peer on Pathway: groupby for dedupe, windowby, join, persistence; it reads JSON, which its engine parses.

No behavior closes the windows: its watermark is one for all partitions, and drops events of those that are read later (of
300,000 events 274,435 were counted). So each change of a window is said: the old line withdrawn, the new one stated.
"""

from __future__ import annotations

import argparse

import pathway as pw

DAY_MICROS = 86_400_000_000


class Usage(pw.Schema):
    """What the job needs of one usage event."""

    event_id: str
    source: str
    customer_id: str
    meter: str
    quantity: str
    event_time: int


class Contract(pw.Schema):
    """One contract."""

    customer_id: str
    lines: pw.Json


def main() -> None:
    """Run until it is told to stop, or to the end of the topics (--mode static)."""
    given = _given()
    kafka = {"bootstrap.servers": given.brokers, "group.id": given.output, "auto.offset.reset": "earliest"}
    usage = pw.io.kafka.read(
        kafka,
        given.usage,
        schema=Usage,
        format="json",
        mode=given.mode,
        autocommit_duration_ms=given.commit_ms,
        name="usage",
    )
    contracts = pw.io.kafka.read(
        {**kafka, "group.id": f"{given.output}.contracts"}, given.contracts, schema=Contract, format="json",
        mode=given.mode, autocommit_duration_ms=given.commit_ms, name="contracts",
    )  # fmt: skip
    unique = usage.groupby(pw.this.customer_id, pw.this.source, pw.this.event_id).reduce(
        pw.this.customer_id,
        meter=pw.reducers.any(pw.this.meter),
        event_time=pw.reducers.any(pw.this.event_time),
        quantity=pw.reducers.any(pw.this.quantity),
    )
    windows = unique.windowby(
        pw.this.event_time,
        window=pw.temporal.tumbling(duration=DAY_MICROS, origin=0),
        instance=(pw.this.customer_id, pw.this.meter),
    ).reduce(
        customer=pw.reducers.any(pw.this.customer_id),
        meter=pw.reducers.any(pw.this.meter),
        day=pw.this._pw_window_start,
        count=pw.reducers.count(),
        sum=pw.reducers.sum(pw.this.quantity.str.parse_float()),
    )
    flat = contracts.flatten(pw.this.lines)
    rates = flat.select(
        customer=pw.this.customer_id,
        meter=pw.this.lines["rate"]["meter"].as_str(),
        rate=pw.this.lines["rate"]["unit_price"].as_str(),
    )
    result = windows.join_left(rates, pw.left.customer == pw.right.customer, pw.left.meter == pw.right.meter).select(
        pw.left.customer,
        pw.left.meter,
        day=pw.left.day.dt.utc_from_timestamp("us").dt.strftime("%Y-%m-%d"),
        count=pw.left.count,
        sum=pw.left.sum,
        rate=pw.right.rate,
    )
    pw.io.kafka.write(result, {"bootstrap.servers": given.brokers}, given.output, format="json")
    pw.run(
        monitoring_level=pw.MonitoringLevel.NONE,
        persistence_config=pw.persistence.Config(
            pw.persistence.Backend.filesystem(given.state),
            snapshot_interval_ms=given.snapshot_ms,
        )
        if given.snapshot_ms
        else None,
    )


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("brokers", "usage", "contracts", "output", "state", "usage-schema", "contract-schema"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--mode", default="streaming")
    parser.add_argument("--commit-ms", type=int, default=1500)  # its default
    parser.add_argument("--snapshot-ms", type=int, default=5000, help="0: no persistence")
    return parser.parse_args()


main()
