"""What a worker process does; all that this imports is imported while the launcher looks at the places of the run."""

from __future__ import annotations

import json
import os
import socket
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bytewax.run import cli_main
from bytewax.testing import cluster_main

from accounting.require import InvariantBroken
from connectors.crash_point import arm, crash_point
from connectors.errors import AWAY, ConnectorError, SinkAway
from dataflows.main_job import main_job
from ops.board import Board, Ending, How, Signs
from ops.collector import leave_alone
from ops.failures import FAILED, exit_code, told
from ops.flow import plain_failures, served, stopped_by_signal
from ops.job import Job
from ops.last_words import LastWords
from ops.log import logging_as, noted
from ops.pulse import Pulse
from ops.service_log import ServiceLog
from ops.settings import Settings, SettingsWrong
from ops.standing import Restart, Standing
from ops.status import own_report
from state.errors import StateError
from state.records import Applied

if TYPE_CHECKING:
    from ops.spans import BatchSpans


def work(spec: dict[str, Any], board: Board, pulse: Pulse, listener: socket.socket | None) -> None:
    """Of one process. Raises as a run does."""
    settings = Settings.model_validate(spec["settings"])
    with logging_as(settings, spec["follow"], spec["process"], spec["generation"]):
        _flow(spec, settings, board, pulse, listener)


def _flow(spec: dict[str, Any], settings: Settings, board: Board, pulse: Pulse, listener: socket.socket | None) -> None:
    arm(os.environ)
    process = spec["process"]
    job = Job.of(spec["source"], spec["sink"], Path(spec["state"]), spec["as_of"], settings, spec["follow"])
    pulse.vitals = job.metrics.vitals
    job.sink.know(spec["numbers"])
    starts = {name: Applied(*at) for name, at in spec["starts"].items()}
    standing, log = _standing(spec, board), ServiceLog()
    if noted():
        log.watch(job)
        pulse.on_beat = log.tick
    spans = _spans(settings, job, standing)
    pulse.report = lambda: json.dumps(own_report(job, standing)).encode()
    with (
        closing(log), closing(spans) if spans is not None else nullcontext(), stopped_by_signal(job.follow),
        served(job, listener, standing), plain_failures(), closing(job.plan()) as found,
        closing(job.context(found, log.heard if noted() else None, spans)) as context,
    ):  # fmt: skip
        # The plan may wait for the schemas of control records.
        if job.follow is not None and job.follow.stopping:
            return
        words = LastWords(lambda error: _told(board, process, error, log))
        source = words.of(job.build_source(found, starts, spans))
        pulse.progress = source.progress
        flow = main_job(source, words.of(job.build_sink()), context, words.of)
        leave_alone()
        if spec["addresses"]:
            cluster_main(flow, spec["addresses"], process, epoch_interval=job.epoch, recovery_config=None)
        else:
            cli_main(flow, epoch_interval=job.epoch, recovery_config=None)
            context.ended()  # of several, one may have ended before another has written what came from here
    crash_point("run-ended")


def _spans(settings: Settings, job: Job, standing: Standing) -> BatchSpans | None:
    """Where they are wanted; else nothing of it is imported."""
    if settings.traces_endpoint is None:
        return None
    from ops.spans import BatchSpans

    return BatchSpans(settings.traces_endpoint, job.metrics.timings.steps, standing.worker, standing.generation)


def _told(board: Board, process: int, error: BaseException, log: ServiceLog) -> int:
    found = ending(error)
    log.close()
    board.end(process, found)
    return found.code


def _standing(spec: dict[str, Any], board: Board) -> Standing:
    """The first process answers for the others too."""
    process, last = spec["process"], spec["last"]
    others = range(1, board.processes) if process == 0 else ()

    def signs() -> dict[int, Signs]:
        return {number: board.signs(number) for number in others}

    def reports() -> dict[int, dict[str, Any]]:
        told = {number: board.reported(number) for number in others}
        return {number: json.loads(content) for number, content in told.items() if content}

    return Standing(
        process,
        board.processes,
        spec["generation"],
        spec["restarts"],
        Restart(**last) if last else None,
        signs,
        reports,
    )


def ending(error: BaseException) -> Ending:
    """Of a process that ends by this error."""
    if isinstance(error, SinkAway):
        return Ending(How.SINK_AWAY, exit_code(error), told(error))
    if isinstance(error, AWAY):
        return Ending(How.AWAY, exit_code(error), told(error))
    if isinstance(error, ConnectorError | StateError | SettingsWrong | InvariantBroken | OSError):
        return Ending(How.REFUSED, exit_code(error), told(error))
    return Ending(How.DEFECT, FAILED, told(error))
