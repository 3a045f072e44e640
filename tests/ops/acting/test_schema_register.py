"""`accrual schemas register` puts every release there once, guarded, and says what it found."""

import json

import pytest

from connectors.kafka.registry_server import RegistryServer, subject_of
from connectors.kafka.rest import RegistryAddress
from ops.registry.apicurio import ApicurioRegistry
from schemas.topics import TOPICS, USAGE
from tests.support.process import here
from tests.support.registry import started


@pytest.fixture
def registry(tmp_path) -> ApicurioRegistry:
    one = started(tmp_path / "registry")
    yield one
    one.kill()


def register(folder, registry, *flags):
    return here("schemas", "register", "--registry", registry.url, *flags, cwd=folder)


def test_everything_is_new_once_and_as_before_ever_after(registry, tmp_path):
    first = json.loads(register(tmp_path, registry, "--json").printed)
    assert registry.url == first["registry"]
    releases = [(name, number) for name, topic in TOPICS.items() for number in topic.released()]
    assert releases == [(one["topic"], one["release"]) for one in first["schemas"]]
    assert all(one["new"] and one["subject"] == f"{one['topic']}-value" for one in first["schemas"])
    again = register(tmp_path, registry, "--json")
    assert [{**one, "new": False} for one in first["schemas"]] == json.loads(again.printed)["schemas"]
    table = register(tmp_path, registry).printed
    assert len(releases) == table.count("as before")
    assert "usage.events-value" in table


def test_a_registry_whose_schema_does_not_go_with_ours_is_named_with_its_reason(registry, tmp_path):
    other = {"type": "record", "name": "UsageEvent", "namespace": "other", "fields": [{"name": "n", "type": "int"}]}
    RegistryServer(RegistryAddress(registry.url)).register(subject_of(USAGE), other)
    ended = register(tmp_path, registry)
    assert 1 == ended.code
    assert (
        f"accrual schemas register: the schema registry {registry.url} does not take a schema of usage.events-value: "
        in ended.said
    )
    assert "ncompatible" in ended.said
