"""Prometheus, Alertmanager and their judges as Debian packs them, fetched without being root into a folder that git ignores."""

import fcntl
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.support.lacking import lacking

CACHE = Path(__file__).parents[2] / ".cache" / "debian"
PROGRAMS = {  # package, and the program in it
    "prometheus": ("prometheus", "usr/bin/prometheus"),
    "promtool": ("prometheus", "usr/bin/promtool"),
    "alertmanager": ("prometheus-alertmanager", "usr/bin/prometheus-alertmanager"),
    "amtool": ("prometheus-alertmanager", "usr/bin/amtool"),
}
FETCH_S = 600
# Alertmanager opens its templates below this folder, which only root could make: here below the one that it is started in.
ASSETS, ASSETS_HERE = b"/usr/share/prometheus/alertmanager", b"usr/share/prometheus//alertmanager"


class PackageMissing(Exception):
    """A package of Debian cannot be had here; the message says why."""


@cache
def tool(name: str) -> Path:
    """The program `prometheus`, `promtool`, `alertmanager` (which has to be started in `home`) or `amtool`.

    The first call on a machine fetches its package (25 MB each). Where that cannot be done the test is skipped, and fails
    where CI is set.
    """
    package, program = PROGRAMS[name]
    try:
        found = unpacked(package) / program
    except PackageMissing as error:
        lacking(f"{name} cannot be had: {error}")
    return _relocated(found) if name == "alertmanager" else found


def home(name: str) -> Path:
    """The folder of the package that a program is in."""
    return tool(name).parents[2]


@cache
def version(name: str) -> str:
    """Which version of it this is, as Debian names it."""
    return home(name).name.partition("=")[2]


def unpacked(package: str, cache: Path = CACHE) -> Path:
    """The folder with what a package holds, `package=version`; what is there already is not looked for again.

    Processes that ask at once wait for the one that fetches. PackageMissing without apt, dpkg-deb or the package.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = sorted(cache.glob(f"{package}=*"))
        return there[-1] if there else _fetched(package, cache)


def _fetched(package: str, cache: Path) -> Path:
    if missing := [one for one in ("apt-get", "dpkg-deb") if shutil.which(one) is None]:
        raise PackageMissing(f"there is no {missing[0]}: this is no Debian")
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        lists = cache / "apt"
        own = ("-o", f"Dir::State={lists}", "-o", f"Dir::Cache={lists}", "-o", "Debug::NoLocking=1")
        if _ran(folder, "apt-get", "download", package).returncode:
            # The machine's lists are missing or name what has been replaced: lists of our own need no root.
            (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
            updated = _ran(folder, "apt-get", *own, "update")
            again = _ran(folder, "apt-get", *own, "download", package)
            if again.returncode:
                said = (updated.stderr + again.stderr).strip().splitlines()
                raise PackageMissing(f"apt-get download {package}: {said[-1] if said else 'failed'}")
        archive = next(folder.glob("*.deb"))
        found = _ran(folder, "dpkg-deb", "--field", str(archive), "Version").stdout.strip()
        unpacking = _ran(folder, "dpkg-deb", "--extract", str(archive), "whole")
        if unpacking.returncode:
            raise PackageMissing(f"dpkg-deb --extract {archive.name}: {unpacking.stderr.strip()}")
        return (folder / "whole").rename(cache / f"{package}={found}")  # whole, or not there


def _relocated(program: Path) -> Path:
    """A copy of Alertmanager beside it that finds its templates in the folder of its package."""
    there = program.with_name(f"{program.name}-here")
    if not there.exists():
        with tempfile.NamedTemporaryFile(dir=program.parent, delete=False) as file:
            file.write(program.read_bytes().replace(ASSETS, ASSETS_HERE))
        Path(file.name).chmod(0o755)
        Path(file.name).rename(there)  # whole, or not there
    return there


def _ran(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=FETCH_S)
