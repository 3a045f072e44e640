"""The acting commands of the command line: close, reopen, exceptions list and retry, schemas, topics, export, doctor."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.acting.topic_commands import mount as mount_topics
from ops.command_group import CommandGroup
from ops.failures import DONE, FAILED, WRONG_USAGE, exit_code, told

if TYPE_CHECKING:
    from ops.acting.control_end import ControlEnd

ControlSource = Annotated[
    str, typer.Option("--source", metavar="URI", help="Where a run reads its topics: files:DIR or kafka://HOST:PORT.")
]
Source = Annotated[str, typer.Option("--source", metavar="files:DIR", help="Where a run reads its topics.")]
Sink = Annotated[str, typer.Option("--sink", metavar="files:DIR", help="Where a run wrote its output.")]
Entity = Annotated[str, typer.Argument(metavar="ENTITY", help="The legal entity, as its contracts name it.")]
Month = Annotated[str, typer.Argument(metavar="PERIOD", help="The accounting month: YYYY-MM.")]
Actor = Annotated[str, typer.Option("--actor", metavar="NAME", help="Who asks for it.")]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="INSTANT", help="When it was decided (RFC 3339, or a date); default: now."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON object.")]


def mount(app: typer.Typer) -> None:
    """Give the main command line these commands."""
    for command in (close, reopen, doctor, export):
        app.command()(command)
    of_exceptions = typer.Typer(
        help="Look at what could not be booked, and send it again.", no_args_is_help=True, cls=CommandGroup
    )
    of_exceptions.command("list")(list_exceptions)
    of_exceptions.command("retry")(retry)
    app.add_typer(of_exceptions, name="exceptions")
    of_schemas = typer.Typer(help="The schemas of the topics.", no_args_is_help=True, cls=CommandGroup)
    of_schemas.command("check")(check)
    of_schemas.command("register")(register)
    app.add_typer(of_schemas, name="schemas")
    mount_topics(app)


def close(
    entity: Entity, period: Month, source: ControlSource, actor: Actor, at: At = None, as_json: AsJson = False
) -> None:
    """Close a period of an entity: what is due is posted, then no entry has that period any more.

    Appends one record to control.events of the source. Exit codes: 0 written, 1 not written, 2 refused.
    """
    _period("close", "period_close", source, entity, period, actor, None, at, as_json)


def reopen(
    entity: Entity,
    period: Month,
    source: ControlSource,
    actor: Actor,
    approver: Annotated[str, typer.Option("--approver", metavar="NAME", help="Who approved it; another person.")],
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Open a closed period again, for later differences; takes two different people.

    Appends one record to control.events of the source. Exit codes: 0 written, 1 not written, 2 refused.
    """
    _period("reopen", "period_reopen", source, entity, period, actor, approver, at, as_json)


def list_exceptions(
    sink: Sink,
    customer: Annotated[str | None, typer.Option("--customer", metavar="ID", help="Only this customer.")] = None,
    contract: Annotated[str | None, typer.Option("--contract", metavar="ID", help="Only this contract.")] = None,
    exception_class: Annotated[str | None, typer.Option("--class", metavar="CLASS", help="Only this class.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Only those of this owner.")] = None,
    overdue: Annotated[
        str | None,
        typer.Option("--overdue", metavar="AS_OF", help="Only those that were due before (RFC 3339, or a date)."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=0, metavar="N", help="The first N, 0 for all (default 40; with --json all)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The records themselves, as JSON lines.")] = False,
) -> None:
    """The open exceptions, with the id that retry takes and whether sending again can help.

    Exit codes: 0 done, 1 unreadable, 2 wrong usage.
    """

    def act() -> int:
        from ops.acting.listing import Wanted, list_open
        from ops.settings import load

        list_open(sink, Wanted.of(customer, contract, exception_class, owner, overdue, every), load(), limit, as_json)
        return DONE

    _act("exceptions list", act)


