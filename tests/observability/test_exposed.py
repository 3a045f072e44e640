"""The list of what is exposed is that of the program and of its description: a metric cannot be renamed beside it."""

import re
from pathlib import Path

from tests.observability.exposed import COUNTERS, GAUGES, HISTOGRAMS

ROOT = Path(__file__).parents[2]
NAMES = {name for name in (*COUNTERS, *GAUGES, *HISTOGRAMS) if name.startswith("accrual_")}


def test_the_program_makes_these_metrics_and_no_others():
    source = "".join(
        path.read_text() for layer in ("connectors", "dataflows", "ops") for path in (ROOT / layer).rglob("*.py")
        if "grafana" not in path.parts
    )  # fmt: skip
    made = set(re.findall(r"(?:Family|Counter|Gauge|Histogram|_gauge)\(\s*\"(accrual_\w+)\"", source))
    by_name = {name for name in NAMES if name.startswith("accrual_events_")}  # made in a loop
    assert NAMES - by_name == made - by_name


def test_the_description_names_these_metrics_and_no_others():
    text = (ROOT / "ops" / "README.md").read_text()
    told = {name.removesuffix("_total") for name in re.findall(r"accrual_[a-z_]+", text)}
    short = set(re.findall(r"`_([a-z_]+)_total`", text))
    missing = {name for name in NAMES - told if name.removeprefix("accrual_events_") not in short}
    assert set() == missing
    assert set() == told - NAMES
