"""What happens to a scene, part by part: each drives alerts until they have fired, and then does what their runbook says."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tests.observability.scene import FAST_MS, SLOW_MS, Scene
from tests.support.process import finish


def it_starts_late(there: Scene) -> None:
    """Nobody answers at first."""
    there.past()
    there.prometheus.until_fired("AccrualTargetDown")
    there.start(SLOW_MS)
    there.prometheus.until(lambda: there.all_read, "what was sent is read")
    there.prometheus.until_clear("AccrualTargetDown")


def it_is_slow_and_what_comes_is_odd(there: Scene) -> None:
    """Moments of durability lie far apart, producers repeat themselves, are late, and send what is no record."""
    there.garbage()  # a moment of durability has just been: all of it is in the next one, or else what is sent again
    there.prometheus.until_fired("AccrualOutboxGrowing", "AccrualExceptionsFlood", meanwhile=there.garbage_again)
    there.amended(2, "0.40")
    there.odd()
    there.prometheus.until_fired(
        "AccrualDuplicatesSurge", "AccrualLateSurge", "AccrualParkedGrowing",
        "AccrualUsageToJournalBurnsFast", "AccrualAmendmentToRevenueBurnsFast",
    )  # fmt: skip
    there.prometheus.until_fired(
        "AccrualStateGrowing", "AccrualUsageToJournalBurnsSlow", "AccrualAmendmentToRevenueBurnsSlow",
        "AccrualWatermarkStalled", "AccrualBusinessDateStalled", "AccrualErpUnmatchedAged",
        "AccrualExceptionsPastDueBurnsFast", "AccrualExceptionsPastDueBurnsSlow",
    )  # fmt: skip
    there.answers(rejected=3)
    there.prometheus.until_fired("AccrualErpRejections")


def the_brokers_are_away(there: Scene) -> None:
    """They stop while a transaction is open, and go on."""
    began = there.decoded
    there.garbage(20)  # each is an exception, so that something is to be committed
    there.prometheus.until(lambda: there.decoded > began, "it is on its way", look_s=0)
    os.kill(there.broker_pid, signal.SIGSTOP)
    try:
        there.prometheus.until_fired("AccrualSourceAway", "AccrualSinkAway")
    finally:
        os.kill(there.broker_pid, signal.SIGCONT)
    there.prometheus.until_clear("AccrualSourceAway", "AccrualSinkAway")


def it_takes_less_than_what_comes(there: Scene) -> None:
    """A backlog, and batches of two rows; then its workers die, twice. A replay beside it finds differences."""
    there.stop()
    job = there.replay()
    there.prometheus.until(
        lambda: there.prometheus.value("max_over_time(accrual_replay_progress_ratio[1m])") > 0,
        "the job knows its range",
    )
    there.present()
    there.many(12_000)
    there.start(FAST_MS, batch_rows=2)
    there.prometheus.until_fired("AccrualNotReady", "AccrualLagGrowing", meanwhile=lambda: there.many(400))
    for _ in range(2):  # the second time as soon as they are there again
        died = there.workers()
        os.kill(died[-1], signal.SIGKILL)
        there.prometheus.until(lambda: not set(there.workers()).intersection(died), "others work")  # noqa: B023
    there.prometheus.until_fired("AccrualRestarting", "AccrualReplayDifferences")
    ended = finish(job)
    assert 0 == ended.code, ended.said


def its_counts_are_damaged(there: Scene) -> None:
    """In its state: the program itself posts no entry that does not balance, and loses no event."""
    there.stop()
    there.damage(1)
    there.start(FAST_MS)
    there.prometheus.until_fired("AccrualBooksUnbalanced", "AccrualEventsUnaccounted")
    there.stop()
    there.damage(-1)


def it_is_well_again(there: Scene) -> None:
    """As the runbook says: started again with room, what was missing is sent, the ERP answers."""
    there.start(FAST_MS)
    there.prometheus.until(lambda: there.all_read, "all is read")
    there.amended(3, "0.45")
    there.until_journal_stands()
    there.answers()
    there.prometheus.until_clear(*there.prometheus.fired())


PARTS: tuple[Callable[[Scene], None], ...] = (
    it_starts_late,
    it_is_slow_and_what_comes_is_odd,
    the_brokers_are_away,
    it_takes_less_than_what_comes,
    its_counts_are_damaged,
    it_is_well_again,
)


def play(there: Scene) -> None:
    """All of it, in its order."""
    for part in PARTS:
        began = time.monotonic()
        part(there)
        print(f"{part.__name__}: {time.monotonic() - began:.0f} s", flush=True)
