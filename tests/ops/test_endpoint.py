"""The endpoint of real runs, scraped over HTTP while they follow files: it says what the books say."""

from __future__ import annotations

import json
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from connectors.step import STEPS
from dataflows.tally import Tally
from tests.campaign.disturbed import all_children, gone
from tests.connectors.test_files_follow import CONTRACTS, CONTROL, PATIENCE_S, USAGE, Followed, clock, close, day
from tests.support.driven import contract
from tests.support.process import Ended, accrual, environment
from tests.support.scraped import Scraped, files_say, ports_in_a_row

# What `--json` counts, and the metric that says the same.
COUNTS = {
    "read": "accrual_events_read_total",
    "counted": "accrual_events_counted_total",
    "duplicates": "accrual_events_duplicate_total",
    "late": "accrual_events_late_total",
    "parked": "accrual_events_parked",
    "unplaced": "accrual_events_unplaced",
    "expired": "accrual_events_expired_total",
    "entries": "accrual_journal_entries_total",
}


class Watched(Followed):
    """A followed directory whose run is scraped, on one port for each worker."""

    def __init__(self, root: Path, workers: int = 1) -> None:
        super().__init__(root)
        self.workers, self.port = workers, ports_in_a_row(workers)
        self.lines: dict[str, int] = {CONTRACTS: 1}

    def add(self, name: str, *records: object) -> None:
        super().add(name, *records)
        if hasattr(self, "lines"):
            self.lines[name] = self.lines.get(name, 0) + len(records)

    def served(self, *more: str):  # type: ignore[no-untyped-def]
        """While the process runs and serves."""
        return self.run("--metrics-port", str(self.port), "--workers", str(self.workers), *more)

    def scrape(self) -> Scraped:
        """All processes of the run, once they all answer."""
        found = Scraped("")
        for port in range(self.port, self.port + self.workers):
            one: Scraped | None = None
            while one is None:
                try:
                    one = Scraped.at(port)
                except (OSError, HTTPException):
                    assert self.process.poll() is None, self.process.stderr.read()
            found += one
        return found

    def scraped_when(self, come: Callable[[Scraped], bool]) -> Scraped:
        """The first scrape of which something is true; every one before adds up and never goes back."""
        deadline, before = time.monotonic() + PATIENCE_S, self.scrape()
        while not come(before):
            assert time.monotonic() < deadline, before.samples
            now = self.scrape()
            assert now.adds_up()
            assert not fallen(before, now)
            before = now
        return before

    def all_applied(self, now: Scraped) -> bool:
        """Whether every line of every topic has been applied, and what it said is written."""
        wanted = {(name.removesuffix(".jsonl"), "0"): count * self.workers for name, count in self.lines.items()}
        return wanted == offsets(now) and files_say(self.sink, self.source)["records"] == now.books()["records"]


def offsets(now: Scraped) -> dict[tuple[str, ...], Decimal]:
    """How far each partition is applied, added up over the processes."""
    return now.by("accrual_applied_offset", "topic", "partition")


def fallen(before: Scraped, now: Scraped) -> list[str]:
    """Counters that went back."""
    old = {(one.name, tuple(sorted(one.labels.items()))): one.value for one in before.samples}
    return [
        one.name
        for one in now.samples
        if one.name.startswith("accrual_")
        and one.name.endswith("_total")
        and one.name != "accrual_step_cpu_seconds_total"  # of a process, and it is another one
        and one.value < old.get((one.name, tuple(sorted(one.labels.items()))), 0)
    ]


def messy(watched: Watched, seed: int, first: int, last: int) -> None:
    """Days of usage with duplicates, conflicts, late and unreadable lines and usage of customers without a contract."""
    rng = random.Random(seed)
    for number in range(first, last + 1):
        records = []
        for at in range(rng.randint(5, 40)):
            name = f"e{number}-{at}"
            customer = rng.choice(("c", "c", "d", "nobody"))
            records.append(day(number, name, customer=customer))
            if rng.random() < 0.2:
                records.append(records[-1])
            if rng.random() < 0.1:
                records.append({**records[-1], "quantity": "4"})
            if number > 3 and rng.random() < 0.1:
                records.append(day(number - 2, f"late-{name}"))
            if rng.random() < 0.1:
                records.append({"event_id": name})
        watched.add(USAGE, *records)


def agrees(now: Scraped, ended: Ended) -> None:
    """The last scrape says what the state's tally says."""
    assert ended.code == 0, ended.said
    printed = json.loads(ended.printed)
    assert {name: printed[name] for name in COUNTS} == {name: now.sum(metric) for name, metric in COUNTS.items()}
    excepted = now.by("accrual_events_excepted_total", "class")
    assert printed["conflicts"] == excepted[("identity_conflict",)]
    assert printed["conflicts"] + printed["rejected"] == sum(excepted.values())


