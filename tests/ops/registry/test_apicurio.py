"""A real Apicurio Registry starts, and without what it needs it says what is missing."""

import os

import pytest

from ops.registry.apicurio import ApicurioRegistry
from ops.registry.errors import RegistryMissing
from ops.registry.program import apicurio, java


def test_a_java_that_is_too_old_is_named_with_what_is_needed(monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "java"
    program.write_text("""#!/bin/sh\necho 'openjdk version "17.0.9" 2023-10-17' >&2\n""")
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'empty'}")
    with pytest.raises(RegistryMissing, match=rf"needs Java 21 or later \({program} is 17\)"):
        java(tmp_path / "none")


def test_without_any_java_it_says_so(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RegistryMissing, match="there is no java"):
        java(tmp_path)


def test_without_maven_it_says_what_is_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RegistryMissing, match="there is no mvn"):
        apicurio(tmp_path / "cache")


def test_one_that_cannot_serve_says_why(tmp_path):
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "registry.mv.db").write_bytes(os.urandom(10_000))
    with pytest.raises(RegistryMissing, match=r"ended with \d+.*(?s:.*)mv\.db"):
        ApicurioRegistry(tmp_path / "registry").start()
