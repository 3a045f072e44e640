"""The benchmark's peers: wrong output is found, their programs parse, and the table names their versions."""

import ast
import io
import json
import re
import shutil
import subprocess

import pytest
from rich.console import Console

from ops.bench.feed import FeedSize
from ops.bench.peers.feed import LAST_DAY, Result, Window, sums
from ops.bench.peers.measure import Used, figures_of, second_half
from ops.bench.peers.outcome import Outcome
from ops.bench.peers.peer import PEERS, REQUIREMENTS
from ops.bench.peers.report import fastest, show
from tests.support.lacking import lacking

PRODUCT = {"accounting", "schemas", "state", "connectors", "dataflows", "ops"}
SIZE = FeedSize(200, 3, duplicate_share=0.3)


@pytest.fixture
def expected() -> dict[Window, Result]:
    return sums(SIZE)[1]


def said(window: Window, result: Result, **other: object) -> bytes:
    fields = {**window._asdict(), "count": result.events, "sum": str(result.units), "rate": str(result.rate)}
    return json.dumps(fields | other).encode()


def outcome(expected: dict[Window, Result], *more: bytes) -> Outcome:
    """Of a peer that says everything right, and then this."""
    one = Outcome(expected)
    for message in (*(said(window, result) for window, result in expected.items()), *more):
        one.take(message)
    return one


def test_the_feed_counts_each_event_once(expected):
    assert 200 == sum(one.events for one in expected.values())
    assert 200 < sums(SIZE)[0]


def test_output_that_is_right_is_complete(expected):
    assert outcome(expected).complete
    assert [] == outcome(expected).wrong()


@pytest.mark.parametrize("other", [{"count": 1_000_000}, {"sum": "0.01"}, {"rate": None}, {"rate": "0.014"}])
def test_a_wrong_window_is_found_and_named(expected, other):
    window, result = next(iter(expected.items()))
    wrong = outcome(expected, said(window, result, **other))
    assert not wrong.complete
    assert str(window) in wrong.wrong()[-1]


def test_duplicates_that_were_counted_are_told_as_totals(expected):
    window, result = next(iter(expected.items()))
    twice = outcome(expected, said(window, result._replace(events=result.events + 1, units=result.units + 5)))
    assert "events: expected 200, was 201" == twice.wrong()[0]
    assert twice.wrong()[1].startswith("units: expected ")


def test_a_window_that_is_missing_or_too_many_is_found(expected):
    window, result = next(iter(expected.items()))
    silent = Outcome(expected)
    for other, known in expected.items():
        if other != window:
            silent.take(said(other, known))
    assert not silent.complete
    assert f"windows: expected {len(expected)}, was {len(expected) - 1}" == silent.wrong()[0]
    assert not outcome(expected, said(window._replace(day="2024-12-31"), result)).complete


def test_the_last_word_counts_and_closing_events_do_not(expected):
    window, result = next(iter(expected.items()))
    closing = said(Window("cust-3", "api0", LAST_DAY), result)
    withdrawn = said(window, result._replace(events=1), diff=-1)
    assert outcome(expected, said(window, result, count=1), said(window, result), closing, withdrawn).complete


def test_a_sum_that_is_a_float_is_right_to_its_sixth_digit(expected):
    window, result = next(iter(expected.items()))
    assert outcome(expected, said(window, result, sum=float(result.units) + 1e-9)).complete
    assert not outcome(expected, said(window, result, sum=float(result.units) + 1e-5)).complete


@pytest.mark.parametrize("peer", [one for one in PEERS if one.program.suffix == ".py"], ids=lambda one: one.name)
def test_a_program_in_python_parses_and_imports_nothing_of_accrual(peer):
    module = compile(peer.program.read_text(), str(peer.program), "exec", ast.PyCF_ONLY_AST)
    names = [name.name for node in ast.walk(module) if isinstance(node, ast.Import) for name in node.names]
    names += [node.module or "" for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    assert set() == PRODUCT & {name.partition(".")[0] for name in names}


def test_the_program_in_java_parses():
    javac = shutil.which("javac")
    if javac is None:
        lacking("there is no javac: install a JDK, Maven needs one to build the peer")
    (peer,) = [one for one in PEERS if one.program.suffix == ".java"]
    command = [javac, "-XDshould-stop.ifNoError=PARSE", "-XDshould-stop.ifError=PARSE", "-proc:none", str(peer.program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda one: one.name)
def test_requirements_are_exact_versions_and_nothing_else(path):
    assert [] == [line for line in path.read_text().splitlines() if not re.fullmatch(r"[\w.-]+==[\w.]+", line)]


def test_the_table_names_every_peer_with_its_version_and_what_it_lacks():
    measured = figures_of(1_000_000, 250_000, [Used(4.0, 5.0, 50)], [Used(10.0, 20.0, 100)])
    figures = {
        one.name: {"version": one.version(), "settings": one.settings, "lacks": list(one.lacks)} | measured
        for one in PEERS
    }
    figures["pathway"] = figures["pathway"] | {"version": "9.9", "failed": "no [wheel]"}
    show(Console(file=(out := io.StringIO()), width=500), figures)
    for one in PEERS:
        assert re.search(rf"{one.title} {'9.9' if one.name == 'pathway' else one.version()} ", out.getvalue())
        assert all(f"  - {line}" in out.getvalue() for line in one.lacks)
    assert "FAILED: no [wheel]" in out.getvalue()
    assert 125_000 == fastest(figures)


def test_a_peer_is_given_the_better_of_its_two_rates():
    slow_start = figures_of(100_000, 25_000, [Used(9.0, 10.0, 1), Used(8.5, 9.0, 1)], [Used(10.0, 11.0, 1)])
    assert (50_000, 37_500) == (slow_start["events_per_cpu_s"], slow_start["events_per_s"])
    assert {"whole": 10_000, "warm": 50_000} == slow_start["by_cpu"]
    odd = figures_of(100_000, 25_000, [Used(11.0, 11.0, 1)], [Used(10.0, 10.0, 1)])
    assert (10_000, 10_000) == (odd["events_per_cpu_s"], odd["events_per_s"])


def test_a_peer_that_marks_its_cpu_is_given_its_second_half():
    said = "".join(f"mark {50_000 * number} {cpu}\n" for number, cpu in enumerate([10.0, 14.5, 16.0, 17.0, 18.5], 1))
    assert 40_000 == second_half(f"Loading\n{said}bye\n")  # 100,000 in 2.5 s
    assert 0 == second_half("mark 50000 1.0\nmark 100000 2.0\n")
    marked = figures_of(100_000, 25_000, [Used(9.0, 10.0, 1)], [Used(10.0, 11.0, 1, 40_000)])
    assert {"whole": 10_000, "warm": 40_000} == marked["by_cpu"]


def test_every_peer_says_what_it_lacks_and_how_it_is_set():
    assert [] == [one.name for one in PEERS if not one.lacks or not one.settings]
