"""Which product this is: its own version, that of its state and those of its schemas."""

from __future__ import annotations

import importlib.metadata
from functools import cache
from typing import Any

from schemas.topics import TOPICS
from state.directory import FORMAT


@cache
def product() -> str:
    """The version that is installed."""
    try:
        return importlib.metadata.version("accrual")
    except importlib.metadata.PackageNotFoundError:  # it runs from a folder that nobody has installed
        return "unknown"


@cache
def versions() -> dict[str, Any]:
    """Product, state format, and by topic the last released version of its schema."""
    return {
        "product": product(),
        "state_format": FORMAT,
        "schemas": {name: max(topic.released()) for name, topic in TOPICS.items()},
    }