def silent(port: int) -> bool:
    """Whether nobody listens."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """With one worker."""
    return Watched(tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_following_run_says_what_the_books_say_also_after_restarts_and_deaths(tmp_path: Path, workers: int) -> None:
    watched = Watched(tmp_path, workers)
    watched.add(CONTRACTS, contract("2025-01-01T00:00:00Z", "k2", price="0.33", k="k2", customer="d", entity="de"))
    messy(watched, 1, 1, 6)
    with watched.served():
        watched.scraped_when(watched.all_applied)
        messy(watched, 2, 7, 9)
        watched.add(CONTROL, clock(9))
        now = watched.scraped_when(watched.all_applied)
        assert files_say(watched.sink, watched.source) == now.books()
        assert {"de", "us"} == {entity for _, entity, _, _ in now.books()["entries"]}
        ended = watched.stop()
    agrees(now, ended)
    before = now
    with watched.served():  # a restart
        now = watched.scraped_when(watched.all_applied)
        assert (before.books(), before.events("shard")) == (now.books(), now.events("shard"))
        messy(watched, 3, 10, 16)
        read = now.sum("accrual_events_read_total")
        watched.scraped_when(lambda one: one.sum("accrual_events_read_total") > read)
        workers_of = all_children(watched.process, workers) if workers > 1 else []
        watched.process.kill()
        gone(workers_of)
    messy(watched, 4, 17, 20)
    watched.add(CONTRACTS, contract("2025-01-01T00:00:00Z", "k3", price="1", k="k3", customer="nobody", entity="de"))
    with watched.served():  # after a death
        watched.scraped_when(watched.all_applied)
        watched.add(CONTROL, close())
        now = watched.scraped_when(watched.all_applied)
        assert files_say(watched.sink, watched.source) == now.books()
        assert now.sum("accrual_exceptions_resolved_total") > 0
        assert not fallen(before, now)
        agrees(now, watched.stop())


def test_the_way_of_an_event_to_the_journal_is_measured_while_it_is_followed(watched: Watched) -> None:
    with watched.served():
        watched.add(USAGE, day(1, "a"), day(2, "b"))
        watched.until("01.1")
        now = watched.scraped_when(lambda one: one.sum("accrual_event_to_journal_seconds_count") == 1)
        took = now.by("accrual_event_to_journal_seconds_sum")[()]
        assert 0 < took < PATIENCE_S
        watched.add(CONTROL, clock(3))
        watched.until("01.1", "02.1")
        again = watched.scraped_when(lambda one: one.sum("accrual_event_to_journal_seconds_count") == 2)
        # A control record is on its way no longer than it was there.
        assert again.by("accrual_event_to_journal_seconds_sum")[()] - took < PATIENCE_S
        steps = again.by("accrual_step_seconds_count", "step")
        assert set(STEPS) == {step for (step,), count in steps.items() if count}
        assert watched.stop().code == 0


def test_the_process_and_the_state_are_measured(watched: Watched) -> None:
    with watched.served():
        now = watched.scraped_when(watched.all_applied)
        assert now.sum("process_resident_memory_bytes") > 1 << 20
        assert all(size > 0 for size in now.by("accrual_state_bytes", "shard").values())
        assert {("0",), ("1",)} == now.by("accrual_state_bytes", "shard").keys()
        assert watched.stop().code == 0


def test_the_endpoint_ends_with_the_run(watched: Watched) -> None:
    for _ in range(2):  # the port is free at once
        with watched.served():
            watched.scrape()
            assert watched.stop().code == 0
        assert silent(watched.port)


@pytest.mark.parametrize("workers", [1, 2])
def test_new_partitions_neither_end_the_endpoint_nor_reset_a_count(tmp_path: Path, workers: int) -> None:
    """The run begins anew with them."""
    watched = Watched(tmp_path, workers)
    with watched.served():
        for number in range(2):
            watched.add(f"usage.events/{number}.jsonl", day(1 + number, f"u{number}"))
            everywhere = {("usage.events", str(known)): workers for known in range(number + 1)}
            now = watched.scraped_when(lambda one, wanted=everywhere: wanted.items() <= offsets(one).items())
            assert number + 1 == now.sum("accrual_events_read_total")
        assert {("0",), ("1",)} == now.by("accrual_events_read_total", "shard").keys()
        assert watched.stop().code == 0


# -- what it answers


@pytest.fixture
def answering(watched: Watched) -> Iterator[Watched]:
    """A run that serves."""
    with watched.served():
        watched.scrape()
        yield watched
        assert watched.stop().code == 0


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
    """Status, media type and content."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.headers["Content-Type"], answer.read().decode()
    connection.close()
    return found


