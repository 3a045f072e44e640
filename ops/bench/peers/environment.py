"""What peers run on, fetched once into a folder that git ignores: virtual environments from PyPI, jars from Maven Central."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "peers"
READY = ".ready"


class PeerMissing(Exception):
    """A peer cannot be had here; the text says why, and what helps."""


def python_with(requirements: Path, cache: Path = CACHE) -> Path:
    """The Python of a virtual environment with exactly these packages; the first call makes it. PeerMissing."""

    def make(folder: Path) -> None:
        _done([sys.executable, "-m", "venv", str(folder)], requirements.stem)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _done([*pip, "--no-deps", "--requirement", str(requirements)], requirements.stem)

    return _made(requirements.stem, [requirements], cache, make) / "bin" / "python"


def classes_of(project: Path, cache: Path = CACHE) -> str:
    """The class path of a Maven project, compiled; the first call fetches and compiles it. PeerMissing."""
    maven = shutil.which("mvn")

    def make(folder: Path) -> None:
        if maven is None:
            raise PeerMissing(f"{project.name} is built by Maven, and there is no mvn: install it")
        _done([maven, "-B", "-q", "-f", str(project / "pom.xml"), f"-Dout={folder}", "compile"], project.name)

    folder = _made(project.name, [project / "pom.xml", *sorted(project.rglob("*.java"))], cache, make)
    return f"{folder}/classes:{folder}/jars/*"


def _made(name: str, inputs: list[Path], cache: Path, make: Callable[[Path], None]) -> Path:
    text = b"".join(path.read_bytes() for path in inputs) + sys.version.encode()
    folder = cache / f"{name}-{hashlib.sha256(text).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / READY).exists():  # whole, or made again
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            (folder / READY).touch()
    return folder


def _done(command: list[str], name: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line] or [done.stderr]
        raise PeerMissing(f"{name} could not be fetched ({said[0].strip()}): try again")
