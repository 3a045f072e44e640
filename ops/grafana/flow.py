"""The dashboard Flow: what comes in, how far the books are behind it, and how long it takes."""

from __future__ import annotations

from ops.grafana.looks import BAD, CALM, GOOD, READY, WATCH
from ops.grafana.page import Page
from ops.grafana.panels import AnyPanel, figure, lines, shares, spread

JOURNAL, AMENDED = "accrual_event_to_journal_seconds", "accrual_amendment_to_recalculation_seconds"
SLOW_S = ((5, BAD),)  # the objective of both latencies
TO_JOURNAL = ("AccrualUsageToJournalBurnsFast", "AccrualUsageToJournalBurnsSlow")
TO_REVENUE = ("AccrualAmendmentToRevenueBurnsFast", "AccrualAmendmentToRevenueBurnsSlow")


def _quantile(share: str, metric: str, window: str = "$__rate_interval") -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket[{window}])))"


def _glance() -> list[AnyPanel]:
    behind = "max(accrual:watermark_behind:seconds)"
    return [
        figure(
            "Ready", "Whether every process has booked what was there when it started. Red for longer than a start takes: "
            "ask /ready what is missing.", "none", "min(accrual_ready)", ((1, GOOD),), best=BAD, meaning=READY,
            runbooks=["AccrualNotReady"],
        ),
        figure(
            "Not in the books yet", "Records (of files: bytes) between what is in the books and the end of the input, all "
            "topics. Worry when it only grows: the job takes less than what comes.", "short",
            "sum(accrual:input_lag:records)", ((10_000, WATCH), (1_000_000, BAD)), runbooks=["AccrualLagGrowing"],
        ),
        figure(
            "Usage-to-journal latency, p99", "99 of 100 batches had their entries durable in the journal within this time, "
            "over the range shown. The objective is 5 s.", "s", _quantile("0.99", JOURNAL, "$__range"), SLOW_S,
            runbooks=TO_JOURNAL,
        ),
        figure(
            "Amendment-to-revenue-update, p99", "99 of 100 contract versions had their recalculation durable in the sink "
            "within this time, over the range shown. The objective is 5 s.", "s", _quantile("0.99", AMENDED, "$__range"),
            SLOW_S, runbooks=TO_REVENUE,
        ),
        figure(
            "Watermark behind the clock", "How far event time stands behind, of the partition that is furthest behind. Up "
            "to the allowed lateness is normal; hours mean that a producer is silent and windows stay open.", "s", behind,
            ((7_200, WATCH), (14_400, BAD)), runbooks=["AccrualWatermarkStalled"],
        ),
        figure(
            "Business date behind the clock", "Schedules are posted up to the business date. More than two days mean that "
            "clock records have stopped.", "s", "accrual:business_date_behind:seconds", ((90_000, WATCH), (172_800, BAD)),
            runbooks=["AccrualBusinessDateStalled"],
        ),
    ]  # fmt: skip


def _coming() -> list[AnyPanel]:
    rate = "sum(rate(accrual_events_{}_total[$__rate_interval]))"
    became = [(rate.format(name), name) for name in ("counted", "duplicate", "excepted", "expired")]
    return [
        lines(
            "Usage events, by what became of them", "Read = counted + duplicate + excepted + parked + expired. Worry when "
            "the whole falls to nothing while producers send, or when red is more than a trace.", "cps", became, stacked=True,
            runbooks=["AccrualEventsUnaccounted", "AccrualExceptionsFlood"],
        ),
        lines(
            "Lag by topic", "Records (of files: bytes) not in the books yet. A hump that falls again is a burst; a slope "
            "that stays is too little work done.", "short", [("accrual:input_lag:records", "{{topic}}")],
            worse=((10_000, WATCH),), runbooks=["AccrualLagGrowing"],
        ),
        lines(
            "Records written, by topic", "What leaves for the journal, the recalculations and the exceptions. Flat while "
            "usage is read means that windows do not close: look at the watermark.", "cps",
            [("sum by (topic) (rate(accrual_output_records_total[$__rate_interval]))", "{{topic}}")],
        ),
    ]  # fmt: skip


