"""The `accrual show` commands, as a Typer application that the main command line mounts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.command_group import CommandGroup
from ops.show.by import By

app = typer.Typer(
    name="show", help="Look at what has been booked, and at what it comes from.", no_args_is_help=True, cls=CommandGroup
)

Sink = Annotated[str, typer.Option("--sink", metavar="files:DIR", help="Where a run wrote its output.")]
Source = Annotated[str, typer.Option("--source", metavar="files:DIR", help="What the run has read.")]
Evidence = Annotated[
    str | None,
    typer.Option("--source", metavar="files:DIR", help="What the run has read: shows the records, and verifies them."),
]
Names = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="files:DIR",
        help="What the run has read: its reference.events name the ERP accounts and functional currencies.",
    ),
]
Customer = Annotated[str | None, typer.Option("--customer", metavar="ID", help="Only this customer.")]
Contract = Annotated[str | None, typer.Option("--contract", metavar="ID", help="Only this contract.")]
Entity = Annotated[str | None, typer.Option("--entity", metavar="ID", help="Only this entity.")]
Period = Annotated[
    str | None, typer.Option("--period", metavar="YYYY-MM", help="Only entries of this accounting month.")
]
Month = Annotated[
    str | None, typer.Option("--period", metavar="YYYY-MM", help="Only this accounting month (default: every one).")
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="Only this kind: usage, recognition, billing, payment, catch_up, correction, credit or fx.",
    ),
]
Account = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Only entries with a posting to this account.")
]
ExceptionClass = Annotated[
    str | None, typer.Option("--class", metavar="CLASS", help="Only this class, for example meter_unmapped.")
]
AsJson = Annotated[bool, typer.Option("--json", help="The records themselves, as JSON lines.")]
RowsAsJson = Annotated[bool, typer.Option("--json", help="The rows, as JSON lines; amounts are decimal strings.")]
OneJson = Annotated[bool, typer.Option("--json", help="Everything, as one JSON object.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=0, metavar="N", help="Show the first N, 0 for all (default 40; with --json all)."),
]
RowLimit = Annotated[
    int | None,
    typer.Option(
        "--limit", min=0, metavar="N", help="Show the first N rows, 0 for all (default 200; with --json all)."
    ),
]
EveryStatus = Annotated[bool, typer.Option("--all", help="Every status an exception went through, not only the last.")]


@app.command("journal")
def journal(
    sink: Sink,
    customer: Customer = None,
    contract: Contract = None,
    entity: Entity = None,
    period: Period = None,
    kind: Kind = None,
    account: Account = None,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Entries with their postings, totals per currency, and the check that debits equal credits.

    In the order of their accounting dates. "2025-02-01 for 2025-01" is an effect of January, which was closed.
    Exit code 1: an entry does not balance.
    """
    from ops.show.journal import show_journal

    raise typer.Exit(
        show_journal(
            sink,
            customer=customer,
            contract=contract,
            entity=entity,
            period=period,
            kind=kind,
            account=account,
            as_json=as_json,
            limit=limit,
        )
    )


@app.command("entry")
def entry(
    entry_id: Annotated[str, typer.Argument(metavar="ENTRY_ID", help="The id of an entry, or the beginning of one.")],
    sink: Sink,
    source: Evidence = None,
    as_json: OneJson = False,
    limit: Limit = None,
) -> None:
    """One entry in full, and its lineage: its revisions, its contract version, every source record it was booked from.

    With --source the usage records at its positions are read again: those of its customer, meter, window and contract,
    each identity once. Their number is held against event_count, and their identities against event_digest. Exit code 1:
    they do not match.
    """
    from ops.show.lineage_page import show_entry

    raise typer.Exit(show_entry(entry_id, sink, source=source, as_json=as_json, limit=limit))


@app.command("contract")
def contract(
    contract: Annotated[str, typer.Argument(metavar="CONTRACT", help="The id of a contract.")],
    sink: Sink,
    source: Source,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="ID", help="Whose contract, where several have one of that id.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="INSTANT",
            help="Versions known by then, entries of days that ended by then (RFC 3339, or a date: its first moment).",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state", metavar="DIR", help="State of the run, read as it is; default: .state in the sink's directory."
        ),
    ] = None,
    as_json: OneJson = False,
) -> None:
    """A contract: its versions, how each is accounted for, its lines, what is booked, billed, left and open.

    By line and period: recognised (revenue of the period), contra (credits and write-offs against it), deferred and
    unbilled (balances at the period's end). From the state of the run: the schedule, what is billed against what is
    recognised, and what is still to be recognised by year. Exit code 2: there is no such contract.
    """
    from ops.show.contract import show_contract

    raise typer.Exit(
        show_contract(contract, sink, source, customer=customer, as_of=as_of, state=state, as_json=as_json)
    )


