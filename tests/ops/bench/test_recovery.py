"""The benchmark of recovery kills a real service, and its books are right at the end."""

import json
from pathlib import Path

from tests.support.process import accrual


def test_every_kill_is_timed_and_the_books_are_judged(tmp_path: Path) -> None:
    ended = accrual("bench", "--recovery", "--events", "20000", "--kills", "2", "--json", cwd=tmp_path)
    assert 0 == ended.code, ended.said
    figures = json.loads(ended.printed)
    # 20,000 events of 25 units on average, and 100,000 units after each kill, at 0.013.
    assert (20_000 * 25 + 2 * 100_000) * 1.3 == figures["revenue_cents"]
    assert 0 < figures["service"]["max"] < 120
    assert 0 < figures["worker"]["max"] < 120


def test_books_that_differ_from_the_events_fail_the_benchmark(monkeypatch, capsys) -> None:
    from ops.bench import recovery

    monkeypatch.setattr(recovery, "PRICE_MILLIS", recovery.PRICE_MILLIS + 1)
    assert 1 == recovery.bench_recovery(20_000, 1, as_json=False)
    assert "WRONG" in capsys.readouterr().out
