"""Spans of batches, as a collector gets them from a real service."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.connectors.test_files_follow import CONTRACTS, USAGE, day
from tests.ops.test_supervisor import Served
from tests.support.collector import attributes, collector
from tests.support.driven import contract
from tests.support.process import accrual, environment

FIRST, SECOND = (f"00-{digit * 32}-{digit * 16}-01" for digit in "ab")


def amendment(name: str, version: str, trace: str) -> dict[str, object]:
    given = contract("2025-01-01T00:00:00Z", name, version=version, price=version, k="k7", customer="d")
    return {**given, "traceparent": trace}


def test_each_batch_is_a_span_with_its_steps_and_links_to_the_amendments_in_it(served: Served) -> None:
    served.add(CONTRACTS, amendment("a1", "1", FIRST), amendment("a2", "2", SECOND))
    served.add(USAGE, day(1, "a"), day(2, "b"), b"no json".decode())
    with collector() as spans:
        served.begin(ACCRUAL_TRACES_ENDPOINT=spans.endpoint)
        usage = spans.until(lambda: spans.named("batch usage.events"))[0]
        signed = spans.until(lambda: spans.named("batch contracts.events"))[0]
        served.stop_by(15)
        assert {
            "accrual.topic": "usage.events", "accrual.partition": 0, "accrual.offset.first": 0, "accrual.offset.end": 3,
            "accrual.rows": 3, "accrual.rejected": 1,
        } == attributes(usage)  # fmt: skip
        assert (b"", 0) == (usage.parent_span_id, len(usage.links))
        assert [FIRST, SECOND] == [f"00-{one.trace_id.hex()}-{one.span_id.hex()}-01" for one in signed.links]
        assert 3 == attributes(signed)["accrual.offset.end"]  # the contract that each of these tests has, too
        assert {"fetch", "decode", "identify", "split"} <= spans.below(usage)
        assert {"fetch", "decode", "split"} <= spans.below(signed)
        # What a shard is given at once it books at once: below the first of them, with links to the others.
        books = [
            one for one in spans.named("keep_the_books")
            if usage.span_id in (one.parent_span_id, *(link.span_id for link in one.links))
        ]  # fmt: skip
        assert {"admit", "commit"} <= set().union(*map(spans.below, books))
        assert {"sync"} <= {one.name for one in usage.events}
        for one in spans.all:
            assert 0 < one.start_time_unix_nano <= one.end_time_unix_nano
            assert usage.start_time_unix_nano <= one.start_time_unix_nano or one.trace_id != usage.trace_id
        names = {(one["service.name"], one["service.instance.id"]) for one in spans.resources}
    assert names <= {("accrual", f"1/{number}") for number in range(served.workers)}
    assert 2 == served.ended.result.tally.counted


def test_a_collector_that_is_away_is_told_once_and_holds_nothing_up(tmp_path: Path) -> None:
    served = Served(tmp_path, 1)
    served.add(USAGE, day(1, "a"), day(2, "b"))
    with collector() as spans:
        gone = spans.endpoint
    served.begin(ACCRUAL_TRACES_ENDPOINT=gone)
    served.until("01.1")
    assert served.stop_by(15) < 10
    assert served.ended.said.count("accrual: spans are not sent: ") <= 1


def test_without_what_sends_spans_it_is_refused_with_the_remedy(tmp_path: Path) -> None:
    served = Served(tmp_path, 1)
    hidden = tmp_path / "hidden" / "opentelemetry"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('no', name='opentelemetry')\n")
    path = f"{hidden.parent}:{Path.cwd()}"
    env = environment(PYTHONPATH=path, ACCRUAL_TRACES_ENDPOINT="http://127.0.0.1:4318/v1/traces", ACCRUAL_SHARDS="2")
    ended = accrual(*served.words("--follow"), cwd=served.root, env=env)
    assert 2 == ended.code, ended.said
    assert (
        "'http://127.0.0.1:4318/v1/traces', and what sends spans is not installed (opentelemetry): install"
        in ended.told
    )
    assert "pip install 'accrual[traces]'" in ended.told


def test_a_service_without_spans_imports_nothing_of_them() -> None:
    program = "import ops.worker_flow, ops.run, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert [] == [name for name in loaded if name.partition(".")[0] in ("opentelemetry", "structlog", "requests")]
