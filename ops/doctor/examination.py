"""The whole examination: every part that was named, one line for each check, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ops.doctor import program
from ops.doctor.check import Check, looked_at
from ops.doctor.disk import room
from ops.doctor.sink import sink as sink_checks
from ops.doctor.source import source as source_checks
from ops.doctor.state import holder
from ops.doctor.state import state as state_checks
from ops.settings import Settings, SettingsWrong, load


def examine(source: Path | None, sink: Path | None, state: Path | None) -> Iterator[Check]:
    """Look at the program, and at each place that is given; a sink's state is where a run puts it by default."""
    if state is None and sink is not None:
        state = sink / ".state"
    places = [place for place in (sink, state) if place is not None]
    yield from looked_at("python", program.python)
    yield from looked_at("packages", program.packages)
    yield from looked_at("settings", program.settings)
    yield from looked_at("tz database", program.time_zones)
    yield from looked_at("clock", lambda: program.clock(places))
    yield from looked_at("schemas", program.schema_files)
    settings = _settings()
    if source is not None:
        yield from looked_at("source", lambda: source_checks(source, settings))
    held = None if state is None else holder(state)
    if sink is not None:
        yield from looked_at("sink disk", lambda: room("sink", sink))
        yield from looked_at("sink", lambda: sink_checks(sink, held is not None))
    if state is not None:
        yield from looked_at("state disk", lambda: room("state", state))
        yield from looked_at("state", lambda: state_checks(state, sink, source, settings, held))


def _settings() -> Settings:
    try:
        return load()
    except SettingsWrong:
        return Settings.model_construct()  # what is wrong with them is said; the rest is judged by the defaults
