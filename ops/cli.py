"""The command line. Heavy imports wait until a command needs them, so that --help answers at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ops.acting.commands import mount as mount_acting
from ops.collector import collect_seldom
from ops.command_group import CommandGroup
from ops.failures import DONE, WRONG_USAGE, exit_code, told
from ops.show.commands import app as show

# One worker per process, one process per core: threads of the columnar engine would only take turns with it.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

app = typer.Typer(
    name="accrual",
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes would cost two fifths of the time in which --help answers
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(show, name="show")


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"accrual {version('accrual')}")
        raise typer.Exit


@app.callback()
def accrual(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and exit.")
    ] = False,
) -> None:
    """A streaming revenue subledger: usage and amendments in, balanced journal entries out, once each."""


Source = Annotated[str, typer.Option(metavar="URI", help="Where the topics are read: files:DIR")]
Sink = Annotated[str, typer.Option(metavar="URI", help="Where journal and exceptions go: files:DIR")]
State = Annotated[
    Path | None, typer.Option(metavar="DIR", help="State of the run; default: .state in the sink's directory")
]
AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="INSTANT",
        help="A clock record after all input: closes what ends by then (RFC 3339, or a date)",
    ),
]
Follow = Annotated[bool, typer.Option("--follow", help="Go on reading what is added, until SIGTERM or SIGINT")]
# Numbers come as text: the settings judge them, and say which setting has which value and what is allowed.
Workers = Annotated[str | None, typer.Option(metavar="N", help="Processes, one per core")]
BatchRows = Annotated[str | None, typer.Option(metavar="N", help="Most rows of a batch")]
MetricsPort = Annotated[str | None, typer.Option(metavar="PORT", help="Serve /metrics and /status; 0 = do not")]
Shards = Annotated[str | None, typer.Option(metavar="N", help="Shards of the state, fixed at creation")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON object")]


@app.command()
def run(
    source: Source,
    sink: Sink,
    state: State = None,
    as_of: AsOf = None,
    follow: Follow = False,
    workers: Workers = None,
    batch_rows: BatchRows = None,
    shards: Shards = None,
    metrics_port: MetricsPort = None,
    as_json: AsJson = False,
) -> None:
    """Run the main job to the end of its input; run again with the same state and sink, it resumes.

    Exit codes: 0 done (exceptions were recorded, if any), 1 failed and nothing lost, 2 wrong usage or configuration.
    """
    from ops.commands import run_command

    raise typer.Exit(
        run_command(
            source,
            sink,
            state,
            as_of,
            follow,
            {"workers": workers, "batch_rows": batch_rows, "shards": shards, "metrics_port": metrics_port},
            as_json,
        )
    )


@app.command()
def replay(
    source: Annotated[str, typer.Option(metavar="URI", help="The Kafka of the service: kafka://HOST:PORT")],
    begin: Annotated[
        str, typer.Option("--from", metavar="FROM", help="start, an instant (of usage), or a file of offsets")
    ],
    end: Annotated[str, typer.Option("--to", metavar="TO", help="end, an instant, or a file of offsets")],
    state: Annotated[Path, typer.Option(metavar="DIR", help="Folder of this replay: its state and its output")],
    compare: Annotated[bool, typer.Option("--compare", help="Say what differs from what is posted")] = False,
    post: Annotated[bool, typer.Option("--post", help="Compare, and post exactly what differs as corrections")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Leave DIR/state for a service whose state was lost; it must not run")
    ] = False,
    as_of: AsOf = None,
    metrics_port: Annotated[
        str | None,
        typer.Option(metavar="PORT", help="Serve the replay's own /metrics; it ends once they are fetched at its end"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Book a part of a Kafka's input anew, beside the service and without disturbing it, and compare.

    Exit codes: 0 done (differences were found, if any), 1 failed and nothing lost, 2 wrong usage or configuration.
    """
    from ops.commands import instant
    from ops.replay.command import Asked, replay_command

    asked = Asked(source, begin, end, compare, post, rebuild, state, instant(as_of), as_json, metrics_port)
    raise typer.Exit(replay_command(asked))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where inputs, state and books go (made anew)")] = Path(
        "demo-out"
    ),
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Through an Apache Kafka, started for it (Java, Maven)")
    ] = False,
) -> None:
    """Run the main job on real cloud usage (the FOCUS sample) and look at the books it makes."""
    from ops.commands import demo_command

    raise typer.Exit(demo_command(out, kafka))


