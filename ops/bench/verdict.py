"""How a benchmark ends."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console


def verdict(console: Console, figures: Mapping[str, Any], wrongs: Iterable[str], as_json: bool) -> int:
    """Say what came out wrong, and the figures as one line of JSON if asked to; 0 when nothing is wrong, 1 when something is."""
    found = list(wrongs)
    for line in found:
        console.print(f"WRONG: {line}")
    if as_json:
        print(json.dumps(figures))
    return 1 if found else 0
