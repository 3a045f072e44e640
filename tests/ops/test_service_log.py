"""What a real service says as JSON lines: what happened, where and for whom; nothing of its records, and no secret."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dataflows.notices import Heard, Kinds, Place, Raised
from ops.log import logging_as
from ops.service_log import INTERVAL_S, ServiceLog
from ops.settings import load
from tests.connectors.test_files_follow import CONTRACTS, CONTROL, PATIENCE_S, USAGE, close, day
from tests.ops.test_supervisor import Served
from tests.support.driven import contract
from tests.support.process import here

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
HUSH = "hush-4711-in-a-record"
FLOOD = 3_000


def lines(said: str) -> list[dict[str, Any]]:
    """Every line is one object, with what each of them has."""
    found = [json.loads(line) for line in said.splitlines()]
    for one in found:
        assert ["time", "level", "event", "logger", "worker", "generation"] == list(one)[:6]
        assert one["time"].endswith("Z")
        assert one["level"] in ("debug", "info", "warning", "error")
    return found


def of(found: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [one for one in found if one["event"] == event]


def test_a_service_says_what_happened_and_a_flood_is_one_line_for_each_class(served: Served) -> None:
    signed = contract("2025-01-01T00:00:00Z", "bad", price="1", k="k9")
    served.add(CONTRACTS, {**signed, "version": HUSH, "traceparent": TRACE, "correlation_id": "order-1"})
    served.add(USAGE, day(1, "a"), *({**day(2, f"x{one}"), "quantity": HUSH} for one in range(FLOOD)))
    served.add(CONTROL, close())
    served.begin(ACCRUAL_LOG_FORMAT="json", ACCRUAL_LOG_LEVEL="debug", AWS_SECRET_ACCESS_KEY="hush-of-the-environment")
    served.scraped_when(served.all_applied)
    workers = served.alive()
    os.kill(workers[0], signal.SIGKILL)
    served.others(workers)
    served.add(USAGE, day(3, "c"), {**day(2, "y"), "quantity": HUSH})
    served.scraped_when(served.all_applied)
    served.stop_by(signal.SIGTERM)
    found = lines(served.ended.said)
    assert not [one for one in served.ended.said.split('"') if "hush" in one]
    [start] = of(found, "start")
    assert (None, 1, "0.1.0", f"files:{served.source}") == tuple(
        start[name] for name in ("worker", "generation", "version", "source")
    )
    assert 2 == start["settings"]["shards"]
    assert {0, served.workers - 1} <= {one["worker"] for one in of(found, "ready")}
    [restart] = of(found, "restart")
    assert ("died", None, 2) == (restart["cause"], restart["worker"], of(found, "ended")[0]["generation"])
    assert "SIGKILL" in restart["message"]
    raised = of(found, "exceptions_raised")
    # One line when it began and the rest at the end, for each life of a process.
    assert len(raised) <= 2 * 2 * (1 + served.workers)
    usage = [one for one in raised if one["topic"] == "usage.events"]
    assert (1, "invalid", "revenue-operations") == (usage[0]["offset"], usage[0]["class"], usage[0]["owner"])
    assert FLOOD + 1 == sum(one["count"] for one in usage)
    [torn] = [one for one in raised if one["topic"] == "contracts.events"]
    assert ("invalid", 1, 0, 1, "a" * 32, "order-1") == tuple(
        torn[name] for name in ("class", "count", "partition", "offset", "trace_id", "correlation_id")
    )
    [closed] = of(found, "period_close")
    assert ("us", "2025-01", "a", "control.events", 0) == tuple(
        closed[name] for name in ("entity", "period", "actor", "topic", "offset")
    )
    epochs = Counter(one["shard"] for one in of(found, "epoch"))
    assert {0, 1} == set(epochs)
    assert not Counter(one["event"] for one in found) - Counter(
        {
            "start": 1,
            "ready": 9,
            "restart": 1,
            "exceptions_raised": 99,
            "period_close": 1,
            "ended": 1,
            "epoch": 999,
            "stray": 99,
        }
    )


def test_lines_for_people_stay_what_they_are(tmp_path: Path) -> None:
    served = Served(tmp_path, 1)
    served.add(USAGE, day(1, "a"), day(2, "b"), "no usage")
    served.begin()
    served.until("01.1")
    served.stop_by(signal.SIGTERM)
    assert "" == served.ended.said


def test_what_ends_a_service_is_an_object_without_secrets(tmp_path: Path) -> None:
    """The client of a Kafka says what it does not like of an option, with its value."""
    secrets, registry = tmp_path / "kafka.toml", tmp_path / "registry.toml"
    secrets.write_text('"security.protocol" = "hush-in-a-client"\n"sasl.password" = "hush-of-the-file"\n')
    registry.write_text('user = "me"\npassword = "hush-of-the-registry"\n')
    words = ["run", "--source", "kafka://127.0.0.1:9", "--sink", "kafka://127.0.0.1:9", "--state", "s", "--follow"]
    settings = {
        "ACCRUAL_KAFKA_SECRETS": str(secrets),
        "ACCRUAL_REGISTRY_SECRETS": str(registry),
        "ACCRUAL_REGISTRY": "http://127.0.0.1:9",
    }
    ended = here(*words, cwd=tmp_path, ACCRUAL_LOG_FORMAT="json", **settings)
    [failed] = lines(ended.said)
    assert (2, "failed", "error", 2) == (ended.code, failed["event"], failed["level"], failed["code"])
    assert 'Invalid value "***" for configuration property "security.protocol"' in failed["message"]
    text = here(*words, cwd=tmp_path, **settings)
    assert 'Invalid value "***" for configuration property' in text.told
    assert "hush" not in ended.said + ended.printed + text.said


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_class_is_told_once_in_an_interval_with_how_many_there_were(capfd: pytest.CaptureFixture[str]) -> None:
    kind, other = Kinds("invalid", "ops", "usage.events"), Kinds("invalid", "ops", "billing.events")

    def raised(offset: int, topic: str = "usage.events") -> Raised:
        return Raised(f"x{offset}", "invalid", "error", "ops", "open", 1, Place(topic, 0, offset))

    clock = Clock()
    log = ServiceLog(clock)
    with logging_as(load(log_format="json"), True):
        log.heard(Heard({kind: (raised(5), 3)}, []))
        for number in range(10):
            log.heard(Heard({kind: (raised(10 + number), 2), other: (raised(number, "billing.events"), 1)}, []))
        clock.now += INTERVAL_S - 1
        log.tick()
        clock.now += 1
        log.tick()
        log.tick()
        log.heard(Heard({kind: (raised(90), 1)}, []))
        log.close()
    told = [(one["topic"], one["offset"], one["count"]) for one in lines(capfd.readouterr().err)]
    usage = [(5, 3), (10, 20), (90, 1)]
    assert usage == [one[1:] for one in told if one[0] == "usage.events"]
    assert [(0, 1), (1, 9)] == [one[1:] for one in told if one[0] == "billing.events"]


def test_what_a_service_waits_for_is_seen_while_it_does(tmp_path: Path) -> None:
    """Its lines come as they happen, not at its end."""
    served = Served(tmp_path, 1)
    served.begin(ACCRUAL_LOG_FORMAT="json")
    assert served.process.stderr is not None
    end, events = time.monotonic() + PATIENCE_S, list[str]()
    while "ready" not in events:
        events.append(json.loads(served.process.stderr.readline())["event"])
        assert time.monotonic() < end
    assert ["start", "ready"] == events
    served.stop_by(signal.SIGTERM)
