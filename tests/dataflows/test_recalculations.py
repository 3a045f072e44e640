"""What a recalculation says of a contract version, of late usage and of a policy: courses of events on a real store."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from schemas.topics import JOURNAL
from tests.support.driven import DrivenShard


def amounts(record: dict[str, Any], name: str) -> str:
    """`line month amount` of before, after or delta."""
    return ", ".join(f"{one['line_id']} {one['period']} {one['amount']}" for one in record[name])


def head(record: dict[str, Any]) -> tuple[Any, ...]:
    """Versions, cause and treatment."""
    return record["from_version"], record["to_version"], record["cause"], record["treatment"]


def posted(shard: DrivenShard, record: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Line, period and origin period of the entries that a record names."""
    entries = {entry["entry_id"]: entry for entry in map(json.loads, shard.lines[JOURNAL].values())}
    return [
        (entries[name]["line_id"], entries[name]["period"], entries[name]["origin_period"])
        for name in record["entry_ids"]
    ]


UPGRADE = """
    2025-01-01 contract fixed=a:1200~monthly
    2025-03-01 clock

    2025-03-10 contract version=2 effective=2025-03-01 fixed=a:1800~monthly
"""


def test_the_first_version_says_its_schedule(driven):
    (record,) = driven("2025-01-01 contract fixed=a:30~monthly end=2025-04-01").play().recalculations
    assert (None, 1, "amendment", "new_contract") == head(record)
    assert "" == amounts(record, "before")
    assert "a 2025-01 10.00, a 2025-02 10.00, a 2025-03 10.00" == amounts(record, "after") == amounts(record, "delta")


def test_a_version_says_before_after_and_delta_of_each_line_and_month(driven):
    _, record = driven(UPGRADE).play().recalculations
    assert (1, 2, "amendment", "prospective") == head(record)
    months = [f"2025-{month:02}" for month in range(1, 13)]
    assert ", ".join(f"a {month} 100.00" for month in months) == amounts(record, "before")
    assert ", ".join(f"a {month} 160.00" for month in months[2:]) in amounts(record, "after")
    assert ", ".join(f"a {month} 60.00" for month in months[2:]) == amounts(record, "delta")


def test_the_tests_that_decided_it_are_there_with_inputs_and_results(driven):
    _, record = driven(UPGRADE).play().recalculations
    told = {one["test"]: one["result"] for one in record["evidence"]}
    assert ("changed", "yes", "prospective") == (told["terms"], told["remaining is distinct"], told["treatment"])
    assert all(one["inputs"] is not None for one in record["evidence"])


def test_an_amendment_of_a_posted_month_names_the_entries_that_it_posted(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:1200~monthly
        2025-04-01 clock

        2025-04-10 contract version=2 effective=2025-02-01 fixed=a:1420~monthly
    """).play()
    record = shard.recalculations[-1]
    assert [("a", "2025-02", None), ("a", "2025-03", None)] == posted(shard, record)
    assert "a 2025-02 20.00, a 2025-03 20.00" == ", ".join(amounts(record, "delta").split(", ")[:2])


def test_what_belongs_to_a_closed_month_is_posted_in_the_next_one_and_told_where_it_belongs(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:1200~monthly
        2025-03-05 close entity=us period=2025-02
        2025-04-01 clock

        2025-04-10 contract version=2 effective=2025-02-01 fixed=a:1420~monthly
    """).play()
    record = shard.recalculations[-1]
    assert [("a", "2025-03", "2025-02"), ("a", "2025-03", None)] == posted(shard, record)
    assert "a 2025-02 20.00" in amounts(record, "delta")


def test_usage_that_is_rated_again_is_in_the_record_of_its_version(driven):
    shard = driven("""
        2025-01-01 contract price=2
        2025-01-10 usage n=5
        2025-01-20 usage n=7
        2025-02-01 clock

        2025-02-10 contract version=2 effective=2025-01-15 price=3
    """).play()
    record = shard.recalculations[-1]
    assert (1, 2, "amendment", "prospective") == head(record)
    told = tuple(amounts(record, name) for name in ("before", "after", "delta"))
    assert ("l 2025-01 24.00", "l 2025-01 31.00", "l 2025-01 7.00") == told
    assert ["usage terms"] == [one["test"] for one in record["evidence"] if "usage" in one["test"]]
    assert [("l", "2025-01", None)] == posted(shard, record)


