"""The repository's rules with a second for a minute: every duration of theirs, and nothing else, divided by sixty.

Durations are `for`, the windows of ranges (`[15m]`) and offsets. What is compared with (5 s of an objective, four hours of a
watermark, a day of an answer) stays what it is, and so does every rate: it is per second.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.support.rules import FILES

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
DIVISOR = 60
_WINDOW = re.compile(r"(\[|offset )(\d+)([smhd])")


def shortened(folder: Path) -> None:
    """Write them into a folder, under their names."""
    folder.mkdir(parents=True)
    for file in FILES:
        content = yaml.safe_load(file.read_text())
        for group in content["groups"]:
            for rule in group["rules"]:
                rule["expr"] = _WINDOW.sub(lambda found: found[1] + short(found[2] + found[3]), rule["expr"])
                if "for" in rule:
                    rule["for"] = short(rule["for"])
        (folder / file.name).write_text(yaml.safe_dump(content, sort_keys=False, width=1_000))


def short(duration: str) -> str:
    """15m is 15s."""
    seconds, rest = divmod(int(duration[:-1]) * SECONDS[duration[-1]], DIVISOR)
    assert not rest, duration
    return f"{seconds}s"
