"""Answers of the ERP: matched with their entries in whatever order both come, counted once, and none of the books' business."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from tests.support.driven import DrivenShard
from tests.support.scraped import Scraped

# Two entries of 10.00 and 6.00, the second one said with the clock record of the 5th.
BOOKS = """
    2025-01-01 contract price=2
    2025-01-02T10 usage n=5
    2025-01-03T10 usage n=3
    2025-01-05 clock
"""
NOBODYS = "0123456789abcdef0123456789abcdef"
NOBODY = f"{NOBODYS} customer=c"


@pytest.fixture
def driven(tmp_path):
    """Opens shards on stores of the test's own, and closes them."""
    opened: list[DrivenShard] = []

    def drive(story: str, **settings: Any) -> DrivenShard:
        opened.append(DrivenShard(tmp_path / f"state-{len(opened)}", story, following=True, **settings))
        return opened[-1]

    yield drive
    for shard in opened:
        shard.close()


@pytest.fixture
def ids(driven):
    """Of the two entries."""
    return [one["entry_id"] for one in driven(BOOKS).play().entries]


def counts(shard: DrivenShard) -> tuple[int, int, int, int]:
    """Posted, rejected, unknown and without an answer, as the metrics of the run say."""
    scraped = Scraped.of(shard.context.metrics.registry)
    by_status = {"posted": 0, "rejected": 0}
    found = {"accrual_erp_unknown_entries": 0, "accrual_erp_unmatched_entries": 0}
    for one in scraped.samples:
        if one.name == "accrual_erp_answers":
            by_status[one.labels["status"]] += int(one.value)
        elif one.name in found:
            found[one.name] += int(one.value)
    return (*by_status.values(), *found.values())


def after(answers: str) -> str:
    """The books, and answers that come one by one after them."""
    return BOOKS + "".join(f"\n{line}\n" for line in answers.strip().splitlines())


def test_an_entry_awaits_its_answer_until_it_comes(driven, ids):
    shard = driven(after(f"2025-01-06 answer id={ids[0]} amount=10.00"))
    shard.play(stop=1)
    assert (0, 0, 0, 2) == counts(shard)
    shard.play(1)
    assert (1, 0, 0, 1) == counts(shard)
    assert [] == shard.exceptions


def test_what_is_delivered_again_is_counted_as_nothing(driven, ids):
    again = "\n".join([f"2025-01-06 answer id={ids[0]} amount=10.00"] * 3)
    assert (1, 0, 0, 1) == counts(driven(after(again)).play())


def test_a_rejection_is_an_exception_until_the_entry_is_posted(driven, ids):
    story = f"""2025-01-06 answer id={ids[0]} status=rejected reason=closed
                2025-01-07 answer id={ids[0]} status=rejected reason=closed
                2025-01-08 answer id={ids[0]} amount=10.00
                2025-01-06 answer id={ids[0]} status=rejected reason=closed"""
    shard = driven(after(story))
    shard.play(stop=3)
    assert (0, 1, 0, 1) == counts(shard)
    assert ["posting_rejected erp 0 open"] == shard.exceptions
    shard.play(3)
    assert (1, 0, 0, 1) == counts(shard)
    assert ["posting_rejected erp 0 open", "posting_rejected erp 0 resolved"] == shard.exceptions


def test_an_amount_that_differs_is_an_exception_until_the_right_one_is_posted(driven, ids):
    story = f"""2025-01-06 answer id={ids[0]} amount=10.01
                2025-01-07 answer id={ids[1]} amount=6.0
                2025-01-08 answer id={ids[0]} amount=10.00"""
    shard = driven(after(story))
    shard.play(stop=3)
    assert (2, 0, 0, 0) == counts(shard)
    assert ["posting_differs erp 0 open"] == shard.exceptions
    shard.play(3)
    assert (2, 0, 0, 0) == counts(shard)
    assert [] == shard.open


def test_an_entry_that_nobody_knows_is_an_exception_once_time_has_passed_its_answer(driven):
    shard = driven(
        after(
            f"2025-01-06 answer id={NOBODY}\n2025-01-06 answer id=ours-not customer=d\n2025-01-07 clock\n2025-01-08 clock"
        )
    )
    shard.play(stop=3)
    assert (0, 0, 2, 2) == counts(shard)
    assert [] == shard.exceptions
    shard.play(3)
    assert ["entry_unknown erp 0 open", "entry_unknown erp 1 open"] == shard.exceptions


