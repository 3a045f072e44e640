"""The command line. Heavy imports wait until a command needs them, so that --help answers at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ops.acting.commands import mount as mount_acting
from ops.collector import collect_seldom
from ops.failures import DONE, WRONG_USAGE, exit_code, told
from ops.show.commands import app as show

# One worker per process, one process per core: threads of the columnar engine would only take turns with it.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

app = typer.Typer(
    name="accrual",
    help="A streaming revenue subledger: usage and amendments in, balanced journal entries out, once each.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(show, name="show")

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
MetricsPort = Annotated[str | None, typer.Option(metavar="PORT", help="Serve /metrics on 127.0.0.1; 0 = do not")]
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
    kafka: Annotated[bool, typer.Option("--kafka", help="On a real Apache Kafka, beside a bare drain of it")] = False,
    partitions: Annotated[int, typer.Option(metavar="N", min=1, help="With --kafka: partitions of the topics")] = 8,
    busy: Annotated[int | None, typer.Option(metavar="N", min=1, help="With --kafka: those that have usage")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the main job to the journal on its own seeded input, and check the books it makes."""
    from ops.bench.amendments import bench_amendments
    from ops.bench.feed import FeedSize
    from ops.bench.files import bench_files

    if amendments is not None:
        raise typer.Exit(bench_amendments(amendments, as_json))
    size = FeedSize(events or (500_000 if quick else 2_000_000), customers)
    if kafka:
        from ops.bench.kafka import bench_kafka

        raise typer.Exit(bench_kafka(size, partitions, min(busy or partitions, partitions), as_json))
    raise typer.Exit(bench_files(size, as_json))


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
