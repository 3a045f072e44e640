"""Defects that are known and not mended yet. A test that begins to pass fails until its mark is taken away."""

from decimal import Decimal

import pytest

from tests.support.driven import DrivenShard


@pytest.mark.xfail(strict=True, reason="a cell that is summed already is not cut again where a contract ends inside it")
def test_a_cancellation_inside_a_quarter_of_an_hour_takes_out_what_comes_after_it(tmp_path):
    story = """
        2025-01-01 contract price=2
        2025-01-09T10:01 usage n=1
        2025-01-09T10:10 usage n=1
        2025-01-10 clock

        2025-01-11 contract version=2 kind=cancelled price=2 effective=2025-01-09T10:07
    """
    shard = DrivenShard(tmp_path / "state", story, "2025-01-12").play()
    try:
        assert Decimal(-2) == shard.balances()["revenue"]
    finally:
        shard.close()
