"""The node project that draws the dashboards, installed and built once into a folder that git ignores."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ops.grafana.screenshots.errors import PictureFailed, PictureMissing

PROJECT = Path(__file__).with_name("node")
CACHE = Path(__file__).parents[3] / ".cache" / "grafana-screenshots"
PACKAGES = ("package.json", "package-lock.json", ".npmrc")
SAID = 2000  # characters of what a program says when it fails


def built(cache: Path = CACHE) -> Path:
    """The folder with `shoot.mjs` and, in `site`, the page: the first call installs the packages (500 MB) and bundles them.

    Processes that ask at once wait for the one that builds. PictureMissing where node or npm is absent or npm has no way to
    its registry; PictureFailed where the page is not well made.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        packages = cache / _digest(PROJECT / name for name in PACKAGES)
        if not packages.exists():
            _install(packages)
        sources = sorted([PROJECT / "tsconfig.json", *PROJECT.glob("*.mjs"), *PROJECT.glob("src/**/*.ts*")])
        page = packages / f"page-{_digest(sources)}"
        if not page.exists():
            _build(sources, page)
    return page


def node() -> str:
    """The path of node; PictureMissing without it."""
    return _program("node")


def _install(folder: Path) -> None:
    npm, partial = _program("npm"), folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for name in PACKAGES:
        shutil.copy(PROJECT / name, partial / name)
    if said := _failed(partial, npm, "ci"):
        raise PictureMissing(f"npm could not install the packages of Grafana, try again: {said}")
    partial.rename(folder)  # whole, or not there


def _build(sources: Iterable[Path], page: Path) -> None:
    partial = page.with_suffix(".partial")  # beside node_modules, where node looks for packages
    shutil.rmtree(partial, ignore_errors=True)
    for source in sources:
        there = partial / source.relative_to(PROJECT)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, there)
    if said := _failed(partial, node(), "build.mjs", "site", str(page.parent / "node_modules")):
        raise PictureFailed(f"the page of the panels could not be built: {said}")
    partial.rename(page)


def _failed(folder: Path, *command: str) -> str:
    """What a command says if it fails, else nothing."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()[-SAID:] or "it said nothing" if done.returncode else ""


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise PictureMissing(
            f"the panels of Grafana are drawn with Node.js 20 or later, and there is no {name}: install it"
        )
    return found


def _digest(files: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for file in files:
        whole.update(file.relative_to(PROJECT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()[:12]