@app.command()
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Ends within a minute")] = False,
    events: Annotated[int | None, typer.Option(metavar="N", min=1, help="Unique usage events")] = None,
    customers: Annotated[int, typer.Option(metavar="N", min=1, help="Customers")] = 100,
    amendments: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Instead: N contracts, each amended, beside usage")
    ] = None,
    files: Annotated[bool, typer.Option("--files", help="Instead: from files to files, without a broker")] = False,
    partitions: Annotated[int, typer.Option(metavar="N", min=1, help="Partitions of the topics")] = 8,
    busy: Annotated[int | None, typer.Option(metavar="N", min=1, help="Those of them that have usage")] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Then replay and compare all of it")] = False,
    recovery: Annotated[
        bool, typer.Option("--recovery", help="Instead: kill a service with N identities (--events, 10 million)")
    ] = False,
    kills: Annotated[int, typer.Option(metavar="N", min=1, help="With --recovery: how often")] = 30,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Instead: what metrics cost, from files to files with and without them")
    ] = False,
    scale: Annotated[
        bool, typer.Option("--scale", help="Instead: over identities, customers, shards and processes, from files")
    ] = False,
    keys: Annotated[
        list[int] | None, typer.Option(metavar="N", min=1, help="With --scale (again and again), --steady: identities")
    ] = None,
    backlog: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Instead: amendments while N usage events wait on Kafka")
    ] = None,
    steady: Annotated[
        float | None, typer.Option(metavar="MINUTES", min=0.01, help="Instead: a service's memory under a steady load")
    ] = None,
    plots: Annotated[Path | None, typer.Option(metavar="DIR", help="--scale, --steady: where plots go (SVG)")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the main job on a real Apache Kafka beside a bare drain of it, on its own seeded input, and check its books."""
    from ops.bench.amendments import bench_amendments
    from ops.bench.feed import FeedSize
    from ops.bench.process import compile_ahead

    compile_ahead()
    if amendments is not None:
        raise typer.Exit(bench_amendments(amendments, as_json))
    if recovery:
        from ops.bench.recovery import bench_recovery

        raise typer.Exit(bench_recovery(events or 10_000_000, kills, as_json))
    if scale:
        from ops.bench.scale import bench_scale, scale_size

        raise typer.Exit(bench_scale(scale_size(quick, keys, events), plots, as_json))
    if steady is not None:
        from ops.bench.steady import KEYS, bench_steady

        raise typer.Exit(bench_steady(steady, events, max(keys or [KEYS]), customers, plots, as_json))
    if backlog is not None:
        from ops.bench.backlog import bench_backlog

        raise typer.Exit(bench_backlog(FeedSize(backlog, customers), as_json))
    size = FeedSize(events or (300_000 if quick else 5_000_000), customers)
    if metrics:
        from ops.bench.metrics import bench_metrics

        raise typer.Exit(bench_metrics(size, 3 if quick else 9, as_json))
    if files:
        from ops.bench.files import bench_files

        raise typer.Exit(bench_files(size, as_json))
    from ops.bench.kafka import PACE, PEER_EVENTS, QUICK_PACE, bench_kafka

    pace, peers = (QUICK_PACE, 0) if quick else (PACE, PEER_EVENTS)
    raise typer.Exit(bench_kafka(size, partitions, min(busy or partitions, partitions), pace, peers, replay, as_json))


@app.command()
def generate(
    broker: Annotated[str, typer.Option(metavar="kafka://HOST:PORT", help="Which Kafka; its topics must be there.")],
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same records")] = 1,
    rate: Annotated[int, typer.Option(metavar="N", min=0, help="Rows of usage a second; 0 = as many as go")] = 50,
    rows: Annotated[int | None, typer.Option(metavar="N", min=1, help="End when so many are there; else never")] = None,
    start: Annotated[str, typer.Option(metavar="DATE", help="When the business begins")] = "2026-01-01",
    customers: Annotated[int, typer.Option(metavar="N", min=1, help="How many it has")] = 40,
    step_s: Annotated[int, typer.Option(metavar="N", min=1, help="Seconds of its time from row to row")] = 60,
    alive: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Touched while it works: for a health check")
    ] = None,
) -> None:
    """Send a made-up business to a Kafka: usage (twice, late, strange), contracts, amendments, invoices, clocks and closes.

    Started again with the same words it goes on where the topics end. It never sends what lies ahead of the machine's clock.
    Exit codes: 0 sent, 1 not all of it was taken, 2 wrong usage or configuration.
    """
    from ops.generator.command import generate_command

    raise typer.Exit(generate_command(broker, seed, rate, rows, start, customers, step_s, alive))


mount_acting(app)


def main() -> None:
    """The console command."""
    import sys

    collect_seldom()
    try:
        app()
    except (KeyboardInterrupt, SystemExit):
        raise
    except Exception as error:
        print(f"accrual: {told(error)}", file=sys.stderr)
        sys.exit(exit_code(error))


__all__ = ["DONE", "WRONG_USAGE", "app", "main"]
