"""Boundaries inside a cell: where summed usage is cut."""

from decimal import Decimal

import pytest

from tests.support.driven import DrivenShard

USAGE = """
    2025-01-01 contract price=2
    {early}
    2025-01-09T10:01 usage n=1
    2025-01-09T10:10 usage n=1
    2025-01-10 clock

    2025-01-11 {late}
"""
CANCELLATION = "contract version=2 kind=cancelled price=2 effective=2025-01-09T10:07"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param("early", Decimal(-2), id="a cancellation that is known cuts the quarter of an hour"),
        pytest.param(
            "late", Decimal(-4), id="one that comes after the usage was summed takes effect with the next one"
        ),
    ],
)
def test_a_cancellation_inside_a_quarter_of_an_hour(known, expected, tmp_path):
    lines = {"early": "2025-01-02 " + CANCELLATION if known == "early" else "", "late": "clock"}
    if known == "late":
        lines["late"] = CANCELLATION
    shard = DrivenShard(tmp_path / "state", USAGE.format(**lines), "2025-01-12").play()
    try:
        assert expected == shard.balances()["revenue"]
    finally:
        shard.close()
