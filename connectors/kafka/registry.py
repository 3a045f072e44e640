"""Schemas by number, without a server: those of this program and every release of them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from accounting.require import require
from schemas.topics import TOPICS

_NUMBERS = 2**31  # what four bytes say as a number above zero


class FileRegistry:
    """The embedded default. A schema's number is made from what it says, so that everybody gives it the same."""

    def __init__(self) -> None:
        self._known: dict[int, Any] = {}
        for topic in TOPICS.values():
            for schema in (topic.avsc(), *topic.released().values()):
                known = self._known.setdefault(number_of(schema), schema)
                require(known == schema, "no two schemas have one number", topic=topic.name)

    def schema(self, number: int) -> Any | None:
        """The parsed schema; None: there is none with this number."""
        return self._known.get(number)

    def number(self, topic: str) -> int:
        """Of the schema with which records of a topic are written now."""
        return number_of(TOPICS[topic].avsc())


def number_of(schema: Any) -> int:
    """A schema's number: by its content, whatever the order of its keys."""
    text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % _NUMBERS
