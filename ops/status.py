"""`/status`: where a run stands, for programs and for people who ask what it is doing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from accounting.coverage import ALWAYS
from dataflows.input_lag import lags
from dataflows.shard_facts import ShardFacts
from ops.endpoint import Answer, Page
from ops.job import Job
from ops.redaction import Redaction
from ops.standing import Standing
from ops.version import versions
from schemas.instants import instant_text
from schemas.topics import USAGE

MILLI_US, SECOND_US = 1_000, 1_000_000
Report = Mapping[str, Any]


def status_page(job: Job, standing: Standing, redaction: Redaction) -> Page:
    """Always 200: a run that waits has a status too."""

    def page(accepted: str) -> Answer:
        content = json.dumps(redaction.of(status(job, standing)), indent=1).encode() + b"\n"
        return Answer(200, "application/json", content)

    return page


def status(job: Job, standing: Standing) -> dict[str, Any]:
    """Of this process and of those for which it answers."""
    reports: dict[int, Report] = {standing.worker: own_report(job, standing), **standing.reports()}
    ready = standing.ready(job)
    return {
        **versions(),
        "generation": standing.generation,
        "worker": standing.worker,
        "workers": standing.workers,
        "answers_for": sorted(reports),
        "ready": ready,
        # It may have become ready between two looks: for no time yet.
        "ready_for_s": (_earliest(one["ready_for_s"] for one in reports.values()) or 0) if ready else None,
        "business_date": _earliest(one["business_date"] for one in reports.values()),
        "inputs": _inputs(reports.values()),
        "exceptions_open": _exceptions(reports.values()),
        "outbox": dict(sum((Counter(one["outbox"]) for one in reports.values()), Counter[str]())),
        "source": {"uri": job.source.uri, "away": any(one["source_away"] for one in reports.values())},
        "sink": {"uri": job.sink.uri, "away": any(one["sink_away"] for one in reports.values())},
        "restarts": dict(standing.restarts),
        "last_restart": None if standing.last is None else asdict(standing.last),
        "processes": [{"worker": number, **_life(one)} for number, one in sorted(reports.items())],
    }


def own_report(job: Job, standing: Standing) -> dict[str, Any]:
    """What a process knows of itself; its shards are some of all."""
    vitals, facts = job.metrics.vitals, job.metrics.shards.facts
    ready_us = vitals.ready_us
    date = min((one.business_date for one in facts), default=ALWAYS)
    return {
        "opened": vitals.opened,
        "ready": vitals.opened and not vitals.behind,
        "ready_for_s": None if ready_us is None else ready_us // SECOND_US,
        "last_step_ms": vitals.still_us // MILLI_US,
        "shards": [one.shard for one in facts],
        "business_date": instant_text(date) if date > ALWAYS else None,
        "inputs": _positions(facts, {name: asdict(one) for name, one in lags(vitals, job.metrics.shards).items()}),
        "exceptions": _open(job),
        "outbox": dict(sum((Counter(one.kept) for one in facts), Counter[str]())),
        "source_away": standing.source_away(job),
        "sink_away": standing.sink_away(job),
    }


def _life(report: Report) -> dict[str, Any]:
    return {name: report[name] for name in ("opened", "ready", "ready_for_s", "last_step_ms", "shards")}


def _positions(facts: list[ShardFacts], ends: Mapping[str, Report]) -> dict[str, dict[str, Any]]:
    """By partition: how far the shards here are, and the end where it is read here."""
    names = sorted({source for one in facts for source in one.applied} | set(ends))
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        at = [one.applied.get(name) for one in facts]
        marks = [one.newest - fact.lateness_us for one, fact in zip(at, facts, strict=True)
                 if one is not None and one.newest is not None]  # fmt: skip
        whole = name.startswith(f"{USAGE}/") and marks and len(marks) == len(facts)
        found[name] = {
            "applied": min((one.offset if one is not None else 0 for one in at), default=None),
            "watermark": instant_text(min(marks)) if whole else None,
            **(ends.get(name) or {"end": None, "lag": None, "unit": None}),
        }
    return found


def _open(job: Job) -> list[list[Any]]:
    """Class, owner and how many of them are open, as the metric says it."""
    found = Counter[tuple[str, str | None]]()
    for metric in job.metrics.shards.collect():
        for one in metric.samples if metric.name == "accrual_exceptions_open" else ():
            found[one.labels["class"], one.labels.get("owner")] += int(one.value)
    return [[*name, count] for name, count in found.items() if count]


def _inputs(reports: Iterable[Report]) -> list[dict[str, Any]]:
    """Each partition: the shard that is furthest behind speaks for all, the end is told by the process that reads it."""
    found: dict[str, list[Report]] = {}
    for report in reports:
        for name, one in report["inputs"].items():
            found.setdefault(name, []).append(one)
    told = []
    for name, ones in sorted(found.items()):
        topic, _, partition = name.rpartition("/")
        reader = next((one for one in ones if one["end"] is not None), ones[0])
        marks = [one["watermark"] for one in ones if one["applied"] is not None]
        told.append({
            "topic": topic, "partition": int(partition), "applied": _earliest(one["applied"] for one in ones),
            "end": reader["end"], "lag": reader["lag"], "unit": reader["unit"],
            "watermark": min(marks) if marks and None not in marks else None,
        })  # fmt: skip
    return told


def _exceptions(reports: Iterable[Report]) -> list[dict[str, Any]]:
    found = Counter[tuple[str, str | None]]()
    for report in reports:
        for cls, owner, count in report["exceptions"]:
            found[cls, owner] += count
    return [{"class": cls, "owner": owner, "open": count} for (cls, owner), count in sorted(found.items(), key=str)]


def _earliest(values: Iterable[Any]) -> Any:
    """The smallest that is known."""
    return min((one for one in values if one is not None), default=None)
