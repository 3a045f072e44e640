"""A Prometheus of the test's own, with the repository's rules, and what it says."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import yaml

from ops.ports import free_ports
from tests.observability.shortened import shortened
from tests.support.debian import tool

PATIENCE_S = 150
LOOK_S = 0.2
STARTING = 503
_direct = build_opener(ProxyHandler({}))
Sample = tuple[dict[str, str], float]


class Prometheus:
    """It scrapes and judges every second."""

    def __init__(self, folder: Path, targets: Mapping[str, Sequence[str]]) -> None:
        """`targets`: addresses by the name of the job."""
        self._folder, self._process = folder, None
        [self._port] = free_ports(1)
        shortened(folder / "rules")
        jobs = [
            {"job_name": job, "static_configs": [{"targets": list(addresses)}]} for job, addresses in targets.items()
        ]
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config = {"global": every, "rule_files": ["rules/*.yml"], "scrape_configs": jobs}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.began = time.time()

    @property
    def url(self) -> str:
        """For whoever draws what it holds."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Prometheus:
        command = [
            tool("prometheus"), f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}", f"--web.listen-address=127.0.0.1:{self._port}", "--log.level=warn",
        ]  # fmt: skip
        with open(self._folder / "prometheus.log", "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            self.until(lambda: self._get("/-/ready") is not None, "Prometheus is ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()

    # -- what it says

    def ask(self, expr: str) -> list[Sample]:
        """An expression now; what is no number is left out."""
        found = json.loads(self._get("/api/v1/query", query=expr))["data"]["result"]
        samples = [(one["metric"], float(one["value"][1])) for one in found]
        return [one for one in samples if not math.isnan(one[1])]

    def value(self, expr: str) -> float:
        """The sum of what an expression gives now."""
        return sum(value for _, value in self.ask(expr))

    def by(self, expr: str, *labels: str) -> dict[tuple[str, ...], float]:
        """What an expression gives now, by labels."""
        return {tuple(found.get(label, "") for label in labels): value for found, value in self.ask(expr)}

    def drawn(self, expr: str) -> list[Sample]:
        """The last number of each series of an expression, from the beginning until now."""
        answer = self._get("/api/v1/query_range", query=expr, start=self.began, end=time.time(), step=1)
        found = []
        for one in json.loads(answer)["data"]["result"]:
            numbers = [float(value) for _, value in one["values"] if not math.isnan(float(value))]
            found += [(one["metric"], numbers[-1])] if numbers else []
        return found

    def fired(self) -> set[str]:
        """The alerts that have fired at some time."""
        return {
            name
            for (name,) in self.by(
                'count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[1h]))', "alertname"
            )
        }

    def firing(self) -> set[str]:
        """The alerts that fire."""
        found = json.loads(self._get("/api/v1/alerts"))["data"]["alerts"]
        return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}

    # -- waiting for it

    def until(
        self,
        come: Callable[[], Any],
        what: str,
        meanwhile: Callable[[], Any] | None = None,
        seconds: float = PATIENCE_S,
        look_s: float = LOOK_S,
    ) -> None:
        """Until something is true; `meanwhile` is done between two looks."""
        end = time.monotonic() + seconds
        while not self._came(come):
            assert self._process.poll() is None, (self._folder / "prometheus.log").read_text()[-4_000:]
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            if meanwhile is not None:
                meanwhile()
            time.sleep(look_s)

    def until_fired(self, *names: str, meanwhile: Callable[[], Any] | None = None) -> None:
        """Until each of these alerts has fired."""
        missing = set(names)

        def come() -> bool:
            missing.difference_update(self.fired())
            return not missing

        try:
            self.until(come, "", meanwhile)
        except AssertionError as error:
            raise AssertionError(f"not fired: {sorted(missing)}") from error

    def until_clear(self, *names: str, seconds: float = PATIENCE_S) -> None:
        """Until none of these alerts fires."""
        try:
            self.until(lambda: not self.firing().intersection(names), "", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"still firing: {sorted(self.firing().intersection(names))}") from error

    def _came(self, come: Callable[[], Any]) -> bool:
        try:
            return bool(come())
        except HTTPError as error:
            if error.code == STARTING:
                return False
            raise AssertionError(error.read().decode()) from error
        except (URLError, OSError):
            return False

    def _get(self, path: str, **query: Any) -> bytes:
        with _direct.open(f"{self.url}{path}?{urlencode(query)}", timeout=30) as answer:
            return answer.read()
