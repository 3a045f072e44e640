"""A service on a Kafka as a process of its own, for benchmarks that need one that runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from connectors.kafka.client import Brokers
from ops.ports import free_ports

LOOK_S = 0.01


class Service:
    """`accrual run --follow`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process, self._port, self._log = process, port, log

    def ready(self, seconds: float) -> float:
        """Seconds until it says that it has caught up. OSError when it does not."""
        began = time.monotonic()
        while time.monotonic() < began + seconds and self._process.poll() is None:
            with suppress(OSError, HTTPException):
                connection = HTTPConnection("127.0.0.1", self._port, timeout=1)
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    return time.monotonic() - began
            time.sleep(LOOK_S)
        raise OSError(f"the service is not ready after {seconds:g} s: {self._log.read_text()[-500:]}")


@contextmanager
def service(brokers: Brokers, state: Path, **settings: object) -> Iterator[Service]:
    """Runs while the block does."""
    [port], log = free_ports(1), state.with_suffix(".log")
    named = {f"ACCRUAL_{name.upper()}": str(value) for name, value in {**settings, "metrics_port": port}.items()}
    command = [str(Path(sys.executable).with_name("accrual")), "run", "--source", str(brokers), "--sink", str(brokers),
               "--state", str(state), "--follow"]  # fmt: skip
    with open(log, "wb") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told, env={**os.environ, **named})
    try:
        yield Service(process, port, log)
    finally:
        process.terminate()
        process.wait()
