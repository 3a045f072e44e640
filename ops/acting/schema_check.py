"""Whether this program's schemas and the released ones understand each other, both ways, and what to do if not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro

from ops.show.sink import UsageError
from schemas.compatibility import Problem, check_topic
from schemas.topics import TOPICS

RELEASES = "<topic>/<number>.avsc"


@dataclass(frozen=True, slots=True)
class TopicVerdict:
    """What was found about one topic."""

    topic: str
    releases: tuple[int, ...]
    problems: tuple[Problem, ...]
    released_current: int | None  # the release that is the current schema, if one is


def check_schemas(against: Path | None) -> list[TopicVerdict]:
    """Every topic's current schema against all its releases (FULL_TRANSITIVE).

    `against` holds the releases of a deployment as <topic>/<n>.avsc; None: this program's own, where the current schema
    must be the last release. UsageError when `against` is no such directory.
    """
    deployed = None if against is None else _deployed(against)
    return [_verdict(name, deployed) for name in TOPICS]


def _verdict(name: str, deployed: dict[str, dict[int, Any]] | None) -> TopicVerdict:
    topic = TOPICS[name]
    current = topic.avsc()
    released = topic.released() if deployed is None else deployed.get(name, {})
    problems = []
    for number, schema in [*released.items(), (None, current)]:
        try:
            fastavro.parse_schema(schema)
        except Exception as error:  # whatever somebody's schema makes the parser say
            problems.append(Problem(name, number, "release", f"it is no Avro schema: {error}"))
    if not problems:
        problems = check_topic(name, current, released)
        if deployed is not None:
            # A deployment may be behind: what it must not be is unable to read or to be read.
            problems = [one for one in problems if one.direction != "release"]
    same = [number for number, schema in released.items() if schema == current]
    return TopicVerdict(name, tuple(released), tuple(problems), max(same, default=None))


def _deployed(directory: Path) -> dict[str, dict[int, Any]]:
    if not directory.is_dir():
        raise UsageError(f"--against {directory} is no directory: name the one that holds {RELEASES}")
    found: dict[str, dict[int, Any]] = {}
    for path in sorted(directory.glob("*/*.avsc")):
        topic, number = path.parent.name, path.stem
        if topic not in TOPICS:
            raise UsageError(f"{path}: {topic} is no topic of ours; topics are {', '.join(TOPICS)}")
        if not (number.isascii() and number.isdecimal() and int(number)):
            raise UsageError(f"{path} is no release: there are {RELEASES}, numbered from 1")
        try:
            schema = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"{path} is not JSON: {error}") from error
        found.setdefault(topic, {})[int(number)] = schema
    if not found:
        raise UsageError(f"--against {directory} holds no release: there are {RELEASES} in it")
    return {topic: dict(sorted(releases.items())) for topic, releases in found.items()}


def remedy(problem: Problem) -> str:
    """What to do about a problem."""
    if problem.direction == "release":
        return "" if "copy " in problem.what else "replace it with a schema that Avro can read"
    field = problem.what.partition(":")[0]
    if "has no default" in problem.what:
        if problem.direction == "current reads released":
            return f"give {field} a default in schemas/avro/{problem.topic}.avsc"
        return f"put {field} back: readers of release {problem.release} need it"
    return f"put back what {field} is in release {problem.release}; say the new in a new field that has a default"
