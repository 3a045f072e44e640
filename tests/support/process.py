"""The product as a person starts it: a process of its own, its exit code and what it said."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from dataflows.tally import Tally
from ops.cli import app
from ops.run import Result

COMMAND = Path(sys.executable).with_name("accrual")


@dataclass(frozen=True)
class Ended:
    """A finished run."""

    code: int
    printed: str  # standard output
    said: str  # standard error

    @property
    def told(self) -> str:
        """The message for the person: the last thing said, without the progress before it."""
        return self.said[self.said.rindex("accrual run: ") :].strip() if "accrual run: " in self.said else ""

    @property
    def result(self) -> Result:
        """What `--json` printed."""
        return as_result(json.loads(self.printed))


def as_result(printed: dict[str, Any]) -> Result:
    """A result from the JSON object of `--json`."""
    tally = Tally(**{name: printed[name] for name in Tally.__struct_fields__})
    return Result(tally, printed["generation"], printed["seconds"], 0)


def environment(**given: str) -> dict[str, str]:
    """The environment without settings of whoever runs the tests, and with those given."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("ACCRUAL_")}
    return {**kept, "RUST_BACKTRACE": "0", "COLUMNS": "200", **given}


def start(
    *words: str,
    cwd: Path,
    env: dict[str, str] | None = None,
    largest_file: int | None = None,
    command: Sequence[str] = (str(COMMAND),),
) -> subprocess.Popen[str]:
    """Start `accrual`, or a `command` in its place, with these words; no file it writes may pass `largest_file` bytes."""

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.Popen(
        [*command, *words],
        cwd=cwd,
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )


def finish(process: subprocess.Popen[str]) -> Ended:
    """Wait for its end."""
    printed, said = process.communicate()
    return Ended(process.returncode, printed, said)


def accrual(*words: str, cwd: Path, env: dict[str, str] | None = None, largest_file: int | None = None) -> Ended:
    """Run `accrual` to its end."""
    return finish(start(*words, cwd=cwd, env=env, largest_file=largest_file))


def here(*words: str, cwd: Path, **settings: str) -> Ended:
    """Run `accrual` through its command line, but in this process: a start costs most of a second."""
    env: dict[str, str | None] = {name: None for name in os.environ if name.upper().startswith("ACCRUAL_")}
    with chdir(cwd):
        ended = CliRunner().invoke(app, list(words), env={**env, **settings})
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return Ended(ended.exit_code, ended.stdout, ended.stderr)
