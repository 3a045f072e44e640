"""What a process says while it works: lines for people, or, of a service that is set so, a JSON object per line.

Nothing of a record's content is said, and the value of no secret.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from ops.redaction import Redaction
from ops.settings import Settings

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
FIRST = ("time", "level", "event", "logger", "worker", "generation")
# What clients of a Kafka tell, by what it is about.
_EVENTS = {"away": "brokers_away", "back": "brokers_back"}
_PREFIXES = ("accrual run: ", "accrual: ")
_current: JsonLog | None = None  # of this process; None: lines for people
_redaction = Redaction()


class JsonLog:
    """One object per line on standard error."""

    def __init__(self, settings: Settings, worker: int | None, generation: int | None) -> None:
        """`worker` None: the launcher."""
        import structlog  # who asks for help need not wait for it

        self._strays = _Strays(self) if worker is not None else None

        self._worker, self.generation = worker, generation
        self.debug = settings.log_level == "debug"
        self._logger: Any = structlog.wrap_logger(
            structlog.BytesLogger(self._strays.out if self._strays is not None else sys.stderr.buffer),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
                self._complete,
                structlog.processors.JSONRenderer(serializer=_line),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.log_level]),
        )

    def tell(self, level: str, event: str, logger: str, facts: Mapping[str, Any]) -> None:
        """A line; what is None of the facts is left out."""
        told = {name: value for name, value in facts.items() if value is not None}
        with suppress(OSError):  # nobody reads it any more: that is no end of the books
            getattr(self._logger, level)(event, logger=logger, **told)

    def close(self) -> None:
        """Standard error is what it was."""
        if self._strays is not None:
            self._strays.close()

    def _complete(self, _logger: Any, _method: str, given: Mapping[str, Any]) -> dict[str, Any]:
        own = {"worker": self._worker, "generation": self.generation, **given}
        return {name: own.pop(name) for name in FIRST} | dict(_redaction.of(own))


class _Strays:
    """What libraries of a worker write to standard error and output by themselves, as lines of the log."""

    def __init__(self, log: JsonLog) -> None:
        self._log = log
        self.out = os.fdopen(os.dup(2), "wb", buffering=0)
        self._kept = os.dup(1)
        reading, writing = os.pipe()
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.close(writing)
        self._thread = threading.Thread(target=self._read, args=(reading,), daemon=True, name="strays")
        self._thread.start()

    def close(self) -> None:
        """All that came is told."""
        os.dup2(self.out.fileno(), 2)
        os.dup2(self._kept, 1)
        self._thread.join(1)

    def _read(self, reading: int) -> None:
        with open(reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if text := line.strip():
                    self._log.tell("warning", "stray", "stderr", {"message": text})


def say(text: str, event: str, level: str = "warning", logger: str = "accrual.run", **facts: Any) -> None:
    """For people as it is; for programs an event with the same words."""
    if _current is None:
        print(_redaction.of(text), file=sys.stderr, flush=True)
    else:
        _current.tell(level, event, logger, {"message": _plain(text), **facts})


def note(event: str, level: str = "info", logger: str = "accrual.run", **facts: Any) -> None:
    """For programs only: people who watch a terminal see what comes of it."""
    if _current is not None:
        _current.tell(level, event, logger, facts)


def noted(level: str = "info") -> bool:
    """Whether anybody would see such a note."""
    return _current is not None and (level != "debug" or _current.debug)


def works_in(generation: int) -> None:
    """From now on."""
    if _current is not None:
        _current.generation = generation


@contextmanager
def logging_as(
    settings: Settings, service: bool, worker: int | None = None, generation: int | None = None
) -> Iterator[None]:
    """While the block runs, this process says things as the settings want it. SettingsWrong where secrets do not read."""
    global _current, _redaction
    _redaction = Redaction(settings.secrets())
    if settings.log_format != "json" or not service:
        yield
        return
    bridge, root, ours = _Bridge(), logging.getLogger(), logging.getLogger("accrual")
    hooks, levels = (sys.excepthook, threading.excepthook), (ours.level,)
    _current = JsonLog(settings, worker, generation)
    root.addHandler(bridge)
    ours.setLevel(LEVELS[settings.log_level])
    logging.captureWarnings(True)
    threading.excepthook = _of_a_thread
    try:
        yield
    finally:
        _current.close()
        _current = None
        root.removeHandler(bridge)
        ours.setLevel(levels[0])
        logging.captureWarnings(False)
        sys.excepthook, threading.excepthook = hooks


class _Bridge(logging.Handler):
    """What is told by way of the standard library, ours and that of others."""

    def emit(self, record: logging.LogRecord) -> None:
        level = next((name for name, number in reversed(LEVELS.items()) if record.levelno >= number), "debug")
        about = getattr(record, "about", None)
        event = _EVENTS.get(about or "", "told")
        if _current is not None:
            _current.tell(level, event, record.name, {"message": _plain(record.getMessage()), "about": about})


def _of_a_thread(given: threading.ExceptHookArgs) -> None:
    from ops.failures import told

    if given.exc_value is not None:
        say(told(given.exc_value), "thread_died", "error", thread=given.thread.name if given.thread else None)


def _plain(text: str) -> str:
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text


def _line(told: Mapping[str, Any], **_default: Any) -> bytes:
    return msgspec.json.encode(told, enc_hook=str)