def test_an_answer_may_be_read_before_its_entry_is_said(driven, ids):
    early = f"2025-01-01 contract price=2\n2025-01-02T10 usage n=5\n2025-01-03 answer id={ids[0]} status=rejected\n\n"
    shard = driven(f"{early}\n2025-01-04 clock")
    shard.play(stop=1)
    assert (0, 0, 1, 0) == counts(shard)
    shard.play(1)
    assert (0, 1, 0, 0) == counts(shard)
    assert ["posting_rejected erp 0 open"] == shard.exceptions


def test_what_was_said_to_be_unknown_is_resolved_when_the_entry_comes(driven):
    usage = "2025-01-03T10 usage n=4 customer=d"
    contract = "2025-01-01 contract price=2 k=kd customer=d"
    name = driven(f"{contract}\n{usage}\n2025-01-05 clock").play().entries[0]["entry_id"]
    shard = driven(
        f"{BOOKS}\n\n2025-01-06 answer id={name} amount=8.00 customer=d\n2025-01-07 clock\n\n{contract}\n{usage}"
    )
    shard.play()
    assert (1, 0, 0, 2) == counts(shard)
    assert ["entry_unknown erp 0 open", "entry_unknown erp 0 resolved"] == shard.exceptions[:2]


def test_the_order_in_which_answers_come_does_not_matter(driven, ids):
    answers = [
        f"2025-01-06 answer id={ids[0]} status=rejected on=0",
        f"2025-01-07 answer id={ids[0]} amount=10.00 on=1",
        f"2025-01-07 answer id={ids[0]} status=rejected on=2",
        f"2025-01-08 answer id={ids[1]} amount=7.00 on=3",
    ]
    found = set()
    for order in permutations(answers):
        shard = driven(after("\n".join(order))).play()
        found.add((counts(shard), tuple(shard.open)))
        shard.close()
    assert {((2, 0, 0, 0), ("posting_differs erp 0",))} == found


@pytest.mark.parametrize("stop", range(1, 7))
def test_a_restart_changes_nothing(driven, ids, stop):
    story = after(
        f"""2025-01-06 answer id={ids[0]} status=rejected
            2025-01-06 answer id={NOBODY}
            2025-01-07 clock
            2025-01-08 answer id={ids[0]} amount=9.00
            2025-01-08 answer id={ids[0]} amount=9.00"""
    )
    through, halted = driven(story).play(), driven(story).play(stop=stop).reopen()
    halted.play(stop)
    assert (1, 0, 1, 1) == counts(halted)
    assert through.lines == halted.lines


def test_the_age_of_what_is_unanswered_is_business_time_since_it_was_said_or_its_accounting_date(driven, ids):
    shard = driven(after(f"2025-01-09T12 clock\n2025-01-10 answer id={ids[0]}\n2025-01-10 answer id={ids[1]}"))

    def oldest() -> float:
        return (
            Scraped.of(shard.context.metrics.registry).families["accrual_erp_unmatched_oldest_seconds"].samples[0].value
        )

    shard.play(stop=2)
    assert 7.5 * 86_400 == oldest(), "of the 2nd, which a watermark closed before there was a business date"
    shard.play(2, 3)
    assert 4.5 * 86_400 == oldest(), "of the 3rd, said with the clock record of the 5th"
    shard.play(3)
    assert 0 == oldest()


def test_a_state_from_before_answers_were_read_says_of_no_entry_that_nobody_knows_it(driven, ids):
    story = after(f"2025-01-06 answer id={ids[0]}\n2025-01-07 clock\n2025-01-08 answer id={NOBODY}\n2025-01-09 clock")
    shard = driven(story).play(stop=1)
    store = shard.context.opened[0]
    for table in (b"j", b"z", b"merp"):  # as it would be without the keys of this version
        for key, _ in list(store.scan(table)):
            store.delete(key)
    store.commit()
    shard.reopen().play(1)
    assert (0, 0, 2, 0) == counts(shard)
    assert [] == shard.exceptions


def test_what_lies_behind_the_cut_is_forgotten(driven, ids):
    far = (
        f"2026-04-01 clock\n2026-04-02 answer id={ids[0]}\n2025-01-06 answer id={ids[1]}\n2025-01-06 answer id={NOBODY}"
    )
    shard = driven(after(f"2025-01-06 answer id={ids[0]}\n2025-01-06 answer id={NOBODY}\n{far}"))
    shard.play(stop=3)
    assert (1, 0, 1, 1) == counts(shard)
    shard.play(3)
    store = shard.context.opened[0]
    assert [] == list(store.scan(b"j"))
    assert [] == list(store.scan(b"z"))
    assert 1 == len(list(store.scan(b"q\x00"))), "the answer of 2026"
    assert (1, 0, 2, 0) == counts(shard)
