"""A service as a process of its own, for benchmarks that need one that runs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from ops.bench.process import COMMAND, with_settings
from ops.ports import free_ports

LOOK_S = 0.01


class Service:
    """`accrual run --follow`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process, self._port, self._log = process, port, log

    def ready(self, seconds: float, look_s: float = LOOK_S) -> float:
        """Seconds until it says that it has caught up, asked every `look_s`. OSError when it does not in so many `seconds`."""
        return self._says("ready", seconds, look_s)

    def opened(self, seconds: float) -> float:
        """Seconds until it says that books and sink are open: it works, whatever it is behind. OSError as above."""
        return self._says("opened", seconds, LOOK_S)

    def _says(self, what: str, seconds: float, look_s: float) -> float:
        began = time.monotonic()
        while time.monotonic() < began + seconds and self._process.poll() is None:
            with suppress(OSError, HTTPException):
                connection = HTTPConnection("127.0.0.1", self._port, timeout=1)
                connection.request("GET", "/ready", headers={"Accept": "application/json"})
                if json.loads(connection.getresponse().read())[what]:
                    return time.monotonic() - began
            time.sleep(look_s)
        raise OSError(f"the service is not {what} after {seconds:g} s: {self._log.read_text()[-500:]}")


@contextmanager
def service(source: str, sink: str, state: Path, **settings: object) -> Iterator[Service]:
    """Runs while the block does; on a metrics port of its own, unless the settings have one."""
    port, log = settings.get("metrics_port") or free_ports(1)[0], state.with_suffix(".log")
    command = [COMMAND, "run", "--source", source, "--sink", sink, "--state", str(state), "--follow"]
    with open(log, "wb") as told:
        process = subprocess.Popen(
            command, stdout=told, stderr=told, env=with_settings({**settings, "metrics_port": port})
        )
    try:
        yield Service(process, int(str(port)), log)
    finally:
        process.terminate()
        process.wait()