def _latency(name: str, what: str, metric: str, recorded: str, runbooks: tuple[str, str]) -> list[AnyPanel]:
    burning = [
        (f"accrual:{recorded}:slow_ratio5m", "5 minutes"), (f"accrual:{recorded}:slow_ratio1h", "1 hour"),
        (f"accrual:{recorded}:slow_ratio6h", "6 hours"),
    ]  # fmt: skip
    quantiles = [(_quantile(share, metric), f"p{share[2:]}".ljust(3, "0")) for share in ("0.5", "0.9", "0.99")]
    return [
        spread(
            f"{name}: how it is spread", f"{what} One column is one interval, brighter is more. A second band above 5 s is a "
            "part of the traffic that waits for something: the sink, a hung worker, another program on the machine.", "s",
            metric, runbooks=runbooks,
        ),
        lines(
            f"{name}: quantiles", f"{what} The dashed line is the objective of 5 s for 99 of 100.", "s", quantiles,
            worse=SLOW_S, runbooks=runbooks,
        ),
        lines(
            f"{name}: share over 5 s", "How fast the budget of 1 % is used. Above the dashed line (14.4 %, five minutes and "
            "an hour) somebody is called; 6 % over six hours is a ticket.", "percentunit", burning,
            worse=((0.06, WATCH), (0.144, BAD)), runbooks=runbooks,
        ),
    ]  # fmt: skip


def _quality() -> list[AnyPanel]:
    return [
        lines(
            "Duplicates and late usage", "Shares of what was read in 15 minutes. Duplicates are counted once however often "
            "they come: above 20 % a producer repeats itself. Late usage is booked as revisions: above 5 % a producer is "
            "behind.", "percentunit",
            [("accrual:events_duplicate:ratio15m", "duplicate"), ("accrual:events_late:ratio15m", "late")],
            worse=((0.05, WATCH), (0.2, BAD)), runbooks=["AccrualDuplicatesSurge", "AccrualLateSurge"],
        ),
        lines(
            "Parked and unplaced usage", "Usage that no contract line takes (parked), or whose line was amended away "
            "(unplaced). Its revenue is not in the books: worry when it grows for longer than contracts take to arrive.",
            "short", [("accrual:events_parked:sum", "parked"), ("sum(accrual_events_unplaced)", "unplaced")],
            runbooks=["AccrualParkedGrowing"], stepped=True,
        ),
        lines(
            "Outbox", "Records decided and not yet proven written; the last batch of a shard always waits here for the "
            "next. Growth means that the sink takes less than what is decided.", "short",
            [("accrual:outbox:records", "{{topic}}")], worse=((10_000, WATCH),), runbooks=["AccrualOutboxGrowing"],
        ),
    ]  # fmt: skip


def _time() -> list[AnyPanel]:
    work = "sum by (step) (rate(accrual_step_{}[$__rate_interval]))"
    return [
        lines(
            "Watermark behind the clock, by partition", "A window is booked when every partition has passed its end. The "
            "line that rises by itself is the partition that holds back the others.", "s",
            [("accrual:watermark_behind:seconds", "{{topic}}/{{partition}}")], worse=((14_400, BAD),),
            runbooks=["AccrualWatermarkStalled"],
        ),
        lines(
            "Where the time goes, by step", "Seconds of each second that a step takes, all processes. When latency rises, "
            "the step that has become wider is the reason; write and sync wait for brokers and disks.", "percentunit",
            [(work.format("seconds_sum"), "{{step}}")], stacked=True,
        ),
        shares(
            "CPU by step", "Processor time of each step, seconds of each second. One process has one core.", "percentunit",
            "sort_desc(sum by (step) (rate(accrual_step_cpu_seconds_total[$__range])))", "{{step}}", best=CALM,
        ),
    ]  # fmt: skip


def page() -> Page:
    """From the arrival of an event to its entry."""
    usage = "From reading a batch of usage to its entries being durable in the journal."
    amended = "From reading a contract version to its recalculation being durable in the sink."
    rows = [
        ("Is it well?", _glance()),
        ("What comes in and goes out", _coming()),
        ("Usage-to-journal latency", _latency("Usage-to-journal", usage, JOURNAL, "event_to_journal", TO_JOURNAL)),
        (
            "Amendment-to-revenue-update",
            _latency("Amendment-to-revenue", amended, AMENDED, "amendment_to_recalculation", TO_REVENUE),
        ),
        ("What is odd, and what waits", _quality()),
        ("Event time, and where the time goes", _time()),
    ]
    return Page("flow", "Flow", "What comes in, how far the books are behind it, and how long it takes.", (), rows)
