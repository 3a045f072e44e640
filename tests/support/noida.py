"""A small broker for machines without Java or Maven: the same protocol, and no Kafka."""

import importlib.util
import subprocess
from pathlib import Path

from ops.broker.errors import BrokerMissing
from ops.ports import free_ports
from ops.server_process import ServerProcess


class NoidaDb(ServerProcess):
    """As ops.broker.apache.ApacheKafka, for tests alone: it tells no topic ids and no rights."""

    def __init__(self, folder: Path) -> None:
        found = importlib.util.find_spec("noida_db")
        if found is None or found.origin is None:
            raise BrokerMissing("neither Apache Kafka nor noida-db is there: make setup installs the latter")
        self._program = Path(found.origin).with_name("noida-db")
        [self._port] = free_ports(1)
        self._folder = folder

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> "NoidaDb":
        """Start it and wait until it serves."""
        words = ["start", "--only", "kafka", "--kafka-port", str(self._port), "--data-dir", str(self._folder)]
        self._process = subprocess.Popen([self._program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"press Ctrl-C" in line:
                return self
        raise BrokerMissing(f"noida-db ended with {self._process.wait()}")
