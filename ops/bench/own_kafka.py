"""What a benchmark on Kafka has for itself while it runs: a folder and an Apache Kafka in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from ops.bench.feed import FeedSize
from ops.broker.apache import ApacheKafka


@contextmanager
def own_kafka(console: Console, size: FeedSize, busy: str = "") -> Iterator[tuple[Path, ApacheKafka]]:
    """Both, and people are told what is run on them; `busy`: in which partitions the usage is."""
    root = Path(tempfile.mkdtemp(prefix="accrual-bench-"))
    started = ApacheKafka(root / "kafka").start()
    try:
        console.print(
            f"{size.events:,} usage events of {size.customers:,} customers{busy}, seed {size.seed}; Apache Kafka at "
            f"{started.address}"
        )
        yield root, started
    finally:
        started.stop()
        shutil.rmtree(root, ignore_errors=True)
