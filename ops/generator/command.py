"""`accrual generate`: a made-up business on a Kafka, until it is stopped or so many rows are there."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.kafka.client import Brokers
from ops.failures import DONE, exit_code, told
from ops.generator.course import Course, Size
from ops.generator.sending import Pace, Sending, touched
from ops.places.registry import Schemas
from ops.settings import load


def generate_command(
    broker: str, seed: int, rate: int, rows: int | None, start: str, customers: int, step_s: int, alive: Path | None
) -> int:
    """Send until SIGTERM, SIGINT or so many rows; the exit code."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(ValueError):  # not the main thread: whoever called ends it otherwise
            signal.signal(number, lambda *_: stopped.set())
    try:
        settings = load()
        size = replace(Size(), start=_start(start), customers=customers, step=timedelta(seconds=step_s))
        sending = Sending(Brokers.of(broker, settings.kafka_options()), Schemas.of(settings).numbers)
        print(f"seed {seed}, {rate or 'any number of'} rows a second to {broker}", file=sys.stderr, flush=True)
        beat = touched(alive)
        beat()
        sent = sending.send(Course(seed, size), rows, Pace(rate, stopped, beat))
    except Exception as error:
        print(f"accrual generate: {told(error)}", file=sys.stderr)
        return exit_code(error)
    print(f"{sent:,} rows of usage sent")
    return DONE


def _start(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"--start {text!r} is no date: write 2026-01-31") from None
