"""A service on a real Kafka says what happens to it: whose record was refused, and that brokers are away and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.topics import CONTRACTS, USAGE
from tests.broker.test_ready import PATIENCE_S, SHARDS, ask, awaited, filled, send, used  # noqa: F401
from tests.support import kafka
from tests.support.scraped import Scraped, ports_in_a_row

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def service(filled, tmp_path):  # noqa: F811
    """A running service that writes JSON lines into a file, and the port on which it answers."""
    port, secrets = ports_in_a_row(1), tmp_path / "secrets.toml"
    secrets.write_text('"sasl.password" = "hush-of-the-file"\n')
    command = [Path(sys.executable).with_name("accrual"), "run", "--source", str(filled), "--sink", str(filled), "--state",
               str(tmp_path / "state"), "--follow", "--metrics-port", str(port)]  # fmt: skip
    env = {**os.environ, "ACCRUAL_SHARDS": str(SHARDS), "ACCRUAL_EPOCH_MS": "50", "ACCRUAL_LOG_FORMAT": "json",
           "ACCRUAL_KAFKA_SECRETS": str(secrets), "ACCRUAL_REGISTRY_PASSWORD": "hush-of-the-environment"}  # fmt: skip
    log = tmp_path / "log"
    with open(log, "w") as out:
        started = subprocess.Popen(command, env=env, stderr=out, stdout=subprocess.DEVNULL, text=True)
    yield started, port, log
    started.kill()
    started.wait()


def events(log, name):
    return [one for one in map(json.loads, log.read_text().splitlines()) if one["event"] == name]


def test_whose_record_was_refused_is_said_and_that_brokers_were_away(filled, kafka_server, service):  # noqa: F811
    process, port, log = service
    awaited(lambda: (ask((process, port), "/ready") or (0,))[0] == 200)
    kafka.sent(filled, CONTRACTS, b"hush, no contract", headers={"traceparent": TRACE, "correlation_id": "order-7"})
    [raised] = awaited(lambda: events(log, "exceptions_raised"))
    names = ("class", "owner", "count", "topic", "partition", "offset", "trace_id", "correlation_id")
    assert ("undecodable", "revenue-operations", 1, CONTRACTS, 0, 1, "a" * 32, "order-7") == tuple(
        raised[one] for one in names
    )
    lag = awaited(lambda: Scraped.at(port).by("accrual_input_lag_records", "topic", "partition"))
    assert (USAGE, "1") in lag
    awaited(lambda: not sum(Scraped.at(port).by("accrual_input_lag_records").values()))
    kafka_server.pause()
    try:
        awaited(lambda: Scraped.at(port).sum("accrual_source_away") == 1)
        assert ask((process, port), "/status")[1]["source"]["away"]
    finally:
        kafka_server.resume()
    awaited(lambda: Scraped.at(port).sum("accrual_source_away") == 0)
    for name in ("away", "back"):
        assert {name} == {one["about"] for one in awaited(lambda of=name: events(log, f"brokers_{of}"))}
    send(filled, USAGE, *used(5, 10_000))
    found = awaited(lambda: (one := ask((process, port), "/status")[1])["ready"] and one)
    assert {"offsets", "records"} == {one["unit"] for one in found["inputs"]}
    end = time.monotonic() + PATIENCE_S
    while any(one["lag"] or one["applied"] > one["end"] for one in ask((process, port), "/status")[1]["inputs"]):
        assert time.monotonic() < end
    process.terminate()
    assert 0 == process.wait(30)
    assert "hush" not in log.read_text()
    assert [{"worker": None}] == [{"worker": one["worker"]} for one in events(log, "ended")]
