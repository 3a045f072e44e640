"""`python -m ops.bench.peers`: the peers on a Kafka that is named, or on one that is started for them."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from connectors.kafka.client import Brokers
from ops.bench.feed import FeedSize
from ops.bench.peers.measure import measure
from ops.bench.peers.peer import PEERS
from ops.bench.peers.report import show
from ops.broker.apache import ApacheKafka


def main() -> int:
    """0 when every peer has run and was right."""
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(prog="python -m ops.bench.peers", description=__doc__)
    parser.add_argument(
        "--brokers", metavar="HOST:PORT", help="a Kafka without topics of the peers (else one is started)"
    )
    parser.add_argument("--events", type=int, default=300_000, help="unique usage events")
    parser.add_argument("--customers", type=int, default=100)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1, help="the one with the least CPU counts")
    parser.add_argument("--only", choices=names, nargs="+", default=names, help="these peers")
    parser.add_argument("--json", action="store_true", help="figures as the last line")
    given = parser.parse_args()
    console = Console(highlight=False, stderr=given.json)
    with tempfile.TemporaryDirectory(prefix="accrual-peers-") as folder:
        started = None if given.brokers else ApacheKafka(Path(folder) / "kafka").start()
        try:
            figures = measure(
                Brokers(started.address if started else given.brokers), FeedSize(given.events, given.customers),
                given.partitions, [peer for peer in PEERS if peer.name in given.only], given.rounds, console.print,
            )  # fmt: skip
        finally:
            if started:
                started.stop()
    show(console, figures)
    if given.json:
        print(json.dumps({"peers": figures}))
    return int(any("failed" in one for one in figures.values()))


sys.exit(main())
