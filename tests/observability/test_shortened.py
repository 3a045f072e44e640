"""The rules of the live test are the repository's: a second for a minute, and nothing else is different."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.observability.shortened import short, shortened
from tests.support.rules import FILES

DURATION = re.compile(r"(?<=\[)\d+[smhd](?=\])|(?<=offset )\d+[smhd]")


@pytest.mark.parametrize("long, expected", [("1m", "1s"), ("15m", "15s"), ("6h", "360s"), ("120s", "2s")])
def test_a_minute_is_a_second(long, expected):
    assert expected == short(long)


def test_only_durations_are_different(tmp_path):
    shortened(tmp_path / "rules")
    for file in FILES:
        before, after = (_rules(path) for path in (file, tmp_path / "rules" / file.name))
        for whole, made in zip(before, after, strict=True):
            assert [short(one) for one in DURATION.findall(whole["expr"])] == DURATION.findall(made["expr"])
            assert DURATION.sub("", whole["expr"]) == DURATION.sub("", made["expr"])
            assert ("for" in whole) == ("for" in made)
            assert {**whole, "expr": "", "for": ""} == {**made, "expr": "", "for": ""}


def test_every_window_holds_two_scrapes_of_the_live_test():
    for file in FILES:
        for rule in _rules(file):
            assert all(int(short(one)[:-1]) >= 5 for one in re.findall(r"\[(\d+[smhd])\]", rule["expr"]))


def _rules(file):
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
