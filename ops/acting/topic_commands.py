"""`accrual topics`: make, check, fill and read the topics of a Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.command_group import CommandGroup

Broker = Annotated[str, typer.Option("--broker", metavar="kafka://HOST:PORT", help="Which Kafka.")]
Partitions = Annotated[int, typer.Option("--partitions", metavar="N", min=1, help="Of each topic that has customers.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON object.")]


def mount(app: typer.Typer) -> None:
    """Give the main command line these commands."""
    of_topics = typer.Typer(help="The topics of a Kafka, as they have to be.", no_args_is_help=True, cls=CommandGroup)
    of_topics.command("create")(create)
    of_topics.command("check")(check_all)
    of_topics.command("send")(send_all)
    of_topics.command("fetch")(fetch_all)
    of_topics.command("accept")(accept)
    app.add_typer(of_topics, name="topics")


def create(
    broker: Broker,
    partitions: Partitions = 8,
    copies: Annotated[int, typer.Option("--copies", metavar="N", min=1, help="Replicas of each partition.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Make the topics that are missing; those that are there stay as they are (see check).

    Exit codes: 0 made, 1 not made, 2 refused.
    """
    from ops.acting.topics import create_topics

    raise typer.Exit(create_topics(broker, partitions, copies, as_json))


def check_all(broker: Broker, partitions: Partitions = 8, as_json: AsJson = False) -> None:
    """Say which topics are missing or are set so that records would be lost, and what to do.

    Exit codes: 0 all is as it has to be, 1 something is not, 2 the Kafka does not answer.
    """
    from ops.acting.topics import check_topics

    raise typer.Exit(check_topics(broker, partitions, as_json))


def send_all(
    broker: Broker,
    source: Annotated[str, typer.Option("--source", metavar="files:DIR", help="The topics as files.")],
    as_json: AsJson = False,
) -> None:
    """Send every record of a directory to its topic; a partition keeps its number where the topic has so many.

    Exit codes: 0 sent, 1 not all of it was taken, 2 refused.
    """
    from ops.acting.topics import send_topics

    raise typer.Exit(send_topics(broker, source, as_json))


def fetch_all(
    broker: Broker,
    to: Annotated[str, typer.Option("--sink", metavar="files:DIR", help="Where the files go.")],
    as_json: AsJson = False,
) -> None:
    """Write what is committed in the output topics as the files of a sink, for accrual show, exceptions and export.

    Exit codes: 0 done, 1 failed, 2 refused.
    """
    from ops.acting.topics import fetch_topics

    raise typer.Exit(fetch_topics(broker, to, as_json))


def accept(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Its name.")],
    state: Annotated[Path, typer.Option("--state", metavar="DIR", help="The state of the run that stopped.")],
    as_json: AsJson = False,
) -> None:
    """Say that a topic that was deleted and made anew holds what it held, at the same offsets: restored, or copied whole.

    Exit codes: 0 done, 1 failed, 2 refused.
    """
    from ops.acting.accept import accept_topic

    raise typer.Exit(accept_topic(topic, state, as_json))
