"""The `accrual show` commands, as a Typer application that the main command line mounts."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.show.exceptions import show_exceptions
from ops.show.journal import show_journal

app = typer.Typer(name="show", help="Look at what has been booked.", no_args_is_help=True)

Sink = Annotated[str, typer.Option("--sink", metavar="files:DIR", help="Where a run wrote its output.")]
Customer = Annotated[str | None, typer.Option("--customer", metavar="ID", help="Only this customer.")]
Contract = Annotated[str | None, typer.Option("--contract", metavar="ID", help="Only this contract.")]
Period = Annotated[
    str | None, typer.Option("--period", metavar="YYYY-MM", help="Only entries of this accounting month.")
]
ExceptionClass = Annotated[
    str | None, typer.Option("--class", metavar="CLASS", help="Only this class, for example meter_unmapped.")
]
AsJson = Annotated[bool, typer.Option("--json", help="The records themselves, as JSON lines.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=0, metavar="N", help="Show the first N, 0 for all (default 40; with --json all)."),
]
EveryStatus = Annotated[bool, typer.Option("--all", help="Every status an exception went through, not only the last.")]


@app.command("journal")
def journal(
    sink: Sink,
    customer: Customer = None,
    contract: Contract = None,
    period: Period = None,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Entries with their postings, totals per currency, and the check that debits equal credits."""
    raise typer.Exit(
        show_journal(sink, customer=customer, contract=contract, period=period, as_json=as_json, limit=limit)
    )


@app.command("exceptions")
def exceptions(
    sink: Sink,
    customer: Customer = None,
    contract: Contract = None,
    exception_class: ExceptionClass = None,
    every_status: EveryStatus = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """What could not be booked: class, reason, owner and due date, each by its current status."""
    raise typer.Exit(
        show_exceptions(
            sink,
            customer=customer,
            contract=contract,
            exception_class=exception_class,
            every_status=every_status,
            as_json=as_json,
            limit=limit,
        )
    )
