"""`accrual` as a process of its own, so that its time and memory are nobody else's."""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.bench import spender

COMMAND = str(Path(sys.executable).with_name("accrual"))
PACKAGES = ("accounting", "connectors", "dataflows", "ops", "schemas", "state")
SPENDER = [sys.executable, "-S", "-E", spender.__file__]


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU and wall-clock seconds of a process and those it started, and the most resident memory of one of them in MB."""

    cpu: float
    wall: float
    resident: int = 0


def compile_ahead() -> None:
    """Leave the program as an installation leaves it: else each of its processes compiles it once more where Python was told
    not to keep what it compiles (PYTHONDONTWRITEBYTECODE), which takes as long as 100,000 events.
    """
    root = Path(__file__).parents[2]
    for package in PACKAGES:
        compileall.compile_dir(root / package, quiet=2)


def accrual(*words: str, **settings: object) -> tuple[str, Spent]:
    """Run it to its end with these words and settings: what it printed, and what it took. OSError when it failed."""
    with tempfile.NamedTemporaryFile("r", prefix="accrual-spent-") as told:
        process = subprocess.Popen(
            [*SPENDER, told.name, COMMAND, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env=with_settings(settings),
        )  # fmt: skip
        try:
            printed, _ = process.communicate()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if process.returncode:
            raise OSError(f"accrual {' '.join(words)} ended with {process.returncode}; see above what it said")
        return printed, Spent(**json.load(told))


def accrual_result(*words: str, **settings: object) -> tuple[dict[str, Any], Spent]:
    """The same with `--json`: its result."""
    printed, spent = accrual(*words, "--json", **settings)
    return json.loads(printed), spent


def with_settings(settings: dict[str, Any]) -> dict[str, str]:
    """The environment of a process that has these settings."""
    return {**os.environ, **{f"ACCRUAL_{name.upper()}": str(value) for name, value in settings.items()}}
