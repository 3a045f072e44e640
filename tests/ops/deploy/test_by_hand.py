"""What docker-compose.yml starts, started without an engine: the same commands and settings, on ports and folders of a test."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from ops.broker.apache import ApacheKafka
from ops.broker.errors import BrokerMissing
from ops.ports import free_ports
from ops.registry.apicurio import ApicurioRegistry
from ops.settings import Settings
from tests.ops.deploy.composed import Composed, dockerfile_words, setup_lines
from tests.support import debian, registry
from tests.support.lacking import lacking

ROWS = 3_000  # two days of the generator's business
PATIENCE_S = 180
DIRECT = build_opener(ProxyHandler({}))
# How the brokers of a test listen and where they keep things is the test's own; everything else is the file's.
OWN = ("KAFKA_HEAP_OPTS", "KAFKA_NODE_ID", "KAFKA_PROCESS_ROLES", "KAFKA_LOG_DIRS", "KAFKA_INTER_BROKER_LISTENER_NAME")
SERVERS = {"prometheus": "prometheus", "alertmanager": "alertmanager"}


class Deployment:
    """The services of the file as processes of this machine."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self.folder, self._running = folder, running
        subprocess.run(["bash", "-euc", "\n".join(setup_lines())], cwd=folder, check=True)
        self.composed = Composed.read({"ACCRUAL_SECRETS": str(folder / "secrets")})
        self.token = (folder / "secrets" / "metrics_token").read_text().strip()
        ports = dict(zip(("processor", "prometheus", "alertmanager"), free_ports(3), strict=True))
        self.at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        self.places = {"processor:9464": self.at["processor"], "127.0.0.1:9464": self.at["processor"],
                       "prometheus:9090": self.at["prometheus"], "127.0.0.1:9090": self.at["prometheus"],
                       "alertmanager:9093": self.at["alertmanager"], "127.0.0.1:9093": self.at["alertmanager"]}  # fmt: skip
        self.ports = {"9464": str(ports["processor"])}  # where a port stands alone
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start_brokers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Kafka and registry, the second one on the first."""
        stated = self.composed.services["kafka"]["environment"]
        properties = {
            key.removeprefix("KAFKA_").lower().replace("_", "."): value
            for key, value in stated.items()
            if key not in OWN and "LISTENER" not in key and "CONTROLLER" not in key
        }
        try:
            kafka = ApacheKafka(self.folder / "kafka", properties).start()
        except BrokerMissing as error:
            lacking(error)
        self._running.callback(kafka.stop)
        self.places["kafka:19092"] = kafka.address
        for key, value in self.composed.services["registry"]["environment"].items():
            monkeypatch.setenv(key, self.here(value, "registry"))
        started = registry.started(self.folder / "registry")
        self._running.callback(started.stop)
        self.places["registry:8080"] = started.url.removeprefix("http://").partition("/")[0]
        self.places["127.0.0.1/9000"] = f"127.0.0.1/{_health_port(started)}"

    def here(self, text: str, service: str) -> str:
        """A text of the file with addresses and paths of containers replaced by those of this machine."""
        if text in self.ports:
            return self.ports[text]
        for there, found in self.places.items():
            text = text.replace(there, found)
        mounted = {there: self._source(source) for there, source in self.composed.mounts(service).items()}
        mounted["/tmp"] = str(self.folder)
        longest = "|".join(re.escape(one) for one in sorted(mounted, key=len, reverse=True))
        return re.sub(rf"(?<![\w./-])({longest})(?![\w.-])", lambda found: mounted[found[0]], text)

    def configured(self, service: str, path: str) -> None:
        """A file of the repository that its container has at `path` names hosts and paths of this machine."""
        file = Path(self.here(path, service))
        file.write_text(self.here(file.read_text(), service))

    def _source(self, source: str) -> str:
        if not source.startswith("./"):
            place = self.folder / source if not source.startswith("/") else Path(source)
            if place.parent == self.folder:
                place.mkdir(exist_ok=True)
            return str(place)
        # Files of the repository name hosts, too: a copy names those of this machine.
        copy = self.folder / "mounted" / source
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if Path(source).is_dir() else shutil.copy)(source, copy)
        return str(copy)

    def start(self, service: str, *more: str, words: int | None = None) -> subprocess.Popen[bytes]:
        """Its process; of its command the first `words`, then `more`."""
        stated = self.composed.services[service]
        command = [self.here(word, service) for word in stated["command"]][:words]
        program = [str(debian.tool(SERVERS[service]))] if service in SERVERS else self._entrypoint()
        home = debian.home(SERVERS[service]) if service in SERVERS else self.folder
        environment = {key: self.here(str(value), service) for key, value in stated.get("environment", {}).items()}
        with open(self.folder / f"{service}.log", "ab") as log:
            process = subprocess.Popen(
                [*program, *command, *more], env={**os.environ, **environment}, cwd=home, stdout=log, stderr=log
            )
        self._running.callback(_ended, process)
        self.processes[service] = process
        return process

    def done(self, service: str, *more: str) -> None:
        """A job that ends well; where the file says so (on-failure:5), it is started again."""
        policy, _, again = self.composed.services[service]["restart"].partition(":")
        for _ in range(1 + int(again or 0)):
            if self.start(service, *more).wait(PATIENCE_S) == 0:
                return
        pytest.fail(f"{service} ({policy}): {self.log(service)}")

    def healthy(self, service: str) -> bool:
        """What the file's health check of a service says."""
        kind, *words = self.composed.services[service]["healthcheck"]["test"]
        assert "CMD" == kind
        words = [sys.executable if word == "python" else self.here(word, service) for word in words]
        return 0 == subprocess.run(words, capture_output=True, check=False, env=os.environ).returncode

    def log(self, service: str) -> str:
        """What a service has said last."""
        return (self.folder / f"{service}.log").read_text(errors="replace")[-4_000:]

    def asked(self, service: str, path: str, **query: str) -> Any:
        """What a server answers, as JSON."""
        with DIRECT.open(f"http://{self.at[service]}{path}?{urlencode(query)}", timeout=10) as answer:
            return json.load(answer)

    def value(self, expression: str) -> int | None:
        """What Prometheus says to an expression with one number, None where it knows nothing yet."""
        found = self.asked("prometheus", "/api/v1/query", query=expression)["data"]["result"]
        return int(found[0]["value"][1]) if found else None

    def journal(self) -> int:
        """How many entries are committed."""
        command = [*self._entrypoint(), "topics", "fetch", "--broker", f"kafka://{self.places['kafka:19092']}"]
        environment = {"ACCRUAL_REGISTRY": f"http://{self.places['registry:8080']}/apis/ccompat/v7"}
        done = subprocess.run([*command, "--sink", f"files:{self.folder}/out", "--json"], capture_output=True, check=True,
                              env={**os.environ, **environment})  # fmt: skip
        return json.loads(done.stdout)["records"]["revenue.journal"]

    def _entrypoint(self) -> list[str]:
        program, *words = dockerfile_words("ENTRYPOINT")
        return [str(Path(sys.executable).with_name(program)), *words]

    def await_(self, what: str, come: Any) -> None:
        """Until something is true; a service that ends meanwhile is a failure."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                if come():
                    return
            except (URLError, OSError, HTTPError):
                pass
            for name in ("processor", "prometheus", "alertmanager"):
                one = self.processes.get(name)
                assert one is None or one.poll() is None, f"{name} has ended: {self.log(name)}"
            assert time.monotonic() < end, f"not in {PATIENCE_S} s: {what}"


def _health_port(started: ApicurioRegistry) -> int:
    return started._health


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with ExitStack() as running:
        yield Deployment(tmp_path, running)


@pytest.mark.slow
def test_the_services_of_the_compose_file_work_together(deployment, monkeypatch):
    there = deployment
    monkeypatch.chdir(Path(__file__).parents[3])
    there.start_brokers(monkeypatch)
    assert there.healthy("registry")
    there.done("topics")
    there.done("schemas")
    there.start("processor")
    there.await_("the processor is healthy", lambda: there.healthy("processor"))

    for name in ("alertmanager", "prometheus"):
        there.configured(name, f"/etc/{name}/{name}.yml")
        there.start(name, f"--web.listen-address={there.at[name]}")
    there.done("generator", "--rows", str(ROWS), "--rate", "0")
    assert there.healthy("generator")

    there.await_("the target is up", lambda: {"up"} == _health(there, "accrual"))
    there.await_("all rows are read", lambda: ROWS == there.value("sum(accrual_events_read_total)"))
    there.await_("what is measured is what is committed", lambda: 100 < there.journal() == _entries(there))
    there.await_(
        "the alert manager is known", lambda: [f"http://{there.at['alertmanager']}/api/v2/alerts"] == _managers(there)
    )
    for job in ("alertmanager", "prometheus"):  # a target is unknown until it has been asked for the first time
        there.await_(f"the target {job} is up", lambda job=job: {"up"} == _health(there, job))
    if "metrics_address" in Settings.model_fields:  # the branch of the service brings it
        assert (401, 200) == (_status(there, "not-the-token-of-this"), _status(there, there.token))

    for name in ("processor", "prometheus", "alertmanager"):
        there.processes[name].send_signal(signal.SIGTERM)
        grace = int(there.composed.services[name]["stop_grace_period"].removesuffix("s"))
        assert 0 == there.processes[name].wait(grace), there.log(name)


def _health(there: Deployment, job: str) -> set[str]:
    found = there.asked("prometheus", "/api/v1/targets")["data"]["activeTargets"]
    return {one["health"] for one in found if one["labels"]["job"] == job}


def _managers(there: Deployment) -> list[str]:
    named = there.asked("prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
    return [one["url"] for one in named]


def _entries(there: Deployment) -> int | None:
    return there.value("sum(accrual_journal_entries_total)")


def _status(there: Deployment, token: str) -> int:
    asked = Request(f"http://{there.at['processor']}/metrics", headers={"Authorization": f"Bearer {token}"})
    try:
        with DIRECT.open(asked, timeout=10) as answer:
            return answer.status
    except HTTPError as error:
        return error.code
