"""What Maven Central has for tests, benchmarks and play: fetched once into a folder that git ignores."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path


def fetched(pom: Path, cache: Path, goal: str, name: str, missing: Callable[[str], Exception]) -> Path:
    """The folder with what a goal of Maven's dependency plugin makes of a pom, whole; the first call fetches it.

    Processes that ask at once wait for the one that fetches. Raises `missing` when Maven is absent or fails.
    """
    folder = cache / hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _fetch(pom, folder, goal, name, missing)
    return folder


def _fetch(pom: Path, folder: Path, goal: str, name: str, missing: Callable[[str], Exception]) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise missing(f"{name} comes by Maven, and there is no mvn: install it")
    partial, markers = folder.with_suffix(".partial"), folder.with_suffix(".markers")
    for left in (partial, markers):  # a marker of an earlier try would say that all is there already
        shutil.rmtree(left, ignore_errors=True)
    done = subprocess.run(
        [maven, "-B", "-q", "-f", pom, f"dependency:{goal}", f"-DoutputDirectory={partial}", f"-DmarkersDirectory={markers}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode or not partial.exists():
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise missing(f"mvn could not fetch {name} ({said[:1]}): try again")
    partial.rename(folder)  # whole, or not there
