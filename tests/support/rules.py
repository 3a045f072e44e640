"""The rules of `ops/prometheus/rules`, as they are read."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.observability.exposed import exposed
from tests.support.promql import Series, labels_of

OPS = Path(__file__).parents[2] / "ops"
FILES = sorted((OPS / "prometheus" / "rules").glob("*.yml"))


@cache
def groups() -> dict[str, list[dict[str, Any]]]:
    """The rules of each group."""
    found = [group for file in FILES for group in yaml.safe_load(file.read_text())["groups"]]
    return {group["name"]: group["rules"] for group in found}


def rules() -> list[dict[str, Any]]:
    """Every rule, in the order of files and groups."""
    return [rule for found in groups().values() for rule in found]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recorded() -> dict[str, str]:
    """What is recorded, and its expression."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


@cache
def series() -> Series:
    """What an expression may name: what is exposed and what is recorded of it."""
    known = exposed()
    for name, expr in recorded().items():
        known[name] = labels_of(expr, known)  # in the order of the file: one may be made of another
    return known
