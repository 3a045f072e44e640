"""The compose file: valid by the specification, and by rules of our own about what runs, as whom, and who reaches it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ops.settings import Settings
from tests.ops.deploy.composed import FILE, ROOT, Composed, Unset, required, setup_lines

SECRETS = {"ACCRUAL_SECRETS": "./secrets"}
COMPOSED = Composed.read(SECRETS)
SERVICES = sorted(COMPOSED.services)
JOBS = ("schemas", "topics")
WRITES_ITS_ROOT = ("kafka",)
SECRET = re.compile(r"password|secret|token|api_?key|credential", re.I)


def test_it_is_valid_by_the_compose_specification():
    judge = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [judge, "--builtin-schema", "vendor.compose-spec", FILE], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout


def test_it_has_every_part():
    expected = [
        "alertmanager",
        "generator",
        "grafana",
        "kafka",
        "processor",
        "prometheus",
        "registry",
        "schemas",
        "topics",
    ]
    assert expected == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_one_exact_version(name):
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", COMPOSED.services[name]["image"])


def test_brokers_and_registry_are_those_that_tests_use():
    poms = {
        "kafka": re.findall(r"<version>(\d+\.\d+\.\d+)</version>", (ROOT / "ops/broker/pom.xml").read_text())[0],
        "registry": re.findall(r"<version>(\d+\.\d+\.\d+)</version>", (ROOT / "ops/registry/pom.xml").read_text())[0],
    }
    assert poms == {name: COMPOSED.services[name]["image"].rpartition(":")[2] for name in poms}


def test_our_image_has_the_version_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    ours = {one["image"] for one in COMPOSED.services.values() if "build" in one}
    assert {f"accrual:{version}"} == ours


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_looked_after(name):
    service = COMPOSED.services[name]
    health = service["healthcheck"]
    assert (name in JOBS) == health.get("disable", False)
    assert name in JOBS or {"test", "interval", "timeout", "retries", "start_period"} == set(health)
    assert service["stop_grace_period"]
    assert {"cpus", "memory", "pids"} == set(service["deploy"]["resources"]["limits"])
    assert {"max-size", "max-file"} == set(service["logging"]["options"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_nobody_and_may_nothing(name):
    service = COMPOSED.services[name]
    assert service["user"].split(":")[0] not in ("", "0", "root")
    assert (["ALL"], ["no-new-privileges:true"]) == (service["cap_drop"], service["security_opt"])
    assert (name not in WRITES_ITS_ROOT) == service.get("read_only", False)
    assert {"privileged", "cap_add", "network_mode", "pid", "ipc"}.isdisjoint(service)


@pytest.mark.parametrize("name", SERVICES)
def test_only_this_machine_reaches_a_port(name):
    for one in COMPOSED.services[name].get("ports", ()):
        assert one.startswith("127.0.0.1:"), one


def test_no_two_services_have_one_port():
    taken = [one.split(":")[1] for service in COMPOSED.services.values() for one in service.get("ports", ())]
    assert sorted(set(taken)) == sorted(taken)


@pytest.mark.parametrize("name", SERVICES)
def test_who_waits_for_whom_waits_until_it_works(name):
    for other, how in COMPOSED.services[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in JOBS else "service_healthy"
        assert wanted == how["condition"], other


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_in_the_repository_and_read_only(name):
    for one in COMPOSED.services[name].get("volumes", ()):
        source, target, *how = one.split(":")
        if source.startswith("."):
            assert (ROOT / source).exists(), f"{source} is mounted at {target}"
            assert ["ro"] == how, one
        else:
            assert source in COMPOSED.content["volumes"], one


def test_each_volume_belongs_to_one_service():
    used = [
        one.split(":")[0]
        for service in COMPOSED.services.values()
        for one in service.get("volumes", ())
        if not one.startswith(".")
    ]
    assert sorted(COMPOSED.content["volumes"]) == sorted(used)


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_in_the_file(name):
    service = COMPOSED.services[name]
    for key, value in service.get("environment", {}).items():
        # What names a secret is the path of one.
        assert not SECRET.search(key) or str(value).startswith("/run/secrets/"), key
    assert not any(SECRET.search(word) for word in service.get("command", ()))
    for secret in service.get("secrets", ()):
        assert set(COMPOSED.content["secrets"][secret]) == {"file"}, "read only services take secrets as files alone"


def test_a_variable_that_is_missing_is_told_with_what_it_is():
    with pytest.raises(
        Unset, match="ACCRUAL_SECRETS: the folder with the files metrics_token and grafana_admin_password"
    ):
        Composed.read({})
    assert set(SECRETS) == set(required())


def test_the_lines_at_its_head_make_every_secret(tmp_path):
    done = subprocess.run(
        ["bash", "-euc", "\n".join(setup_lines())], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
    made = {one.name: one for one in (tmp_path / "secrets").iterdir()}
    assert set(COMPOSED.content["secrets"]) == set(made)
    assert 0o700 == (tmp_path / "secrets").stat().st_mode & 0o777
    for one in made.values():
        assert (0o644, True) == (one.stat().st_mode & 0o777, len(one.read_text().strip()) >= 32), one


@pytest.mark.parametrize("name", [name for name in SERVICES if "build" in COMPOSED.services[name]])
def test_every_variable_of_ours_is_a_setting_that_is_allowed(name):
    given = {
        key.removeprefix("ACCRUAL_").lower(): value for key, value in COMPOSED.services[name]["environment"].items()
    }
    assert set() == set(given) - set(Settings.model_fields)
    settings = Settings(**given)
    assert 8 == settings.shards


def test_whoever_writes_topics_and_books_agrees_on_the_shards_and_the_registry():
    ours = [COMPOSED.services[name]["environment"] for name in ("topics", "schemas", "processor", "generator")]
    assert 1 == len({(one["ACCRUAL_SHARDS"], one["ACCRUAL_REGISTRY"]) for one in ours})
