"""`accrual schemas register`: every release of every topic's schema in a schema registry, guarded against what does not fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from connectors.kafka.registry_server import RegistryServer, subject_of
from ops.places.registry import at_once, registry_server
from ops.settings import Settings
from ops.show.sink import UsageError
from ops.show.text import grid, out, plain
from schemas.topics import TOPICS, Topic


@dataclass(frozen=True, slots=True)
class Registered:
    """One release of a topic's schema in the registry."""

    topic: str
    subject: str
    release: int | None  # None: the current one, where it is not released yet
    id: int
    new: bool


def register_schemas(settings: Settings, as_json: bool) -> None:
    """Register what is missing, and print what there is. RegistryUnreachable, RegistryRefuses, or UsageError without one."""
    address = settings.registry_address()
    if address is None:
        raise UsageError("there is no schema registry: name one by --registry URL, or by the setting registry")
    server = registry_server(address)
    found = at_once(lambda: [one for topic in TOPICS.values() for one in registered(server, topic)])
    if as_json:
        print(json.dumps({"registry": str(server), "schemas": [asdict(one) for one in found]}))
        return
    table = grid("Schemas in the registry (FULL_TRANSITIVE)")
    for heading in ("subject", "release", "id", "result"):
        table.add_column(heading)
    for one in found:
        release = "current" if one.release is None else str(one.release)
        table.add_row(*map(plain, (one.subject, release, str(one.id), "new" if one.new else "as before")))
    out().print(table)


def registered(server: RegistryServer, topic: Topic) -> Iterator[Registered]:
    """The topic's releases, oldest first, and the current schema where it is none of them."""
    subject = subject_of(topic.name)
    server.guard(subject)
    releases: list[tuple[int | None, Any]] = list(topic.released().items())
    if topic.avsc() not in [schema for _, schema in releases]:
        releases.append((None, topic.avsc()))
    for release, schema in releases:
        known = server.registered(subject, schema)
        number = server.register(subject, schema) if known is None else known
        yield Registered(topic.name, subject, release, number, known is None)
