"""Following a directory that grows: a real process, fed line by line, stopped by a signal, taken up again."""

import json
import os
import signal
import time
from contextlib import contextmanager

import pytest

from tests.support.driven import contract, usage
from tests.support.process import environment, finish, start

USAGE, CONTRACTS, CONTROL = "usage.events.jsonl", "contracts.events.jsonl", "control.events.jsonl"
PATIENCE_S = 60


def day(number, name, **changes):
    """3 units at noon of a day of January."""
    return usage(f"2025-01-{number:02d}T12:00:00Z", name, n="3", **changes)


def clock(number):
    """The business date reaches a day of January."""
    return {"kind": "clock", "as_of": f"2025-01-{number:02d}T00:00:00Z"}


def close(period="2025-01", at="2025-02-01T00:00:00Z"):
    """January is closed."""
    return {"kind": "period_close", "event_time": at, "entity": "us", "period": period, "actor": "a"}


class Followed:
    """A directory under `accrual run --follow`."""

    def __init__(self, root):
        self.root, self.source, self.sink = root, root / "in", root / "out"
        self.source.mkdir()
        self.add(CONTRACTS, contract("2025-01-01T00:00:00Z", "k1", price="2"))
        self.process = None

    def add(self, name, *records):
        """Append whole lines."""
        self.write(name, b"".join(json.dumps(one).encode() + b"\n" for one in records))

    def write(self, name, content):
        """Append bytes."""
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as file:
            file.write(content)

    def words(self, *more):
        """The words of the command."""
        return ["run", "--source", f"files:{self.source}", "--sink", f"files:{self.sink}", "--json", *more]

    @contextmanager
    def run(self, *more):
        """While the process runs."""
        env = environment(ACCRUAL_POLL_MS="20", ACCRUAL_EPOCH_MS="20", ACCRUAL_SHARDS="2")
        self.process = start(*self.words("--follow", *more), cwd=self.root, env=env)
        try:
            yield self
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()

    def until(self, *windows):
        """Wait until the journal holds the days of these windows, in any order, and no other."""
        deadline = time.monotonic() + PATIENCE_S
        while sorted(self.journal()) != sorted(windows):
            assert time.monotonic() < deadline, (windows, self.journal())
            assert self.process.poll() is None, finish(self.process)
            time.sleep(0.01)

    def stop(self, number=signal.SIGTERM):
        """Ask for the end; how it ended."""
        self.process.send_signal(number)
        return finish(self.process)

    def records(self, topic):
        """What the sink holds of a topic in whole lines."""
        found = []
        for path in sorted((self.sink / topic).glob("*.jsonl")):
            found += [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
        return found

    def journal(self):
        """The windows that are booked: day and revision."""
        return [f"{one['accounting_date'][8:]}.{one['window']['revision']}" for one in self.records("revenue.journal")]

    def exceptions(self):
        """The exceptions: class and offset."""
        return [(one["class"], one["source"]["offset"]) for one in self.records("revenue.exceptions")]


@pytest.fixture
def followed(tmp_path):
    """A directory with a contract."""
    return Followed(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_lines_are_booked_as_they_come_and_a_signal_ends_the_run_well(followed, number):
    followed.add(USAGE, day(1, "a"))
    with followed.run():
        followed.add(USAGE, day(2, "b"))
        followed.until("01.1")
        followed.add(USAGE, day(3, "c"), b"no json".decode())
        followed.until("01.1", "02.1")
        ended = followed.stop(number)
    assert 0 == ended.code, ended.said
    assert 4 == json.loads(ended.printed)["read"]
    assert [("undecodable", 3)] == followed.exceptions()


def test_a_rerun_takes_up_where_it_was_and_books_once(followed):
    followed.add(USAGE, day(1, "a"), day(2, "b"))
    with followed.run():
        followed.until("01.1")
        assert 0 == followed.stop().code
    followed.add(USAGE, day(3, "c"))
    with followed.run():
        followed.add(USAGE, day(4, "d"))
        followed.until("01.1", "02.1", "03.1")
        ended = followed.stop()
    assert (0, 4, 4) == (ended.code, *(json.loads(ended.printed)[name] for name in ("read", "counted")))


def test_a_run_to_the_end_goes_on_after_one_that_followed_and_the_other_way_round(followed):
    followed.add(USAGE, day(1, "a"))
    followed.write(USAGE, json.dumps(day(2, "b")).encode())  # without its newline: to the end, it is a line
    env = environment(ACCRUAL_SHARDS="2")
    assert 0 == finish(start(*followed.words(), cwd=followed.root, env=env)).code
    with followed.run():
        followed.write(USAGE, b"\n")
        followed.add(USAGE, day(3, "c"))
        followed.until("01.1", "02.1")
        assert 0 == followed.stop().code
    ended = finish(start(*followed.words("--as-of", "2025-02-01"), cwd=followed.root, env=env))
    assert (0, 3) == (ended.code, json.loads(ended.printed)["counted"])
    assert ["01.1", "02.1", "03.1"] == sorted(followed.journal())
    assert [] == followed.exceptions()


def test_half_a_line_waits_for_its_other_half(followed):
    followed.add(USAGE, day(1, "a"))
    whole = json.dumps(day(3, "b")).encode() + b"\n"
    with followed.run():
        followed.write(USAGE, whole[:40])
        followed.write(CONTROL, b"")
        followed.write(USAGE, whole[40:-1])
        followed.add(CONTROL, clock(2))
        followed.until("01.1")  # by the clock: the half line has moved nothing
        followed.write(USAGE, whole[-1:])
        followed.add(USAGE, day(5, "c"))
        followed.until("01.1", "03.1")
        assert 0 == followed.stop().code
    assert [] == followed.exceptions()


def test_control_records_apply_to_partitions_that_have_nothing_unread(followed):
    followed.add(USAGE, day(1, "a"))
    with followed.run():
        followed.add(CONTROL, clock(2))
        followed.until("01.1")
        followed.add(USAGE, day(3, "b"))
        followed.add(CONTROL, clock(4))
        followed.until("01.1", "03.1")
        followed.add(CONTROL, close())
        followed.add(CONTROL, clock(5))
        followed.add(USAGE, day(1, "late"))  # January may be closed by now: then the entry is February's
        deadline = time.monotonic() + PATIENCE_S
        while len(followed.journal()) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert 0 == followed.stop().code


def test_what_was_there_before_a_control_record_is_booked_before_it(followed):
    """The rows and the close are appended between two looks: the rows are looked at after the close is known."""
    with followed.run():
        for month in range(1, 4):
            rows = [usage(f"2025-{month:02d}-{1 + n % 28:02d}T12:00:00Z", f"u{month}-{n}", n="1") for n in range(2_000)]
            followed.add(USAGE, *sorted(rows, key=lambda one: one["event_time"]))
            followed.add(CONTROL, close(f"2025-{month:02d}", f"2025-{month + 1:02d}-01T00:00:00Z"))
        deadline = time.monotonic() + PATIENCE_S
        while len(followed.journal()) < 84:
            assert time.monotonic() < deadline, len(followed.journal())
            assert followed.process.poll() is None, finish(followed.process)
            time.sleep(0.01)
        ended = followed.stop()
    assert (0, 6_000) == (ended.code, json.loads(ended.printed)["counted"])
    assert {None} == {one["origin_period"] for one in followed.records("revenue.journal")}


def test_contracts_that_come_later_take_the_usage_that_waits(followed):
    followed.add(USAGE, day(1, "a", customer="new"), day(1, "b"))
    with followed.run():
        followed.add(CONTRACTS, contract("2025-01-01T00:00:00Z", "k2", price="5", k="k2", customer="new"))
        followed.add(CONTROL, clock(2))
        followed.until("01.1", "01.1")
        assert 0 == followed.stop().code
    amounts = sorted(one["lines"][0]["amount"] for one in followed.records("revenue.journal"))
    assert ["15.00", "6.00"] == amounts


@pytest.mark.parametrize("workers", ["1", "2"])
def test_new_partitions_topics_and_files_are_taken_up_while_it_runs(followed, workers):
    followed.add("usage.events/0/2025-01.jsonl", day(1, "a"))
    with followed.run("--workers", workers):
        followed.add(CONTROL, clock(2))  # a topic that was not there
        followed.until("01.1")
        followed.add("usage.events/0/2025-02.jsonl", day(3, "b"))  # behind the last file
        followed.add(CONTROL, clock(4))
        followed.until("01.1", "03.1")
        followed.add("usage.events/1.jsonl", day(5, "c"))  # a partition that was not there
        followed.add(CONTROL, clock(6))
        followed.until("01.1", "03.1", "05.1")
        ended = followed.stop()
    assert (0, 3) == (ended.code, json.loads(ended.printed)["counted"])


def shrink(path):
    with open(path, "rb+") as file:
        file.truncate(10)


def replace(path):
    aside = path.with_suffix(".new")
    aside.write_bytes(path.read_bytes() * 2)
    os.replace(aside, path)


@pytest.mark.parametrize(
    ("change", "told"),
    [(shrink, "bytes, but"), (replace, "is another file than the one that was followed"), (os.remove, "gone")],
)
def test_a_followed_file_that_is_not_the_same_any_more_is_refused(followed, change, told):
    followed.add(USAGE, day(1, "a"), day(2, "b"))
    with followed.run():
        followed.until("01.1")
        change(followed.source / USAGE)
        ended = finish(followed.process)
    assert 2 == ended.code
    assert told in ended.said
    assert "restore it, or start with an empty --state and --sink" in ended.said


def test_a_followed_run_that_was_killed_is_taken_up_and_books_once(followed):
    followed.add(USAGE, *(day(1 + n // 40, f"u{n}") for n in range(400)))
    with followed.run():
        followed.until(*(f"{n:02d}.1" for n in range(1, 10)))
        followed.process.kill()
    followed.add(USAGE, day(12, "last"))
    with followed.run():
        followed.until(*(f"{n:02d}.1" for n in range(1, 11)))
        ended = followed.stop()
    assert (0, 401, 401) == (ended.code, *(json.loads(ended.printed)[name] for name in ("read", "counted")))


def test_waiting_costs_next_to_nothing(followed):
    """Nothing spins between two looks, every fiftieth of a second here."""
    followed.add(USAGE, day(1, "a"), day(2, "b"))
    with followed.run():
        followed.until("01.1")
        share, deadline = 1.0, time.monotonic() + PATIENCE_S
        while share > 0.5:
            assert time.monotonic() < deadline, share
            before, began = cpu_seconds(followed.process), time.monotonic()
            while time.monotonic() - began < 0.5:
                time.sleep(0.05)
            share = (cpu_seconds(followed.process) - before) / (time.monotonic() - began)
        assert 0 == followed.stop().code


def cpu_seconds(process):
    """What a process and its workers have used."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        everyone = [process.pid, *map(int, file.read().split())]
    used = 0
    for pid in everyone:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")
