"""The rules: they parse, name what exists, say what a person needs, and fire when they should and not else (promtool)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.debian import tool
from tests.support.promql import strangers
from tests.support.rules import FILES, alerts, groups, recorded, rules, series

CASES = yaml.safe_load(Path(__file__).with_name("cases.yml").read_text())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_an_expression_parses_and_names_what_exists(rule):
    assert [] == strangers(rule["expr"], series())


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_how_bad_it_is_whose_it_is_what_happened_and_what_to_do(name):
    alert = alerts()[name]
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["labels"]["owner"]
    said = alert["annotations"]
    assert {"summary", "description", "runbook_url", "dashboard"} == said.keys()
    assert len(said["description"]) > 40
    assert "{{" in said["summary"] or name in ("AccrualSourceAway", "AccrualSinkAway"), "the summary has the value"


def test_what_is_recorded_is_used():
    used = " ".join([*(rule["expr"] for rule in rules()), *(page.read_text() for page in _readers())])
    assert [] == [name for name in recorded() if not re.search(rf"(?<!record: ){re.escape(name)}", used)]


def _readers() -> list[Path]:
    ops = FILES[0].parents[2]
    return [*ops.glob("grafana/dashboards/*.json"), *ops.glob("runbook/*.md")]


def test_prometheus_takes_the_rules():
    done = subprocess.run(
        [tool("promtool"), "check", "rules", "--lint-fatal", *FILES], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def as_promtool(case: dict[str, Any]) -> dict[str, Any]:
    """A case as promtool's test, with the labels and texts that the rule gives."""
    rule = alerts()[case["alert"]]
    asked = [{"alertname": case["alert"], "eval_time": at, "exp_alerts": []} for at in case["silent"]]
    if fires := case.get("fires"):
        labels = {"owner": rule["labels"]["owner"], **fires["labels"], "severity": rule["labels"]["severity"]}
        texts = {**rule["annotations"], "summary": fires["summary"]}
        fired = [{"exp_labels": labels, "exp_annotations": texts}]
        asked.append({"alertname": case["alert"], "eval_time": fires["at"], "exp_alerts": fired})
    if "clears" in case:
        asked.append({"alertname": case["alert"], "eval_time": case["clears"], "exp_alerts": []})
    samples = [{"series": name, "values": values} for name, values in case["series"].items()]
    return {"interval": case.get("every", "1m"), "input_series": samples, "alert_rule_test": asked}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["alert"])
def test_an_alert_fires_when_it_should_and_not_else(case, tmp_path):
    # What is recorded is there before what asks for it.
    order = sorted(groups(), key=lambda name: name.endswith("alerts"))
    files = [str(file) for file in FILES]
    test = as_promtool(case)
    whole = {"rule_files": files, "group_eval_order": order, "evaluation_interval": test["interval"], "tests": [test]}
    (tmp_path / "case.yml").write_text(yaml.safe_dump(whole))
    done = subprocess.run(
        [tool("promtool"), "test", "rules", tmp_path / "case.yml"], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def test_every_alert_is_seen_to_fire_to_be_silent_and_to_clear():
    assert alerts().keys() == {one["alert"] for one in CASES if one.get("fires") and one["silent"] and "clears" in one}
