"""One Apache Kafka in one process (KRaft), with a folder of its own, on loopback."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.broker.errors import BrokerMissing
from ops.broker.jars import java, kafka_jars
from ops.ports import free_ports
from ops.server_process import ServerProcess

STARTED = "Kafka Server started"
# One process on a small machine: a small heap, and the collector and compiler that are up soonest.
JAVA = ("-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class ApacheKafka(ServerProcess):
    """A broker that can be stopped, killed, paused and started again with what it holds."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        advertised: int | None = None,
        protocols: Sequence[str] = (),
    ) -> None:
        """`folder` is its own: one that a broker has used goes on as it was. Else `settings` go into server.properties,
        `advertised` is the port that it names to clients where that is not the one on which it listens (a proxy's), and
        it listens for each of `protocols` (SSL, SASL_SSL, SASL_PLAINTEXT) beside the open one, which brokers use themselves.
        """
        self._folder, self._properties = folder, folder / "server.properties"
        if self._properties.exists():
            self._stated = dict(line.split("=", 1) for line in self._properties.read_text().splitlines())
        else:
            self._stated = _properties(folder, advertised, protocols) | dict(settings or {})

    @property
    def address(self) -> str:
        """host:port for clients."""
        return self.address_of("PLAINTEXT")

    def address_of(self, protocol: str) -> str:
        """host:port for clients that use this protocol."""
        named = dict(one.split("://") for one in self._stated["advertised.listeners"].split(","))
        return named[protocol]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._stated["listeners"].split(",")[0].rpartition(":")[2])

    def start(self) -> ApacheKafka:
        """Start it and wait until it serves. BrokerMissing when it ends instead, with its last words."""
        jars = kafka_jars()
        if not self._properties.exists():
            self._format(jars)
        self._process = subprocess.Popen(
            [java(), *JAVA, "-cp", f"{jars}/*", "kafka.Kafka", str(self._properties)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        _Log(self._process, self._folder / "server.log").await_start()
        return self

    def _format(self, jars: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in self._stated.items()))
        # Never with a hyphen at its beginning: the tool would take it for an option.
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=").replace("-", "_")
        done = subprocess.run(
            [java(), "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster,
             "-c", str(self._properties)], capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            self._properties.unlink()
            raise BrokerMissing(f"Apache Kafka could not format {self._folder}: {done.stdout}{done.stderr}")


class _Log:
    """What a broker says, kept in a file as it comes."""

    def __init__(self, process: subprocess.Popen[str], path: Path) -> None:
        self._process, self._path = process, path
        self._known = threading.Event()  # that it serves, or has ended
        self._serves, self._last = False, deque[str](maxlen=20)
        threading.Thread(target=self._copy, daemon=True).start()

    def await_start(self) -> None:
        self._known.wait()
        if not self._serves:
            raise BrokerMissing(f"Apache Kafka ended with {self._process.wait()}: {''.join(self._last)}")

    def _copy(self) -> None:
        assert self._process.stdout is not None
        with open(self._path, "a") as file:
            for line in self._process.stdout:
                file.write(line)
                file.flush()
                self._last.append(line)
                if not self._serves and STARTED in line:
                    self._serves = True
                    self._known.set()
        self._known.set()


def _properties(folder: Path, advertised: int | None, protocols: Sequence[str]) -> dict[str, str]:
    port, controller, *others = free_ports(2 + len(protocols))
    more = "".join(f",{one}://127.0.0.1:{at}" for one, at in zip(protocols, others, strict=True))
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port}{more},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{advertised or port}{more}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,"
        "SASL_PLAINTEXT:SASL_PLAINTEXT",
        "log.dirs": str(folder / "log"),
        # One broker holds every copy that its own topics ask for.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": "3000",  # after a kill its name is free again so soon
        "broker.heartbeat.interval.ms": "500",
        # Records of an earlier year would be gone at the broker's next look, whoever is about to read them.
        "log.retention.ms": "-1",
        "auto.create.topics.enable": "false",  # a misspelt topic is an error, not an empty one
    }
