"""What surrounds a flow in whichever process it works: signals, the pages that it answers, and failures without a wrapping."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from accounting.require import InvariantBroken
from connectors.errors import ConnectorError
from connectors.follow import Follow
from ops.endpoint import metrics_page, serving
from ops.health import live_page, ready_page
from ops.job import Job
from ops.redaction import Redaction
from ops.run_facts import RunFacts
from ops.standing import Standing
from ops.status import status_page
from state.errors import StateError


def served(job: Job, listener: socket.socket | None, standing: Standing) -> AbstractContextManager[None]:
    """While the block runs, the process answers."""
    metrics, settings = job.metrics, job.settings
    metrics.registry.register(RunFacts(job, standing))
    pages = {
        "/metrics": metrics_page(metrics.registry),
        "/status": status_page(job, standing, Redaction(settings.secrets())),
        "/live": live_page(metrics.vitals, settings.hang_s),
        "/ready": ready_page(metrics.vitals, standing.signs),
    }
    return serving(listener, pages, settings.metrics_token())


@contextmanager
def stopped_by_signal(follow: Follow | None) -> Iterator[None]:
    """While a source is followed, SIGTERM and SIGINT ask it to stop: what was read is booked and written first."""
    if follow is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, follow.stop) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def plain_failures() -> Iterator[None]:
    """Bytewax wraps what a step raises: give the cause back."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ConnectorError | StateError | InvariantBroken | OSError):
                raise cause from None
            cause = cause.__cause__ or cause.__context__
        raise