def test_the_format_is_the_one_that_the_scraper_asks_for(answering: Watched) -> None:
    status, kind, text = ask(answering.port, "/metrics?x=1")
    assert (200, "text/plain; version=0.0.4; charset=utf-8") == (status, kind)
    assert Scraped(text).families
    status, kind, text = ask(answering.port, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert (200, True) == (status, kind.startswith("application/openmetrics-text; version=1.0.0"))
    assert list(text_string_to_metric_families(text))
    assert (200, "") == ask(answering.port, "/metrics", "HEAD")[::2]


def test_other_pages_and_methods_are_refused(answering: Watched) -> None:
    assert (404, "nothing here; there is /metrics, /status, /live, /ready\n") == ask(answering.port, "/")[::2]
    assert 501 == ask(answering.port, "/metrics", "POST")[0]


def test_clients_that_hang_up_or_say_nothing_hold_up_nobody(watched: Watched) -> None:
    with watched.served():
        watched.scrape()
        hanging = [socket.create_connection(("127.0.0.1", watched.port)) for _ in range(20)]
        for one in hanging[:10]:
            one.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            one.close()
        assert 200 == ask(watched.port, "/metrics")[0]
        ended = watched.stop()
        assert (0, "") == (ended.code, ended.said)
    for one in hanging[10:]:
        one.close()


def test_it_listens_on_the_loopback_address_only(answering: Watched) -> None:
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if line.split()[3] == "0A" and int(port, 16) == answering.port:
                listening.append(address)
    assert ["0100007F"] == listening


# -- live and ready


def answers(watched: Watched, path: str, **headers: str) -> list[tuple[int, str, str]]:
    """Of every process of a run."""
    return [ask(port, path, **headers) for port in range(watched.port, watched.port + watched.workers)]


@pytest.mark.parametrize("workers", [1, 2])
def test_it_lives_and_is_ready_once_what_was_there_is_booked(tmp_path: Path, workers: int) -> None:
    watched = Watched(tmp_path, workers)
    messy(watched, 1, 1, 20)
    watched.add(CONTROL, clock(2))
    with watched.served("--batch-rows", "5"):
        deadline, statuses = time.monotonic() + PATIENCE_S, [[0] * workers]
        watched.scrape()  # they answer
        while statuses[-1] != [200] * workers:
            statuses.append([status for status, _, _ in answers(watched, "/ready")])
            assert time.monotonic() < deadline, answers(watched, "/ready")
            assert {200} == {status for status, _, _ in answers(watched, "/live")}
        assert offsets(watched.scrape())["usage.events", "0"] == watched.lines[USAGE] * workers
        assert {503, 200} >= {status for found in statuses[1:] for status in found}
        texts = [text for _, _, text in answers(watched, "/ready")]
        assert all(one.startswith("ready: what was there at the start is booked, of ") for one in texts)
        said = [json.loads(text) for _, _, text in answers(watched, "/ready", Accept="application/json")]
        assert [{"ready": True, "opened": True, "behind": {}}] * workers == said
        [(_, kind, text), *_] = answers(watched, "/live", Accept="application/json")
        assert ("application/json", True, 600_000) == (kind, *(json.loads(text)[key] for key in ("live", "allowed_ms")))
        messy(watched, 2, 21, 22)  # what comes later does not make it unready
        assert {200} == {status for status, _, _ in answers(watched, "/ready")}
        assert watched.stop().code == 0


# -- ports


def refused(watched: Watched, *more: str) -> Ended:
    """A run that does not begin."""
    env = environment(ACCRUAL_SHARDS="2")
    ended = accrual(*watched.words("--metrics-port", str(watched.port), *more), cwd=watched.root, env=env)
    assert (2, "") == (ended.code, ended.printed)
    assert not watched.sink.exists()
    return ended


def test_a_port_in_use_is_refused_before_anything_is_done(watched: Watched) -> None:
    with socket.create_server(("127.0.0.1", watched.port)):
        ended = refused(watched)
    port = watched.port
    assert ended.told == (
        f"accrual run: setting metrics_port has the value {port}: cannot serve metrics on 127.0.0.1:{port}: "
        f"{os.strerror(98)}; the run needs 1 free port from metrics_port on: stop what uses {port}, or name another"
    )


def test_every_worker_has_its_port_or_none_begins(tmp_path: Path) -> None:
    watched = Watched(tmp_path, 2)
    with socket.create_server(("127.0.0.1", watched.port + 1)):
        ended = refused(watched, "--workers", "2")
    assert f"cannot serve metrics on 127.0.0.1:{watched.port + 1}" in ended.told
    assert "the run needs 2 free ports from metrics_port on" in ended.told
    assert silent(watched.port)


def test_there_is_no_port_behind_the_last_one(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.port = 65_535
    told = refused(watched, "--workers", "2").told
    assert "metrics on 127.0.0.1:65536: the last port is 65535" in told


def test_the_port_is_a_setting_like_the_others(watched: Watched) -> None:
    watched.root.joinpath("accrual.toml").write_text(f"metrics_port = {watched.port}\n")
    with watched.run():
        watched.scrape()
        assert watched.stop().code == 0
    with watched.run("--metrics-port", "0"):  # off; the flag wins
        watched.add(USAGE, day(1, "a"), day(2, "b"))
        watched.until("01.1")
        assert silent(watched.port)
        assert watched.stop().code == 0
    watched.port, watched.sink = 65_536, watched.root / "other"
    told = "setting metrics_port (--metrics-port) has the value '65536': input should be less than or equal to 65535"
    assert f"accrual run: {told}" == refused(watched).told


def test_every_count_of_the_tally_is_a_metric() -> None:
    assert {*COUNTS, "conflicts", "rejected"} == set(Tally.__struct_fields__)
