"""A Prometheus with the data of the whole course: `python -m tests.observability.live` says where."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.observability.course import play
from tests.observability.prometheus import Prometheus
from tests.observability.scene import scene


@contextmanager
def live(folder: Path) -> Iterator[Prometheus]:
    """After some minutes of all that can happen; `url` is where it answers, `began` when (Unix time) its data begin."""
    with scene(folder) as there:
        play(there)
        yield there.prometheus


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="accrual-live-") as name, live(Path(name)) as prometheus:
        print(f"{prometheus.url} has data of the last {time.time() - prometheus.began:.0f} s", flush=True)
        input("Enter ends it\n")
