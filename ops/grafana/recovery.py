"""The dashboard Replay and recovery: jobs and what they find, restarts, brokers, and the room that the state takes."""

from __future__ import annotations

from ops.grafana.looks import AWAY, BAD, GOOD, READY, UP, WATCH
from ops.grafana.page import Page
from ops.grafana.panels import AnyPanel, figure, lines, rows, shares, states

FOUND = "max by (account) (max_over_time(accrual_replay_differences[1h]))"


def _glance() -> list[AnyPanel]:
    return [
        figure(
            "Processes that answer", "Of all that Prometheus is told to ask. Fewer: one is down, or its address changed.",
            "short", 'sum(up{job="accrual"})', ((1, GOOD),), best=BAD, runbooks=["AccrualTargetDown"],
        ),
        figure(
            "Restarts in 15 minutes", "Of all workers, for other reasons than brokers that were away. Two are a reason to "
            "read the log.", "short", 'sum(increase(accrual_restarts_total{cause!="away"}[15m]))',
            ((0.5, WATCH), (1.5, BAD)), decimals=0, runbooks=["AccrualRestarting"],
        ),
        figure(
            "Brokers of the source", "Away: nothing is read, nothing is lost.", "none", "max(accrual_source_away)",
            ((1, BAD),), meaning=AWAY, runbooks=["AccrualSourceAway"],
        ),
        figure(
            "Brokers of the sink", "Away: entries are decided and wait in the state.", "none", "max(accrual_sink_away)",
            ((1, BAD),), meaning=AWAY, runbooks=["AccrualSinkAway"],
        ),
        figure(
            "Differences found by replays", "What replays of the last hour would post otherwise. Not nothing: what is posted is "
            "not what the rules say.", "short", f"sum({FOUND})", ((1, BAD),),
            runbooks=["AccrualReplayDifferences"],
        ),
        figure(
            "State", "Size of the files of all shards. Compare with the room on its volume.", "bytes", "accrual:state:bytes",
            runbooks=["AccrualStateGrowing"],
        ),
    ]  # fmt: skip


def _jobs() -> list[AnyPanel]:
    return [
        lines(
            "Replay: how far", "Share of the range that is booked anew. A line that stands still is a job that was ended or "
            "waits for brokers: run the same command again, it goes on.", "percentunit",
            [("accrual_replay_progress_ratio", "{{instance}}")], runbooks=["AccrualReplayDifferences"],
        ),
        lines(
            "Replay: records a second", "How fast it reads. It takes nothing from the service but the brokers' and the "
            "machine's time.", "cps", [("sum by (instance) (rate(accrual_replay_records_total[$__rate_interval]))",
            "{{instance}}")],
        ),
        lines(
            "Replay: time left", "At the pace so far.", "s", [("accrual_replay_left_seconds", "{{instance}}")],
        ),
        shares(
            "Differences by account", "What `--compare` has found, by account. DIR/differences.jsonl names each with its "
            "entries and the offsets of their events.", "short", FOUND,
            "{{account}}", worse=((1, BAD),), span=12, runbooks=["AccrualReplayDifferences"],
        ),
        rows(
            "What runs", "Version, generation (one more with every start) and workers of each process. Different versions "
            "side by side: an update stopped half way.",
            [("Processes", "short", "count by (version, generation, workers) (accrual_build_info)")],
            ["version", "generation", "workers"], span=12,
        ),
    ]  # fmt: skip


def _restarts() -> list[AnyPanel]:
    asked = [('up{job="accrual"}', "{{instance}}")]
    brokers = [("max(accrual_source_away)", "source"), ("max(accrual_sink_away)", "sink")]
    return [
        lines(
            "Restarts by cause", "Of all workers since the service began: one died, one hung, brokers were away. Steps close "
            "to each other: read the log for what they die of.", "short",
            [("sum by (cause) (accrual_restarts_total)", "{{cause}}")], stepped=True,
            coloured=("died", "hung", "away"), runbooks=["AccrualRestarting"],
        ),
        states("Processes", "Which process answered Prometheus, and when.", asked, UP, runbooks=["AccrualTargetDown"]),
        states(
            "Ready", "When which process had booked what was there at its start.", [("accrual_ready", "{{instance}}")],
            READY, runbooks=["AccrualNotReady"],
        ),
        states(
            "Brokers", "When the brokers of the source and of the sink did not answer.", brokers, AWAY,
            runbooks=["AccrualSourceAway", "AccrualSinkAway"],
        ),
        lines(
            "Alerts", "Which alerts of this service were firing, and when.", "short",
            [('count by (alertname) (ALERTS{alertname=~"Accrual.*", alertstate="firing"})', "{{alertname}}")],
            bars=True, stacked=True, span=16,
        ),
    ]  # fmt: skip


def _room() -> list[AnyPanel]:
    return [
        lines(
            "State by shard", "Identities of the horizon, windows and books. It grows to what horizon and retention keep, "
            "then stays; one shard far above the others has one very large customer.", "bytes",
            [("sum by (shard) (accrual_state_bytes)", "shard {{shard}}")], stacked=True, runbooks=["AccrualStateGrowing"],
        ),
        lines(
            "Memory", "Resident, by process. It follows batches and identities kept in memory (11 bytes each), and has no "
            "reason to grow for ever.", "bytes", [('process_resident_memory_bytes{job="accrual"}', "{{instance}}")],
        ),
        lines(
            "Processor", "Cores in use, by process. One that stands at 1 is the limit: more workers.", "short",
            [('rate(process_cpu_seconds_total{job="accrual"}[$__rate_interval])', "{{instance}}")],
            worse=((0.95, WATCH),), runbooks=["AccrualLagGrowing"],
        ),
    ]  # fmt: skip


def page() -> Page:
    """How it stands after what went wrong."""
    found = [
        ("At a glance", _glance()),
        ("Replay jobs", _jobs()),
        ("Restarts, brokers and alerts", _restarts()),
        ("Room", _room()),
    ]
    about = "Jobs and what they find, restarts, brokers, and the room that the state takes."
    return Page("recovery", "Replay and recovery", about, (), found)