def test_a_version_of_later_than_now_says_what_is_to_come_and_posts_nothing(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:1200~monthly
        2025-03-01 clock

        2025-03-10 contract version=2 effective=2025-07-01 fixed=a:1800~monthly
    """).play()
    record = shard.recalculations[-1]
    assert [] == record["entry_ids"]
    assert "a 2025-07 100.00" in amounts(record, "delta")
    assert "2025-06" not in amounts(record, "delta")


def test_a_version_that_is_taken_back_says_the_opposite(driven):
    shard = driven(UPGRADE + "\n2025-03-20 contract version=3 effective=2025-03-01 fixed=a:1200~monthly").play()
    _, up, down = shard.recalculations
    assert [Decimal(one["amount"]) for one in up["delta"]] == [-Decimal(one["amount"]) for one in down["delta"]]
    assert up["before"] == down["after"]


def test_versions_that_waited_are_told_one_by_one(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:1200~monthly

        2025-03-10 contract version=3 effective=2025-05-01 fixed=a:2400~monthly
        2025-03-11 contract version=2 effective=2025-03-01 fixed=a:1800~monthly
    """).play()
    assert [(None, 1), (1, 2), (2, 3)] == [head(record)[:2] for record in shard.recalculations]
    assert shard.recalculations[1]["after"] == shard.recalculations[2]["before"]


def test_a_catch_up_is_told_apart(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:1000#1/4
        2025-02-01 clock

        2025-02-10 contract version=2 effective=2025-02-01 fixed=a:1200#1/4
    """).play()
    record = shard.recalculations[-1]
    assert ("cumulative_catch_up", "50.00") == (record["treatment"], record["catch_up"])


def test_an_undecided_version_changes_nothing_and_says_so(driven):
    shard = driven(UPGRADE + "\n2025-03-20 contract version=3 effective=2026-06-01 fixed=a:5000~monthly").play()
    record = shard.recalculations[-1]
    assert ("undecided", "") == (record["treatment"], amounts(record, "delta"))
    assert ["treatment_undecidable contracts 2"] == shard.open


LATE = """
    2025-01-01 contract price=2
    2025-01-10 usage n=5
    2025-02-01 clock

    2025-01-10 usage n=1
"""


def test_late_usage_of_a_posted_window_says_what_it_changed(driven):
    shard = driven(LATE, following=True).play()
    record = shard.recalculations[-1]
    assert (1, 1, "late_usage", None) == head(record)
    told = tuple(amounts(record, name) for name in ("before", "after", "delta"))
    assert ("l 2025-01 10.00", "l 2025-01 12.00", "l 2025-01 2.00") == told
    assert [("l", "2025-01", None)] == posted(shard, record)


def test_usage_on_time_is_no_recalculation(driven):
    shard = driven("""
        2025-01-01 contract price=2
        2025-01-10 usage n=5
        2025-02-01 clock

        2025-02-10 usage n=1
        2025-03-01 clock
    """).play()
    assert ["amendment"] == [record["cause"] for record in shard.recalculations]


def test_a_policy_that_reaches_back_says_what_it_changed(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:100 end=2025-04-01
        2025-03-01 clock

        2025-03-02 policy key=residual value=last_full_period effective_from=2025-01-01
    """).play()
    record = shard.recalculations[-1]
    assert ("policy", "a 2025-02 -0.01") == (record["cause"], amounts(record, "delta"))
    assert ("a 2025-02 31.12", "a 2025-02 31.11") == (amounts(record, "before"), amounts(record, "after"))


def test_its_id_is_that_of_the_contract_and_version(driven):
    ids = [[record["recalculation_id"] for record in driven(UPGRADE).play().recalculations] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_a_version_after_a_change_of_master_data_is_compared_with_the_plan_by_that(driven):
    shard = driven("""
        2024-12-01 reference kind=product id=a
        2024-12-01 reference kind=product id=b
        2025-01-01 contract fixed=a:120~monthly,b:120~monthly
        2025-03-01 clock

        2025-03-10 reference kind=product id=a ssp=360
        2025-03-10 contract version=2 effective=2025-03-01 fixed=a:120~monthly,b:360~monthly
    """).play()
    record = shard.recalculations[-1]
    assert (1, 2, "amendment", "prospective") == head(record)
    before = [Decimal(one["amount"]) for one in record["before"] if one["line_id"] == "a"]
    assert Decimal(180) == sum(before)  # 240 by 360 and 120, no more by 120 and 120
