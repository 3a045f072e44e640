"""The benchmark of a backlog amends contracts of a real service on a real Kafka, and judges books and recalculations."""

import json

import pytest

from ops.bench import backlog
from ops.bench.feed import FeedSize


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contracts to be amended."""
    monkeypatch.setattr(backlog, "AMENDED", 3)


@pytest.mark.usefixtures("few")
def test_every_amendment_is_timed_and_the_books_are_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == backlog.bench_backlog(FeedSize(3_000, 10), as_json=True)
    figures = json.loads(capsys.readouterr().out)
    assert 1 <= figures["amendments"] <= 3
    waits = figures["to_recalculation_ms"]
    assert 0 < waits["p50"] <= waits["p99"] <= waits["max"]
    assert figures["events"] >= 3_000
    assert 0 < figures["worked_off_s"]


@pytest.mark.usefixtures("few")
def test_wrong_deltas_and_wrong_books_fail_the_benchmark(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(backlog, "RISE", backlog.RISE + 1)
    monkeypatch.setattr(backlog, "USAGE_CONTRACTS", "nobody's")
    assert 1 == backlog.bench_backlog(FeedSize(1_000, 10), as_json=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "recalculations without the delta they have, first that of C-" in said
    assert "WRONG: revenue in cents" in said
