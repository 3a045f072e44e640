"""One Apicurio Registry in one process, with a folder of its own, on loopback."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from ops.registry.errors import RegistryMissing
from ops.registry.program import apicurio, java

# One process on a small machine: a small heap, and the collector and compiler that are up soonest.
JAVA = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
LOOK_S, START_S = 0.1, 120


class ApicurioRegistry:
    """A schema registry that can be stopped, killed, paused and started again with what it holds."""

    def __init__(self, folder: Path) -> None:
        """`folder` is its own: what it holds is in there."""
        self._folder = folder
        self._port, self._health = _free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the Confluent API."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def start(self) -> ApicurioRegistry:
        """Start it and wait until it is healthy. RegistryMissing when it ends instead, with its last words."""
        jar = apicurio()
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": self._port,
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": self._health,
            "quarkus.log.level": "WARN",
            "apicurio.datasource.url": f"jdbc:h2:file:{self._folder.resolve() / 'registry'};WRITE_DELAY=0",
        }
        command = [java(), *JAVA, *(f"-D{name}={value}" for name, value in settings.items()), "-jar", str(jar)]
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=subprocess.STDOUT)
        self._await_health()
        return self

    def stop(self) -> None:
        """End it as an operator does, by SIGTERM."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, by SIGKILL."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """It answers no more, and is still there, until it is resumed."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where it was paused."""
        self._send(signal.SIGCONT)

    @property
    def _log(self) -> Path:
        return self._folder / "registry.log"

    def _await_health(self) -> None:
        assert self._process is not None
        direct = build_opener(ProxyHandler({}))
        end = time.monotonic() + START_S
        while self._process.poll() is None:
            try:
                with direct.open(f"http://127.0.0.1:{self._health}/health/ready", timeout=5):
                    return
            except (URLError, OSError):
                time.sleep(LOOK_S)
            if time.monotonic() > end:
                self.kill()
                raise RegistryMissing(f"Apicurio Registry is not healthy after {START_S} s: {self._last_words()}")
        status, self._process = self._process.returncode, None
        raise RegistryMissing(f"Apicurio Registry ended with {status}: {self._last_words()}")

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])

    def _send(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)  # one that is paused hears nothing else
            self._process.send_signal(number)
            self._process.wait()
            self._process = None


def _free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
