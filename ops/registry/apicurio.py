"""One Apicurio Registry in one process, with a folder of its own, on loopback."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from ops.ports import free_ports
from ops.registry.errors import RegistryMissing
from ops.registry.program import apicurio, java
from ops.server_process import ServerProcess

# One process on a small machine: a small heap, and the collector and compiler that are up soonest.
JAVA = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
LOOK_S, START_S = 0.1, 120


class ApicurioRegistry(ServerProcess):
    """A schema registry that can be stopped, killed, paused and started again with what it holds."""

    def __init__(self, folder: Path) -> None:
        """`folder` is its own: what it holds is in there."""
        self._folder = folder
        self._port, self._health = free_ports(2)

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