def retry(
    sink: Sink,
    source: Source,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="EXCEPTION_ID...", help="Ids, or their beginnings.", show_default=False),
    ] = None,
    exception_class: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="With --all: every open one of this class.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every open exception of --class that can be sent.")] = False,
    payload: Annotated[
        Path | None, typer.Option("--payload", metavar="FILE", help="The corrected record, as one JSON object.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send an excepted record again, as it was or corrected: it is appended to its partition of the source.

    Exit codes: 0 sent, 1 not written, 2 refused (of several ids none is sent then).
    """
    _act("exceptions retry", lambda: _retry(sink, source, ids or [], exception_class, every, payload, as_json))


def check(
    against: Annotated[
        Path | None, typer.Option("--against", metavar="DIR", help="A deployment's releases: <topic>/<n>.avsc.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every topic's schema against every released version of it, both ways (FULL_TRANSITIVE).

    Exit codes: 0 compatible, 1 not, 2 wrong usage.
    """
    _act("schemas check", lambda: _schemas(against, as_json))


def register(
    registry: Annotated[
        str | None, typer.Option("--registry", metavar="URL", help="Which schema registry; default: the setting.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put every release of every topic's schema into the schema registry; what is there already stays as it is.

    Exit codes: 0 all are there, 1 one is refused or the registry does not answer, 2 wrong usage.
    """

    def act() -> int:
        from ops.acting.schema_register import register_schemas
        from ops.settings import load

        register_schemas(load(registry=registry), as_json)
        return DONE

    _act("schemas register", act)


def export(
    sink: Sink,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the files go: <topic>/<shard>.avro.")],
    topic: Annotated[
        list[str] | None, typer.Option("--topic", metavar="TOPIC", help="Only this topic; may be repeated.")
    ] = None,
    codec: Annotated[str, typer.Option("--codec", help="null or deflate.")] = "deflate",
    as_json: AsJson = False,
) -> None:
    """Write what a sink holds as Avro object container files, each with its topic's schema.

    Exit codes: 0 done, 1 failed, 2 wrong usage.
    """
    _act("export", lambda: _export(sink, to, topic, codec, as_json))


def doctor(
    source: Annotated[str | None, typer.Option("--source", metavar="files:DIR", help="The topics of a run.")] = None,
    sink: Annotated[str | None, typer.Option("--sink", metavar="files:DIR", help="The output of a run.")] = None,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="DIR", help="Its state; default: .state in the sink's directory.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at the program and its places, also while a run works on them, and change nothing.

    Exit codes: 0 nothing fails, 1 something does, 2 wrong usage.
    """
    _act("doctor", lambda: _doctor(source, sink, state, as_json))


def _act(name: str, act: Callable[[], int]) -> None:
    """Do it, and end with its exit code, or with the reason why it was not done."""
    from ops.show.sink import UsageError

    try:
        code = act()
    except UsageError as error:
        print(f"accrual {name}: {error}", file=sys.stderr)
        code = WRONG_USAGE
    except Exception as error:
        print(f"accrual {name}: {told(error)}", file=sys.stderr)
        code = exit_code(error)
    raise typer.Exit(code)


def _directory(option: str, uri: str) -> Path:
    from connectors.files.layout import directory

    if uri.startswith("kafka:"):
        raise ValueError(f"{option} {uri!r}: this command works on files: accrual topics fetch writes them")
    return directory(uri)


def _control_end(source: str) -> ControlEnd:
    from connectors.kafka.client import Brokers
    from ops.acting.control_end import FileControlEnd, KafkaControlEnd
    from ops.places.registry import Schemas
    from ops.settings import load

    if not source.startswith("kafka:"):
        return FileControlEnd(_directory("--source", source))
    settings = load()
    return KafkaControlEnd(Brokers.of(source, settings.kafka_options()), Schemas.of(settings))


def _period(
    verb: str, kind: str, source: str, entity: str, period: str, actor: str, approver: str | None, at: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    from ops.acting.period import Asked, write_period_event
    from schemas.topics import CONTROL

    def act() -> int:
        written = write_period_event(_control_end(source), Asked(kind, entity, period, actor, approver, at))
        for warning in written.warnings:
            print(f"accrual {verb}: warning: {warning}", file=sys.stderr)
        if as_json:
            place = {"topic": CONTROL, "partition": 0, "offset": written.offset, "place": written.place}
            print(json.dumps({**written.record, **place, "warnings": written.warnings}))
            return DONE
        print(
            f"{verb} of {period} for {entity}, {written.record['event_time']}, is record {written.offset + 1} of {written.place}"
        )
        print(f"it is applied by the next run (accrual run --source {source} ...), or at once by one that follows")
        return DONE

    _act(verb, act)


def _retry(
    sink: str,
    source: str,
    ids: list[str],
    exception_class: str | None,
    every: bool,
    payload: Path | None,
    as_json: bool,
) -> int:
    from ops.acting.retry import Choice, Outcome
    from ops.acting.retry import retry as send
    from ops.settings import load
    from ops.show.sink import require_output, sink_directory
    from schemas.topics import EXCEPTIONS

    directory, outcome = sink_directory(sink), Outcome()
    require_output(directory, EXCEPTIONS)
    try:
        send(directory, _directory("--source", source), Choice(ids, exception_class, every), payload, load(), outcome)
    finally:
        # Also after a failure midway: what is in the source already is in there.
        if as_json and (outcome.sent or outcome.refused):
            print(json.dumps(outcome.as_json()))
        for one, path in () if as_json else outcome.sent:
            print(f"sent again: {one.exception_id} ({one.kind}) to {path}")
        for one, reason in outcome.refused:
            print(f"accrual exceptions retry: {one.exception_id} ({one.kind}) is not sent: {reason}", file=sys.stderr)
        if len(ids) > 1 and outcome.refused:
            print(f"accrual exceptions retry: none of the {len(ids)} was sent", file=sys.stderr)
    if outcome.sent and not as_json:
        print(
            "the next run reads it as a new record, one that follows at once; the exception itself stays in the journal of "
            "exceptions as it is, open"
        )
    return DONE if outcome.sent else WRONG_USAGE


def _schemas(against: Path | None, as_json: bool) -> int:
    from ops.acting.schema_check import check_schemas
    from ops.acting.schema_report import schema_report

    verdicts = check_schemas(against)
    schema_report(verdicts, as_json)
    return FAILED if any(one.problems for one in verdicts) else DONE


def _export(sink: str, to: Path, topics: list[str] | None, codec: str, as_json: bool) -> int:
    from ops.acting.export import export as write
    from ops.doctor.check import size_text
    from ops.show.sink import require_output, sink_directory
    from schemas.topics import OUTPUTS

    directory = sink_directory(sink)
    require_output(directory, OUTPUTS[0])
    written: list[dict[str, Any]] = []
    for one in write(directory, to, tuple(topics or OUTPUTS), codec):
        written.append({"topic": one.topic, "file": str(one.path), "records": one.records, "bytes": one.size})
        if not as_json:
            print(f"{one.path}: {one.records:,} records, {size_text(one.size)}")
    if as_json:
        print(json.dumps({"codec": codec, "files": written}))
    elif not written:
        print(f"nothing to write: {directory} holds no record of {', '.join(topics or OUTPUTS)}")
    return DONE


def _doctor(source: str | None, sink: str | None, state: Path | None, as_json: bool) -> int:
    from ops.doctor.examination import examine
    from ops.doctor.report import report

    read = None if source is None else _directory("--source", source)
    wrote = None if sink is None else _directory("--sink", sink)
    return FAILED if report(examine(read, wrote, state), as_json) else DONE
