"""Running peers: each a process of its own from the beginning of the topics until its output is whole and right."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from connectors.kafka.client import Brokers
from connectors.kafka.topics import TopicAdmin, TopicForm
from ops.bench.feed import FeedSize
from ops.bench.peers.environment import PeerMissing
from ops.bench.peers.feed import KEPT, PeerFeed, produce
from ops.bench.peers.outcome import Outcome
from ops.bench.peers.peer import PEERS, Peer
from ops.broker.errors import BrokerMissing
from schemas.topics import AVRO, CONTRACTS, USAGE

LIMIT_S = 1_800  # of one run
STOP_S = 60
PART = 4  # the first run has a fourth of the events
WORDS = 2_000


class PeerFailed(Exception):
    """A peer ended without the right output; the text says with what."""


@dataclass(frozen=True, slots=True)
class Used:
    """CPU and wall-clock seconds of a run, its most resident memory in MB, and by its own marks the events per CPU second of
    its second half; 0: it makes none.
    """

    cpu: float
    wall: float
    resident: int
    second_half: int = 0


def measure(
    brokers: Brokers, size: FeedSize, partitions: int, peers: Iterable[Peer] = PEERS, rounds: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Produce the feed of this size and one of a fourth of it, run each of the peers on both so many times; figures by name.

    `events_per_cpu_s` and `events_per_s` are the better of two: those of the whole process, and those of what the feed takes
    beyond the smaller one, when the engine is up. Where a peer says by itself what CPU it took so far, as the JVM does, whose
    compiler makes such differences a matter of luck, it is its second half instead. Of each the run with the least CPU counts;
    duplicates are events too. One that does not run, or is wrong, has `failed` instead.
    """
    peers = list(peers)
    feed = produce(brokers, size, partitions, "peers")
    part = produce(brokers, replace(size, events=max(size.events // PART, 1)), partitions, "peers.part")
    used: dict[str, tuple[list[Used], list[Used]]] = {peer.name: ([], []) for peer in peers}
    failed: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for peer in [one for one in peers if one.name not in failed]:  # in turns: a slow minute is not one peer's
            parts, wholes = used[peer.name]
            output = f"peer.{peer.name}" + f".{number}" * (number > 1)
            try:
                parts.append(run(peer, brokers, part, f"{output}.part"))
                wholes.append(run(peer, brokers, feed, output))
                say(f"{peer.title}: {feed.lines:,} events in {wholes[-1].cpu:.1f} CPU seconds, {wholes[-1].wall:.1f} s")
            except (PeerFailed, PeerMissing, BrokerMissing) as error:
                failed[peer.name] = str(error)
                say(f"{peer.title} failed")
    return {
        peer.name: _told(peer) | {"failed": failed[peer.name]}
        if peer.name in failed
        else _told(peer) | figures_of(feed.lines, part.lines, *used[peer.name])
        for peer in peers
    }


def _told(peer: Peer) -> dict[str, Any]:
    return {"version": peer.version(), "settings": peer.settings, "lacks": list(peer.lacks)}


def figures_of(lines: int, few: int, parts: list[Used], wholes: list[Used]) -> dict[str, Any]:
    """The figures of a peer from its runs on a `few` events and on all `lines`."""
    part, whole = (min(runs, key=lambda one: one.cpu) for runs in (parts, wholes))
    warm = whole.second_half or _beyond(lines - few, whole.cpu - part.cpu)
    cpu = {"whole": round(lines / whole.cpu), "warm": warm}
    wall = {"whole": round(lines / whole.wall), "warm": _beyond(lines - few, whole.wall - part.wall)}
    return {
        "events_per_cpu_s": max(cpu.values()), "events_per_s": max(wall.values()), "rss_mb": whole.resident,
        "by_cpu": cpu, "by_wall": wall, "cpu_s": [round(part.cpu, 2), round(whole.cpu, 2)],
    }  # fmt: skip


def _beyond(events: int, seconds: float) -> int:
    return round(events / seconds) if seconds > 0 else 0


def run(peer: Peer, brokers: Brokers, feed: PeerFeed, output: str, extra: Sequence[str] = ()) -> Used:
    """Run it on a feed into a new topic. PeerFailed, also when its output is wrong."""
    if not TopicAdmin(brokers).create((TopicForm(output, 1, KEPT),), 1):
        raise PeerFailed(
            f"topic {output} is there already, and what it holds would count: delete it, or use a fresh Kafka"
        )
    command = peer.launch()
    with tempfile.TemporaryDirectory(prefix="accrual-peer-") as folder:
        usage, contracts = (feed.usage_json, feed.contracts_json) if peer.reads_json else (feed.usage, feed.contracts)
        given = {
            "brokers": brokers.address, "usage": usage, "contracts": contracts, "output": output,
            "state": f"{folder}/state", "usage-schema": AVRO / f"{USAGE}.avsc", "contract-schema": AVRO / f"{CONTRACTS}.avsc",
        }  # fmt: skip
        command += [word for name, value in given.items() for word in (f"--{name}", str(value))]
        with open(f"{folder}/said", "w+") as said:
            process = subprocess.Popen([*command, *extra], stdout=said, stderr=said, cwd=folder)
            try:
                outcome = Outcome(feed.expected)
                status, used = _watch(process, brokers, output, outcome)
            finally:
                if process.returncode is None:
                    process.kill()
                    process.wait()
            if wrongs := outcome.wrong():
                said.seek(0)
                raise PeerFailed(
                    f"{peer.title} ended with {status}; " + "; ".join(wrongs) + "\n" + said.read()[-WORDS:]
                )
            said.seek(0)
            return replace(used, second_half=second_half(said.read()))


def second_half(said: str) -> int:
    """Events per CPU second between the middle and the end, of lines `mark EVENTS CPU_SECONDS`; 0 with fewer than three."""
    marks = [(int(events), float(cpu)) for events, cpu in re.findall(r"^mark (\d+) ([\d.]+)$", said, re.MULTILINE)]
    if len(marks) < 3:
        return 0
    (some, before), (events, cpu) = marks[(len(marks) - 1) // 2], marks[-1]
    return _beyond(events - some, cpu - before)


def _watch(process: subprocess.Popen[Any], brokers: Brokers, output: str, outcome: Outcome) -> tuple[int, Used]:
    """Read its output until that is whole, or the process has ended; it is stopped then."""
    began = time.monotonic()
    consumer = Consumer(
        brokers.client(group_id=f"watch-{output}", enable_auto_commit=False, isolation_level="read_committed")
    )
    consumer.assign([TopicPartition(output, 0, 0)])
    whole = stopped = 0.0
    ended: tuple[int, Any] | None = None
    while ended is None:
        _take(consumer, outcome, 0.05)
        now = time.monotonic() - began
        if outcome.complete and not whole:
            whole = now
        if not stopped and (whole or now > LIMIT_S):
            process.send_signal(signal.SIGTERM)
            stopped = now
        if stopped and now - stopped > STOP_S:
            process.kill()
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            ended = os.waitstatus_to_exitcode(status), usage
            process.returncode = ended[0]
    while not outcome.complete and _take(consumer, outcome, 3):
        pass
    consumer.close()
    code, usage = ended
    wall = whole or time.monotonic() - began
    return code, Used(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss // 1024)


def _take(consumer: Consumer, outcome: Outcome, wait: float) -> int:
    messages = consumer.consume(1_000, wait)
    for message in messages:
        value = message.value()
        if message.error() is None and value is not None:
            outcome.take(value)
    return len(messages)
