"""Failures in words for a person: what, with which value, and what to do; and the exit code they give."""

from __future__ import annotations

import errno
import os
import traceback

DONE, FAILED, WRONG_USAGE = 0, 1, 2


class RunFailed(Exception):
    """A run stopped before its end; nothing is lost, and the same command takes it up again."""

    code = FAILED


class RunRefused(RunFailed):
    """A worker process ended for a reason that a restart does not mend; the message is the one that it gave."""

    def __init__(self, told: str, code: int) -> None:
        super().__init__(told)
        self.code = code


def told(error: BaseException) -> str:
    """One message. A defect of ours comes with its traceback, everything else without."""
    from accounting.require import InvariantBroken
    from connectors.errors import ConnectorError
    from ops.settings import SettingsWrong
    from ops.show.records import UnreadableRecordError
    from state.errors import StateError

    if isinstance(error, InvariantBroken):
        return f"stopped before posting, because an invariant does not hold: {error}\n{_trace(error)}"
    if isinstance(error, RunFailed | ConnectorError | StateError | SettingsWrong | UnreadableRecordError | ValueError):
        return str(error)
    if isinstance(error, OSError):
        where = f" {error.filename}" if error.filename else ""
        remedy = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "mend that"
        reason = os.strerror(error.errno) if error.errno else str(error)
        return f"cannot write or read{where}: {reason}; {remedy} and run the same command again: nothing is lost"
    return f"a defect: {error!r}\n{_trace(error)}"


def exit_code(error: BaseException) -> int:
    """2 for wrong usage or configuration, 1 for everything that a rerun can take up."""
    from connectors.errors import AccessRefused, SourceChanged, SourceUnusable
    from ops.settings import SettingsWrong
    from state.errors import StateBehind, StateForeign

    if isinstance(error, RunFailed):
        return error.code
    if isinstance(error, SourceChanged):
        return FAILED
    if isinstance(error, SettingsWrong | ValueError | SourceUnusable | AccessRefused | StateForeign | StateBehind):
        return WRONG_USAGE
    return FAILED


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
