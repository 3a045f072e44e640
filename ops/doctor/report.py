"""The examination as it goes, line by line for people, or as one JSON object."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from rich.text import Text

from ops.doctor.check import Check
from ops.show.text import out

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}
PART_WIDTH = 12


def report(checks: Iterable[Check], as_json: bool) -> int:
    """Print each check as it comes; the number of those that fail."""
    console, found = out(), []
    for one in checks:
        found.append(one)
        if not as_json:
            says = one.says if one.remedy is None else f"{one.says}: {one.remedy}"
            line = Text.assemble((f"{one.level:<5}", STYLES[one.level]), f" {one.part:<{PART_WIDTH}} {says}")
            console.print(line, soft_wrap=True)
    counts = Counter(one.level for one in found)
    if as_json:
        checked = [one.as_json() for one in found]
        print(json.dumps({"ok": not counts["fail"], "checks": checked}, default=str))
    else:
        console.print(f"{len(found)} checks: {counts['ok']} ok, {counts['warn']} warn, {counts['fail']} fail")
    return counts["fail"]
