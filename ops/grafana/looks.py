"""How the dashboards look: one colour for one meaning on every page."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

GOOD, WATCH, BAD, CALM, QUIET = "green", "orange", "red", "blue", "#8e8e8e"

# What a series is called, and its colour wherever it is drawn.
COLOURS = {
    "counted": GOOD, "duplicate": QUIET, "excepted": BAD, "late": WATCH, "expired": "dark-red", "parked": "yellow",
    "unplaced": "purple",
    "usage": CALM, "recognition": "dark-blue", "billing": "light-blue", "payment": GOOD, "catch_up": "purple",
    "correction": BAD, "credit": WATCH, "fx": "yellow",
    "unbilled_receivable": WATCH, "deferred_revenue": CALM, "contract_asset": "purple", "accounts_receivable": GOOD,
    "posted": GOOD, "rejected": BAD, "unknown": WATCH,
    "died": BAD, "hung": WATCH, "away": QUIET,
    "p50": GOOD, "p90": "yellow", "p99": WATCH,
    "5 minutes": WATCH, "1 hour": "purple", "6 hours": CALM,
}  # fmt: skip

AWAY = {"0": ("answers", GOOD), "1": ("away", BAD)}
READY = {"0": ("not ready", BAD), "1": ("ready", GOOD)}
UP = {"0": ("down", BAD), "1": ("up", GOOD)}


def steps(*worse: tuple[float, str], best: str = GOOD) -> dashboard.ThresholdsConfig:
    """Colours from values on: `best` below the first of them."""
    found = [Threshold(None, best), *(Threshold(value, colour) for value, colour in worse)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)


def words(meaning: dict[str, tuple[str, str]]) -> ValueMap:
    """A value as a word in a colour."""
    return ValueMap({value: ValueMappingResult(text=text, color=colour) for value, (text, colour) in meaning.items()})


def painted(colour: str) -> list[DynamicConfigValue]:
    """The properties of a series of that colour."""
    return [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})]
