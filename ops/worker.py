"""A worker process of a run; started by the launcher, which holds the lock and starts it again when it dies."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import threading
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.board import Board, Ending, How, Signs
from ops.collector import collect_seldom
from ops.last_words import LastWords
from ops.pulse import Pulse

if TYPE_CHECKING:
    from ops.job import Job
    from ops.service_log import ServiceLog
    from ops.settings import Settings
    from ops.spans import BatchSpans
    from ops.standing import Standing

DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl


def main() -> int:
    """Do the work that the launcher wrote into the environment."""
    spec = json.loads(os.environ["ACCRUAL_WORKER"])
    _end_with(spec["launcher"])
    board, process = Board(spec["board"], spec["processes"]), spec["process"]
    pulse = Pulse(board, process)
    collect_seldom()
    try:
        work(spec, board, pulse)
        ending = Ending(How.DONE)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of Bytewax is no Exception
        ending = _ending(error)
    pulse.stop()
    board.end(process, ending)
    return ending.code


def work(spec: dict[str, Any], board: Board, pulse: Pulse) -> None:
    """Of one process. Raises as a run does."""
    from ops.log import logging_as
    from ops.settings import Settings

    settings = Settings.model_validate(spec["settings"])
    with logging_as(settings, spec["follow"], spec["process"], spec["generation"]):
        _flow(spec, settings, board, pulse)


def _flow(spec: dict[str, Any], settings: Settings, board: Board, pulse: Pulse) -> None:
    from bytewax.run import cli_main
    from bytewax.testing import cluster_main

    from connectors.crash_point import arm, crash_point
    from dataflows.main_job import main_job
    from ops.flow import plain_failures, served, stopped_by_signal
    from ops.job import Job
    from ops.log import noted
    from ops.service_log import ServiceLog
    from ops.status import own_report
    from state.records import Applied

    arm(os.environ)
    process = spec["process"]
    job = Job.of(spec["source"], spec["sink"], Path(spec["state"]), spec["as_of"], settings, spec["follow"])
    pulse.vitals = job.metrics.vitals
    job.sink.know(spec["numbers"])
    starts = {name: Applied(*at) for name, at in spec["starts"].items()}
    listener = None if spec["listener"] is None else socket.socket(fileno=spec["listener"])
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
    ending = _ending(error)
    log.close()
    board.end(process, ending)
    return ending.code


def _standing(spec: dict[str, Any], board: Board) -> Standing:
    """The first process answers for the others too."""
    from ops.standing import Restart, Standing

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


def _ending(error: BaseException) -> Ending:
    from accounting.require import InvariantBroken
    from connectors.errors import AWAY, ConnectorError, SinkAway
    from ops.failures import FAILED, exit_code, told
    from ops.settings import SettingsWrong
    from state.errors import StateError

    if isinstance(error, SinkAway):
        return Ending(How.SINK_AWAY, exit_code(error), told(error))
    if isinstance(error, AWAY):
        return Ending(How.AWAY, exit_code(error), told(error))
    if isinstance(error, ConnectorError | StateError | SettingsWrong | InvariantBroken | OSError):
        return Ending(How.REFUSED, exit_code(error), told(error))
    return Ending(How.DEFECT, FAILED, told(error))


def _end_with(launcher: int) -> None:
    """With the launcher this process ends too, also where it hangs or is stopped and no thread of it runs."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != launcher:  # it is gone already
            os._exit(1)
    threading.Thread(target=_end_with_the_pipe, daemon=True).start()


def _end_with_the_pipe() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written there: it returns when the launcher is gone
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
