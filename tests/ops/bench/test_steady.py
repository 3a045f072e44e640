"""The benchmark of staying power runs a real service on a real Kafka, and judges its memory by samples and its books."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ops.bench import steady
from ops.bench.feed import Expected


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at often enough for a run of seconds."""
    monkeypatch.setattr(steady, "SAMPLE_S", 0.2)


@pytest.mark.usefixtures("often")
def test_memory_is_told_over_time_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == steady.bench_steady(0.05, 3_000, 5_000, 10, tmp_path, as_json=True)
    figures = json.loads(capsys.readouterr().out)
    assert 1_000 == figures["events_per_s"]
    assert 3_000 <= figures["events"]
    assert 5_000 == figures["identities"]
    assert 21 == figures["days"]  # 3,000 at the density of 5,000 in a horizon of 35
    assert figures["events"] >= figures["over_time"][-1][0] > 0
    assert 50 < figures["resident_mb"]["end"] <= figures["resident_mb"]["most"]
    assert "<svg" in (tmp_path / "memory-of-a-service.svg").read_text()


@pytest.mark.usefixtures("often")
def test_wrong_books_fail_the_benchmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    sent = steady.send_usage

    def a_cent_more(*words: object) -> Expected:
        expected = sent(*words)  # type: ignore[arg-type]
        return replace(expected, revenue_cents=expected.revenue_cents + 1)

    monkeypatch.setattr(steady, "send_usage", a_cent_more)
    assert 1 == steady.bench_steady(0.02, 500, 1_000, 10, None, as_json=False)
    assert "WRONG: revenue" in capsys.readouterr().out
