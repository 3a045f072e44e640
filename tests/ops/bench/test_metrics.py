"""What the benchmark of metrics runs and tells; how fast it is is no matter of a test."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from connectors.step import Step, Steps
from ops.bench.feed import AS_OF, FeedSize, write_feed
from ops.bench.metered import metered
from ops.bench.metrics import SIDES, SWITCHED_OFF, Without, bench_metrics
from ops.books_digest import journal_books
from ops.job import Job, measured
from ops.run import run
from ops.settings import load
from schemas.instants import parse_instant
from state import keys
from state.store import ShardStore
from tests.support.scraped import Scraped

SIZE = FeedSize(300, 4)


def test_it_tells_the_cost_of_both_sides_and_their_one_digest(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == bench_metrics(SIZE, 2, as_json=True)
    printed = capsys.readouterr()
    figures = json.loads(printed.out)
    assert {"with_us", "without_us", "ratio", "least_ratio", "ratios", "share", "scrape_ms", "digest"} == figures.keys()
    assert 2 == len(figures["ratios"])
    assert 64 == len(figures["digest"])
    assert 0 < figures["share"] < 1
    assert all(figures[f"{side}_us"] > 0 for side in SIDES)
    assert SWITCHED_OFF.split()[1] in printed.err
    assert 2 * len(SIDES) == printed.err.count("round ")


def test_what_is_called_for_metrics_is_metered_and_nothing_is_left_behind() -> None:
    steps, before = Steps(CollectorRegistry()), Step.begins
    with metered() as meter, steps.book:
        steps.fetch.begins()
    assert (3, True, before) == (meter.calls, meter.spent > 0, Step.begins)
    with steps.book:
        pass
    assert 3 == meter.calls


def test_without_them_the_books_are_the_same_and_nothing_is_counted_or_timed(tmp_path: Path) -> None:
    write_feed(tmp_path / "in", SIZE)
    digests, counted = set[str](), {}
    for name, metrics in (("with", measured()), ("without", Without())):
        out = tmp_path / name
        job = Job.of(f"files:{tmp_path}/in", f"files:{out}", None, parse_instant(AS_OF), load())
        result = run(replace(job, metrics=metrics))
        digests.add(journal_books(out).digest())
        stores = [ShardStore(path) for path in sorted((out / ".state").glob("shard-*"))]
        kept = sum(one.get(keys.META + b"breakdown") is not None for one in stores)
        for one in stores:
            one.close()
        now = Scraped.of(metrics.registry)
        counted[name] = (
            kept > 0, now.sum("accrual_journal_entries_total") == result.tally.entries, any(result.cpu_s.values()),
        )  # fmt: skip
    assert {"with": (True, True, True), "without": (False, False, False)} == counted
    assert 1 == len(digests)
