"""docker-compose.yml as a test reads it: services with variables filled in, and what their containers see on this machine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "ops" / "Dockerfile"
VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:-|:\?)([^}]*))?\})")
Service = dict[str, Any]


class Unset(Exception):
    """A variable that the file demands is not there; the message is what the file says about it."""


@dataclass(frozen=True)
class Composed:
    """The file, read with an environment."""

    content: dict[str, Any]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Composed:
        """Unset where a variable is missing that has no default."""
        return cls(_filled(yaml.safe_load(FILE.read_text()), environment))

    @property
    def services(self) -> dict[str, Service]:
        """By name."""
        return self.content["services"]

    def mounts(self, name: str) -> dict[str, str]:
        """What a service's container has from elsewhere: a name of a volume or a path of this machine, by its path there."""
        service = self.services[name]
        found = {}
        for one in service.get("volumes", ()):
            source, target = one.split(":")[:2]
            found[target] = source
        for secret in service.get("secrets", ()):
            found[f"/run/secrets/{secret}"] = self.content["secrets"][secret]["file"]
        return found


def required() -> dict[str, str]:
    """What each variable that has no default is, in the file's words."""
    return {one[2]: one[4] for one in VARIABLE.finditer(FILE.read_text()) if one[3] == ":?"}


def setup_lines() -> list[str]:
    """The shell lines at the head of the file, up to the first one for docker."""
    lines = [one[4:] for one in FILE.read_text().splitlines() if one.startswith("#   ")]
    return lines[: next(number for number, one in enumerate(lines) if one.startswith("docker"))]


def dockerfile_words(instruction: str) -> list[str]:
    """The exec form of an instruction of the image's last stage."""
    (line,) = [one for one in DOCKERFILE.read_text().splitlines() if one.startswith(f"{instruction} [")]
    return yaml.safe_load(line.partition(" ")[2])


def dockerfile_runs(stage: int) -> list[str]:
    """The commands of a stage, counted from 0."""
    text = re.split(r"^FROM .*$", DOCKERFILE.read_text(), flags=re.MULTILINE)[stage + 1]
    joined = re.sub(r"\\\n\s*", "", text)
    return [one.removeprefix("RUN ") for one in joined.splitlines() if one.startswith("RUN ")]


def shell_words(command: str) -> list[list[str]]:
    """The simple commands of a line that are joined by &&."""
    return [shlex.split(one) for one in command.split("&&")]


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, environment) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, environment) for one in value]
    return VARIABLE.sub(lambda found: _one(found, environment), value) if isinstance(value, str) else value


def _one(found: re.Match[str], environment: Mapping[str, str]) -> str:
    dollar, name, how, text = found.groups()
    if dollar:
        return "$"
    if environment.get(name):
        return environment[name]
    if how == ":?":
        raise Unset(f"{name}: {text}")
    return text or ""