@app.command("balances")
def balances(
    sink: Sink,
    source: Names = None,
    customer: Customer = None,
    contract: Contract = None,
    entity: Entity = None,
    period: Month = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="Only this account, by its name or ERP number.")
    ] = None,
    by: Annotated[By, typer.Option("--by", help="One row for each of these, per entity, currency and period.")] = (
        By.ACCOUNT
    ),
    functional: Annotated[
        bool, typer.Option("--functional", help="Amounts in the entity's functional currency.")
    ] = False,
    as_json: RowsAsJson = False,
    limit: RowLimit = None,
) -> None:
    """What every account moved in each period, and its balance at the period's end, by entity and currency.

    Positive is the account's normal side: credit for revenue, deferred_revenue, customer_balance, external_balance,
    tax_payable and recoverables, debit for the others. --by entity adds them up. The last line says whether debits equal
    credits per entity, currency and period; exit code 1: they do not.
    """
    from ops.show.balances import show_balances

    raise typer.Exit(
        show_balances(
            sink,
            source=source,
            customer=customer,
            contract=contract,
            entity=entity,
            period=period,
            account=account,
            by=by,
            functional=functional,
            as_json=as_json,
            limit=limit,
        )
    )


@app.command("rollforward")
def rollforward(
    sink: Sink,
    source: Names = None,
    entity: Entity = None,
    customer: Customer = None,
    contract: Contract = None,
    period: Month = None,
    account: Annotated[
        list[str] | None,
        typer.Option(
            "--account",
            metavar="NAME",
            help="By its name or ERP number, more than once for several: deferred_revenue (the default), "
            "unbilled_receivable, ...",
        ),
    ] = None,
    as_json: RowsAsJson = False,
) -> None:
    """The roll-forward of a balance: opening + billed − recognised − credits = closing, per entity, currency and period.

    The sign of each column is in its heading: billing takes from unbilled_receivable what it adds to deferred_revenue.
    recognised: recognition and usage. adjusted: catch-ups and corrections. other: every other kind. Exit code 1: a closing
    is not the account's balance, or an opening not the closing before.
    """
    from ops.show.rollforward import show_rollforward

    raise typer.Exit(
        show_rollforward(
            sink,
            source=source,
            entity=entity,
            customer=customer,
            contract=contract,
            period=period,
            account=account or (),
            as_json=as_json,
        )
    )


@app.command("recalculations")
def recalculations(
    sink: Sink,
    recalculation_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="Explain this one: its id, or the beginning of it.", show_default=False),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="files:DIR", help="What the run has read: with ID, tells when a version became known."
        ),
    ] = None,
    customer: Customer = None,
    contract: Contract = None,
    period: Annotated[
        str | None, typer.Option("--period", metavar="YYYY-MM", help="Only those that change revenue of this month.")
    ] = None,
    cause: Annotated[
        str | None,
        typer.Option(
            "--cause",
            metavar="CAUSE",
            help="Only this cause: amendment, re_rating, late_usage, period_event or policy.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The records as JSON lines; with ID one JSON object.")
    ] = False,
    limit: Limit = None,
) -> None:
    """What changed the revenue of contracts after the fact; with ID, one of them explained.

    ID: what happened, how it is accounted for, each test with its inputs and the paragraph it comes from, revenue before
    and after by line and period, the entries it posted, what follows. Exit code 2: there is no such recalculation.
    """
    if recalculation_id is None:
        from ops.show.recalculations import show_recalculations

        raise typer.Exit(
            show_recalculations(
                sink, customer=customer, contract=contract, period=period, cause=cause, as_json=as_json, limit=limit
            )
        )
    from ops.show.recalculation_page import show_recalculation

    raise typer.Exit(show_recalculation(recalculation_id, sink, source=source, as_json=as_json, limit=limit))


@app.command("exceptions")
def exceptions(
    sink: Sink,
    customer: Customer = None,
    contract: Contract = None,
    exception_class: ExceptionClass = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Only those of this owner.")] = None,
    overdue: Annotated[
        str | None,
        typer.Option("--overdue", metavar="AS_OF", help="Only open ones that were due before (RFC 3339, or a date)."),
    ] = None,
    every_status: EveryStatus = False,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """What could not be booked: class, reason, owner and due date, each by its current status."""
    from ops.show.exceptions import show_exceptions

    raise typer.Exit(
        show_exceptions(
            sink,
            customer=customer,
            contract=contract,
            exception_class=exception_class,
            owner=owner,
            overdue=overdue,
            every_status=every_status,
            as_json=as_json,
            limit=limit,
        )
    )
