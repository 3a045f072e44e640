"""Failures in words for a person: what, with which value, and what to do; and the exit code they give."""

from __future__ import annotations

import errno
import os
import traceback

DONE, FAILED, WRONG_USAGE = 0, 1, 2
BROKERS_AWAY = 75  # of a worker process: the launcher takes it up again


def told(error: BaseException) -> str:
    """One message. A defect of ours comes with its traceback, everything else without."""
    from accounting.require import InvariantBroken
    from connectors.errors import ConnectorError
    from ops.settings import SettingsWrong
    from ops.show.records import UnreadableRecordError
    from state.errors import StateError

    if isinstance(error, InvariantBroken):
        return f"stopped before posting, because an invariant does not hold: {error}\n{_trace(error)}"
    if isinstance(error, ConnectorError | StateError | SettingsWrong | UnreadableRecordError | ValueError):
        return str(error)
    if isinstance(error, OSError):
        where = f" {error.filename}" if error.filename else ""
        remedy = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "mend that"
        reason = os.strerror(error.errno) if error.errno else str(error)
        return f"cannot write or read{where}: {reason}; {remedy} and run the same command again: nothing is lost"
    if type(error).__name__ == "RunFailed":
        return str(error)
    return f"a defect: {error!r}\n{_trace(error)}"


def exit_code(error: BaseException) -> int:
    """2 for wrong usage or configuration, 1 for everything that a rerun can take up."""
    from connectors.errors import AccessRefused, SourceChanged, SourceUnusable
    from ops.settings import SettingsWrong
    from state.errors import StateBehind, StateForeign

    if isinstance(error, SourceChanged):
        return FAILED
    if isinstance(error, SettingsWrong | ValueError | SourceUnusable | AccessRefused | StateForeign | StateBehind):
        return WRONG_USAGE
    return FAILED


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
