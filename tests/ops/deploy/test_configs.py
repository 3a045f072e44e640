"""Prometheus, Alertmanager and Grafana are set up with what is in the repository, by their own judges."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
import yaml

from tests.ops.deploy.composed import ROOT, Composed
from tests.support import debian

COMPOSED = Composed.read({"ACCRUAL_SECRETS": "./secrets"})
PROMETHEUS = ROOT / "ops" / "prometheus" / "prometheus.yml"
ALERTMANAGER = ROOT / "ops" / "alertmanager" / "alertmanager.yml"
PROVISIONING = ROOT / "ops" / "grafana" / "provisioning"


def test_promtool_takes_the_configuration_with_its_rules_and_its_token(tmp_path):
    shutil.copytree(ROOT / "ops" / "prometheus" / "rules", tmp_path / "rules")
    token = tmp_path / "metrics_token"
    token.write_text("a-token-of-a-test")
    text = PROMETHEUS.read_text()
    assert "/run/secrets/metrics_token" in text
    (tmp_path / "prometheus.yml").write_text(text.replace("/run/secrets/metrics_token", str(token)))
    done = subprocess.run(
        [debian.tool("promtool"), "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def test_prometheus_asks_what_the_compose_file_starts():
    config = yaml.safe_load(PROMETHEUS.read_text())
    asked = [target for job in config["scrape_configs"] for one in job["static_configs"] for target in one["targets"]]
    asked += [target for one in config["alerting"]["alertmanagers"] for target in one["static_configs"][0]["targets"]]
    listening = {
        f"{name}:{port.split(':')[2]}" for name, one in COMPOSED.services.items() for port in one.get("ports", ())
    }
    assert set() == set(asked) - listening - {"127.0.0.1:9090"}


def test_amtool_takes_the_configuration():
    done = subprocess.run(
        [debian.tool("amtool"), "check-config", ALERTMANAGER], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "severity, owner, expected",
    [
        ("critical", "platform", "on-call,platform"),
        ("critical", "revenue-operations", "on-call,revenue-operations"),
        ("warning", "revenue-operations", "revenue-operations"),
        ("warning", "sales-operations", "sales-operations"),
        ("warning", "an-owner-nobody-knows", "platform"),
    ],
)
def test_an_alert_goes_to_its_owner_and_a_critical_one_to_whoever_is_on_call_too(severity, owner, expected):
    labels = [f"severity={severity}", f"owner={owner}", "alertname=AccrualX"]
    done = subprocess.run(
        [debian.tool("amtool"), "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert expected == done.stdout.strip()


def test_every_owner_of_a_rule_has_a_receiver_and_every_severity_a_meaning():
    receivers = {one["name"] for one in yaml.safe_load(ALERTMANAGER.read_text())["receivers"]}
    for path in sorted((ROOT / "ops" / "prometheus" / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in (one for one in group["rules"] if "alert" in one):
                assert rule["labels"]["severity"] in ("critical", "warning"), f"{path.name}: {rule['alert']}"
                owner = rule["labels"]["owner"]
                assert "{{" in owner or owner in receivers, f"{path.name}: {rule['alert']}"


def test_what_is_sent_leaves_this_machine_only_once_somebody_has_said_where_to():
    for receiver in yaml.safe_load(ALERTMANAGER.read_text())["receivers"]:
        assert set(receiver) == {"name", "webhook_configs"}
        assert all(one["url"].startswith("http://127.0.0.1:") for one in receiver["webhook_configs"])


def test_grafana_finds_its_sources_where_the_compose_file_starts_them():
    (path,) = (PROVISIONING / "datasources").glob("*.yml")
    sources = yaml.safe_load(path.read_text())
    assert 1 == sources["apiVersion"]
    where = {one["type"]: one["url"] for one in sources["datasources"]}
    assert {"prometheus": "http://prometheus:9090", "alertmanager": "http://alertmanager:9093"} == where
    assert ["prometheus"] == [one["uid"] for one in sources["datasources"] if one.get("isDefault")]


def test_grafana_finds_the_dashboards_that_are_mounted():
    (path,) = (PROVISIONING / "dashboards").glob("*.yml")
    (provider,) = yaml.safe_load(path.read_text())["providers"]
    mounted = COMPOSED.mounts("grafana")
    assert "./ops/grafana/dashboards" == mounted[provider["options"]["path"]]
    assert "./ops/grafana/provisioning" == mounted["/etc/grafana/provisioning"]
    titles = [json.loads(one.read_text())["title"] for one in (ROOT / "ops/grafana/dashboards").glob("*.json")]
    assert sorted(set(titles)) == sorted(titles)
