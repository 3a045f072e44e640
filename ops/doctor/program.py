"""The program itself: interpreter, packages, settings, time zones, clock and schemas."""

from __future__ import annotations

import importlib
import importlib.metadata as metadata
import os
import platform
import re
import sys
import time
import tomllib
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

from ops.acting.schema_check import check_schemas, remedy
from ops.doctor.check import Check, fail, ok, warn
from ops.settings import PREFIX, Settings, SettingsWrong, load, settings_file
from schemas.instants import instant_text, parse_instant

DISTRIBUTION = "accrual"
PINS = Path(__file__).parents[2] / "requirements.txt"
SLACK_US = 60 * 1_000_000  # between the clocks of a machine and of its file server
LAST_YEAR_US = parse_instant("2100-01-01T00:00:00Z")
IANA_VERSION: str = importlib.import_module("tzdata").IANA_VERSION
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)")
_BOUND = re.compile(r"(>=|<)\s*([0-9.]+)")


def python() -> Iterator[Check]:
    """The interpreter is one that the packages are made for."""
    running, wanted = platform.python_version(), ""
    try:
        wanted = metadata.metadata(DISTRIBUTION)["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        yield warn("python", f"{running}; {DISTRIBUTION} is not installed as a package", "install it: make setup")
        return
    here = sys.version_info[:2]
    for sign, bound in _BOUND.findall(wanted):
        limit = tuple(int(part) for part in bound.split("."))[:2]
        if (sign == ">=" and here < limit) or (sign == "<" and here >= limit):
            yield fail("python", f"{running}, wanted is {wanted}", "use an interpreter of that version: make setup")
            return
    yield ok("python", f"{running}, wanted is {wanted}")


def packages() -> Iterator[Check]:
    """What is installed is what was pinned: direct dependencies as declared, the rest as locked."""
    try:
        declared = [one for one in metadata.requires(DISTRIBUTION) or [] if "extra ==" not in one]
    except metadata.PackageNotFoundError:
        yield warn("packages", f"{DISTRIBUTION} is not installed as a package", "install it: make setup")
        return
    direct = dict(pin for one in declared for pin in _PIN.findall(one))
    locked = dict(_PIN.findall(PINS.read_text(encoding="utf-8"))) if PINS.is_file() else {}
    wrong = []
    for name, pinned in sorted({**locked, **direct}.items()):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            if name in direct:  # of the locked ones some are for development only
                wrong.append(name)
                yield fail("packages", f"{name} {pinned} is not installed", "install what is pinned: make setup")
            continue
        if found != pinned:
            wrong.append(name)
            level = fail if name in direct else warn
            yield level("packages", f"{name} is {found}, pinned is {pinned}", "install what is pinned: make setup")
    if not wrong:
        yield ok("packages", f"{len(direct)} direct and {len(locked)} locked packages are as pinned")


def settings() -> Iterator[Check]:
    """The settings in force, and where each of them comes from."""
    try:
        found = load()
    except SettingsWrong as error:
        yield fail("settings", str(error), "correct it")
        return
    origins = {name: _origin(name) for name in Settings.model_fields}
    values = {name: {"value": getattr(found, name), "from": origins[name]} for name in Settings.model_fields}
    given = [f"{name} = {one['value']} ({one['from']})" for name, one in values.items() if one["from"] != "default"]
    rest = len(values) - len(given)
    yield ok("settings", f"{', '.join([*given, ''])}{rest} at their default", settings=values)


def _origin(name: str) -> str:
    variable = f"{PREFIX}{name}".upper()
    if any(key.upper() == variable for key in os.environ):
        return variable
    file = settings_file()
    if file.is_file() and name in tomllib.loads(file.read_text(encoding="utf-8")):
        return str(file)
    return "default"


def time_zones() -> Iterator[Check]:
    """Which tz database is in force: the one of the system comes before the pinned package."""
    for folder in map(Path, zoneinfo.TZPATH):
        if not (folder / "UTC").exists():
            continue
        found = _system_version(folder)
        says = f"version {found or 'unknown'} of {folder} is in force, the pinned package has {IANA_VERSION}"
        if found == IANA_VERSION:
            yield ok("tz database", says, version=found)
        else:
            cure = "set PYTHONTZPATH to an empty string so that the package is used, the same on every machine"
            yield warn("tz database", says, cure, version=found)
        return
    yield ok("tz database", f"version {IANA_VERSION} of the pinned package is in force", version=IANA_VERSION)


def _system_version(folder: Path) -> str | None:
    for name in ("tzdata.zi", "+VERSION"):
        if (folder / name).is_file():
            with open(folder / name, encoding="utf-8") as file:
                return file.readline().removeprefix("# version").strip()
    return None


def clock(places: list[Path]) -> Iterator[Check]:
    """The clock is not older than the tz database or than the files in `places`."""
    now = time.time_ns() // 1_000
    shown = instant_text(now // 1_000_000 * 1_000_000)
    first = parse_instant(f"{IANA_VERSION[:4]}-01-01T00:00:00Z")
    if not first <= now < LAST_YEAR_US:
        yield fail("clock", f"{shown} cannot be now", "set the clock of this machine")
        return
    ahead = next((path for place in places for path in _written_after(place, now + SLACK_US)), None)
    if ahead is not None:
        yield warn("clock", f"{shown}, but {ahead} was written later than that", "did the clock go back? set it right")
    else:
        yield ok("clock", shown)


def _written_after(place: Path, instant: int) -> Iterator[Path]:
    for folder, _, names in os.walk(place):
        for name in sorted(names):
            try:
                written = os.stat(os.path.join(folder, name)).st_mtime_ns // 1_000
            except FileNotFoundError:  # a run that works there replaces its files
                continue
            if written > instant:
                yield Path(folder, name)


def schema_files() -> Iterator[Check]:
    """Every schema is one, and goes with all its releases."""
    verdicts = check_schemas(None)
    problems = [one for verdict in verdicts for one in verdict.problems]
    for one in problems:
        yield fail("schemas", f"{one.topic}: {one.what}", remedy(one) or "release it")
    if not problems:
        releases = sum(len(verdict.releases) for verdict in verdicts)
        yield ok("schemas", f"{len(verdicts)} schemas go with their {releases} releases, both ways")
