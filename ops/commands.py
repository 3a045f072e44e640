"""What the commands of the command line do. What a run needs is imported once its workers are started, which do the same."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.failures import DONE, FAILED, WRONG_USAGE, exit_code, told
from ops.log import logging_as, note, say
from ops.progress import ProgressLine
from ops.settings import load
from ops.worker_process import WorkerProcess, processes, waiting

if TYPE_CHECKING:
    from connectors.source import Progress
    from ops.job import Job
    from ops.run import Result

REPORT_COLUMNS = 120


def run_command(
    source: str,
    sink: str,
    state: Path | None,
    as_of: str | None,
    follow: bool,
    flags: dict[str, Any],
    json_out: bool,
) -> int:
    """`accrual run`; the exit code."""
    with ExitStack() as opened:
        try:
            if follow and as_of:
                raise ValueError(
                    "--as-of closes the books after the last input, --follow has none: leave one of them out"
                )
            settings = load(**flags)
            opened.enter_context(logging_as(settings, follow))
            workers = opened.enter_context(waiting(processes(settings.workers, follow)))
            from ops.job import Job

            job = Job.of(source, sink, state, instant(as_of), settings, follow)
            for told_of in job.source.unread():
                say(f"accrual run: in {job.source.uri.partition(':')[2]}, {told_of}", "unread")
            result = run_shown(job, workers)
            digest = job.sink.digest()
        except Exception as error:
            code = exit_code(error)
            say(f"accrual run: {told(error)}", "failed", "error", code=code)
            return code
        note(
            "ended",
            rows=result.rows,
            seconds=round(result.seconds, 3),
            read=result.tally.read,
            entries=result.tally.entries,
        )
    if json_out:
        from ops.run import as_json

        print(json.dumps(as_json(result, digest)))
    else:
        _summary(job, result, digest)
    return DONE


def run_shown(job: Job, workers: Sequence[WorkerProcess] = ()) -> Result:
    """Run with a progress line on standard error; by these workers, or by some that it starts."""
    from ops.run import run

    if job.follow is not None and (not sys.stderr.isatty() or job.settings.log_format == "json"):
        return run(job, waiting=workers)  # a service's log is not the place for a line every other second, for ever
    with ProgressLine() as line:

        def show(progress: Progress) -> None:
            line.show(progress.read, progress.total, progress.rows_read)

        return run(job, show, workers)


def instant(text: str | None) -> int | None:
    """An instant of the command line: RFC 3339, or a date for its first moment in UTC."""
    if text is None:
        return None
    from schemas.instants import parse_instant

    try:
        return parse_instant(f"{text}T00:00:00Z" if len(text) == 10 else text)
    except ValueError as error:
        raise ValueError(
            f"--as-of {text!r} is no instant: {error}; write 2026-01-31T00:00:00Z or 2026-01-31"
        ) from error


def demo_command(out: Path, kafka: bool = False) -> int:
    """`accrual demo`, on files or through an Apache Kafka of its own; the exit code."""
    from rich.console import Console

    from ops.books_digest import journal_books
    from ops.demo.focus import AS_OF, convert
    from ops.demo.report import report
    from ops.demo.through_kafka import through_kafka
    from ops.job import Job

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=REPORT_COLUMNS)  # in a file or a pipe nothing need be cut
    if out.exists() and not (out / ".accrual-demo").exists() and any(out.iterdir()):
        print(f"accrual demo: {out} holds files that the demo did not make: name another --out", file=sys.stderr)
        return WRONG_USAGE
    shutil.rmtree(out, ignore_errors=True)
    (out / "in").mkdir(parents=True)
    (out / ".accrual-demo").touch()
    try:
        made = convert(out / "in")
        console.print(
            f"{made.events:,} usage events and {made.contracts} contracts with {made.lines} price lines in {out}/in"
        )
        settings = load(usage_window="day", time_zone="UTC")
        if kafka:
            result = through_kafka(out, settings, run_shown, instant(AS_OF))
        else:
            result = run_shown(Job.of(f"files:{out}/in", f"files:{out}/out", None, instant(AS_OF), settings))
    except Exception as error:
        print(f"accrual demo: {told(error)}", file=sys.stderr)
        return exit_code(error)
    tally = result.tally
    facts = {
        "events": tally.read,
        "counted": tally.counted,
        "duplicates": tally.duplicates,
        "excepted": tally.rejected + tally.conflicts + tally.parked + tally.expired,
        "digest": journal_books(out / "out").digest(),
        "seconds": round(result.seconds, 2),
    }
    return DONE if report(out / "out", out / "in", console, facts) == 0 else FAILED


def _summary(job: Job, result: Result, digest: str | None) -> None:
    from rich.console import Console

    tally, console = result.tally, Console(highlight=False, soft_wrap=True)
    rate = f", {result.rows / result.seconds:,.0f} rows/s" if result.rows and result.seconds else ""
    console.print(f"done in {result.seconds:.1f} s{rate}; state {job.state}, generation {result.generation}")
    expired = f" + {tally.expired:,} expired" if tally.expired else ""
    console.print(
        f"usage: {tally.read:,} read = {tally.counted:,} counted + {tally.duplicates:,} duplicate + "
        f"{tally.conflicts + tally.rejected:,} excepted + {tally.parked:,} parked{expired}; {tally.late:,} late"
    )
    books = f", books digest {digest}" if digest else f" in {job.sink.uri}"
    console.print(f"journal: {tally.entries:,} entries{books}")
    if (erp := result.erp).posted or erp.rejected or erp.unknown:
        before = "" if erp.complete else ", those from before this state knew its entries among them"
        console.print(
            f"erp: {erp.posted:,} posted + {erp.rejected:,} rejected, {erp.unanswered:,} without an answer; "
            f"{erp.unknown:,} answered that the journal does not have{before}"
        )
    if digest:
        console.print(f"look at it: accrual show journal --sink {job.sink.uri}")
