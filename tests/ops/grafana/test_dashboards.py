"""The dashboards: what is checked in is what the generator makes, without a typo, and asks for what there is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from ops.grafana.__main__ import DASHBOARDS, pages
from tests.support.promql import replaced, strangers
from tests.support.rules import OPS, alerts, series

FILES = sorted(DASHBOARDS.glob("*.json"))
INDICATORS = {
    "Usage-to-journal latency", "Amendment-to-revenue-update", "Exception ageing", "Contract-to-first-revenue",
    "Posting success by entity",
}  # fmt: skip
WIDE = 24  # columns of Grafana's grid


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those that show something."""
    yield from (one for one in dashboard["panels"] if one["type"] != "row")


DRAWN = {f"{file.stem}: {one['title']}": one for file in FILES for one in panels(json.loads(file.read_text()))}


def test_the_four_dashboards_are_there_and_are_what_the_generator_makes():
    made = {f"{name}.json": page.json for name, page in pages().items()}
    there = {file.name: file.read_text() for file in FILES}
    assert {"flow.json", "money.json", "exceptions.json", "replay_and_recovery.json"} == there.keys()
    assert made == there, "python -m ops.grafana writes them anew"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_grafanas_own_model_reads_every_key(file):
    """A key that the model does not know is left out when it is written again."""
    given = json.loads(file.read_text())
    again = json.loads(json.dumps(Dashboard.from_json(given), cls=JSONEncoder))
    assert again == given


@pytest.mark.parametrize("title", DRAWN)
def test_a_panel_names_what_exists_and_says_what_it_means(title):
    panel = DRAWN[title]
    assert panel["targets"]
    for target in panel["targets"]:
        assert [] == strangers(replaced(target["expr"]), series()), target["expr"]
    assert len(panel["description"]) > 15
    assert panel["fieldConfig"]["defaults"]["unit"]
    asked = {target["refId"] for target in panel["targets"]}
    assert len(asked) == len(panel["targets"])


def test_a_name_that_does_not_exist_is_found():
    known = series()
    assert ["accrual_event_read_total"] == strangers("sum(rate(accrual_event_read_total[5m]))", known)
    assert ["accrual_ready{shard}"] == strangers('accrual_ready{shard="1"}', known)
    assert ["entity"] == strangers("sum by (entity, shard) (accrual_state_bytes)", known)
    assert ["topic"] == strangers("accrual_ready and on (topic) accrual_input_lag_records", known)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_variables_ask_for_what_exists_and_are_used(file):
    dashboard = json.loads(file.read_text())
    text = json.dumps([one["targets"] for one in panels(dashboard)])
    for one in dashboard["templating"]["list"]:
        if one["type"] == "query":
            metric, label = one["query"].removeprefix("label_values(").removesuffix(")").split(", ")
            assert label in series()[metric]
            assert f"${one['name']}" in text
    for one in dashboard["annotations"]["list"]:
        assert [] == strangers(one["expr"], series())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_panels_lie_beside_each_other_and_links_lead_to_runbooks(file):
    dashboard = json.loads(file.read_text())
    taken: set[tuple[int, int]] = set()
    for one in dashboard["panels"]:
        at = one["gridPos"]
        assert at["x"] + at["w"] <= WIDE
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, one["title"]
        taken |= cells
        for link in one.get("links", ()):
            name = link["url"].removeprefix("${runbooks}/")
            assert (OPS / "runbook" / name).is_file(), name


def test_business_indicators_are_there_by_name():
    titles = " ".join(DRAWN)
    assert [] == [name for name in INDICATORS if name not in titles]


def test_every_alert_is_beside_the_panel_that_shows_it():
    linked = {
        link["url"].rpartition("/")[2].removesuffix(".md") for one in DRAWN.values() for link in one.get("links", ())
    }
    assert alerts().keys() == linked


def test_an_alert_names_a_dashboard_that_there_is():
    addresses = {f"/d/{json.loads(file.read_text())['uid']}" for file in FILES}
    assert addresses >= {one["annotations"]["dashboard"] for one in alerts().values()}


def test_the_service_does_not_load_what_only_the_generator_needs():
    said = "import sys, ops.cli, ops.run, ops.commands; print([one for one in sys.modules if 'grafana' in one])"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
