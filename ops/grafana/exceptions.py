"""The dashboard Exceptions: what could not be booked, whose it is, how old it is, and whether it gets less."""

from __future__ import annotations

from ops.grafana.looks import BAD, WATCH
from ops.grafana.page import Page
from ops.grafana.panels import AnyPanel, figure, grown, lines, rows, shares

WHOSE = 'owner=~"$owner"'
OPEN, PAST, OLDEST = (
    f"accrual_exceptions_{name}{{{WHOSE}}}" for name in ("open", "past_due", "oldest_seconds")
)  # fmt: skip
AGEING = ("AccrualExceptionsPastDueBurnsFast", "AccrualExceptionsPastDueBurnsSlow")
DAY_S = 86_400


def _glance() -> list[AnyPanel]:
    return [
        figure(
            "Open", "Exceptions raised and not settled. Each is something that is not in the books; the table says whose "
            "they are.", "short", f"sum({OPEN})",
        ),
        figure(
            "Past due", "Open ones whose due time is over, as the master data's service level says. Not nothing: the owner "
            "settles less than what comes.", "short", f"sum({PAST})", ((1, WATCH), (100, BAD)), runbooks=AGEING,
        ),
        figure(
            "Exception ageing: the oldest", "Age of the oldest open exception. More than two days is rarely what anybody "
            "agreed to.", "s", f"max({OLDEST})", ((DAY_S, WATCH), (2 * DAY_S, BAD)), runbooks=AGEING,
        ),
        figure(
            "Share past due", "Of the owner that is worst off, of what a later record can settle. The objective is 5 % at most.",
            "percentunit", f"max(accrual:exceptions_past_due:ratio{{{WHOSE}}})", ((0.05, WATCH), (0.3, BAD)),
            runbooks=AGEING,
        ),
        figure(
            "Raised in 10 minutes", "Arrivals. Hundreds at once have one cause: one producer, or one record of master data.",
            "short", f"sum(accrual:exceptions_opened:delta10m{{{WHOSE}}})", ((10, WATCH), (100, BAD)),
            runbooks=["AccrualExceptionsFlood"],
        ),
        figure(
            "Settled in this range", "Exceptions that a later record has settled, in the range shown.", "short",
            grown(f"accrual_exceptions_resolved_total{{{WHOSE}}}"),
        ),
    ]  # fmt: skip


def _whose() -> list[AnyPanel]:
    by = "owner, class"
    return [
        rows(
            "Open by owner and class", "Who has what to settle, with how many are past due and the age of the oldest. "
            "Begin with the oldest; `accrual exceptions list` names each.",
            [("Open", "short", f"sum by ({by}) ({OPEN})"), ("Past due", "short", f"sum by ({by}) ({PAST})"),
             ("Oldest", "s", f"max by ({by}) ({OLDEST})")], by.split(", "), span=12, runbooks=AGEING,
        ),
        lines(
            "Open by class", "A class that grows by steps is a producer that sends what it should not; one that grows "
            "slowly is master data that nobody maintains.", "short", [(f"sum by (class) ({OPEN})", "{{class}}")],
            stacked=True, span=12,
        ),
    ]  # fmt: skip


def _ageing() -> list[AnyPanel]:
    return [
        lines(
            "Exception ageing: the oldest, by owner", "Age of the oldest open exception. A line that rises at 45 degrees is "
            "one that nobody looks at.", "s", [(f"max by (owner) ({OLDEST})", "{{owner}}")], worse=((DAY_S, WATCH),),
            runbooks=AGEING,
        ),
        lines(
            "Exception ageing: share past due, by owner", "Of what a later record can settle, against the objective of "
            "5 %. Above 72 % for an hour somebody is called; above 30 % for six hours it is a ticket.", "percentunit",
            [(f"accrual:exceptions_past_due:ratio{{{WHOSE}}}", "{{owner}}")], worse=((0.3, WATCH), (0.72, BAD)),
            runbooks=AGEING,
        ),
        shares(
            "Past due by class", "What waits longest for somebody. The table of exceptions in ops/README.md says what each class "
            "asks for.", "short", f"sort_desc(sum by (class) ({PAST}))", "{{class}}", worse=((1, WATCH), (100, BAD)),
            runbooks=AGEING,
        ),
    ]  # fmt: skip


def _flow() -> list[AnyPanel]:
    refused = "sum by (class) (rate(accrual_events_excepted_total[$__rate_interval]))"
    return [
        lines(
            "Arrivals by class", "Exceptions raised in the 10 minutes before, the first of a class included. Above 100 of "
            "one class somebody is called.", "short",
            [(f"sum by (class) (accrual:exceptions_opened:delta10m{{{WHOSE}}})", "{{class}}")], stacked=True,
            worse=((100, BAD),), runbooks=["AccrualExceptionsFlood"],
        ),
        lines(
            "Resolutions by class", "Exceptions settled by a later record, since the state began. Flat while arrivals are "
            "not: nobody settles them.", "short",
            [(f"sum by (class) (accrual_exceptions_resolved_total{{{WHOSE}}})", "{{class}}")], stepped=True,
        ),
        lines(
            "Usage refused for good, by class", "Events that will never be counted as they are: each has to be sent again, "
            "corrected.", "cps", [(refused, "{{class}}")], stacked=True, runbooks=["AccrualExceptionsFlood"],
        ),
    ]  # fmt: skip


def page() -> Page:
    """What people have to settle."""
    found = [
        ("At a glance", _glance()),
        ("Whose they are", _whose()),
        ("Exception ageing", _ageing()),
        ("Arrivals and resolutions", _flow()),
    ]
    about = "What could not be booked, whose it is, how old it is, and whether it gets less."
    return Page("exceptions", "Exceptions", about, ("owner",), found, "30s", "now-24h")
