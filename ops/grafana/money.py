"""The dashboard Money: what was posted, what is not billed or not earned yet, what amendments moved, and what the ERP said."""

from __future__ import annotations

from ops.grafana.looks import BAD, GOOD, WATCH
from ops.grafana.page import Page
from ops.grafana.panels import AnyPanel, figure, grown, lines, rows, shares, spread

KINDS = ("usage", "recognition", "billing", "payment", "catch_up", "correction", "credit", "fx")
WHERE = 'entity=~"$entity", currency=~"$currency"'
FIRST = "accrual_contract_to_first_revenue_seconds"
ERP = ("AccrualErpRejections", "AccrualErpUnmatchedAged")


def _glance() -> list[AnyPanel]:
    position = 'sum by (currency) (accrual_position_amount{{account="{}", ' + WHERE + "}})"
    closed = f"accrual_closed_period_amount_total{{{WHERE}}}"
    return [
        figure(
            "Entries posted", "Journal entries in the range shown. Nothing for a day with usage: look at Flow.", "short",
            f"sum({grown(f'accrual_journal_entries_total{{{WHERE}}}', 'entity, currency')})",
        ),
        figure(
            "Unbilled receivable", "Earned and not invoiced, by currency. It rises through a month and falls with the "
            "invoices; one that only rises means that billing does not run.", "short",
            position.format("unbilled_receivable"), legend="{{currency}}",
        ),
        figure(
            "Deferred revenue", "Invoiced and not earned (a credit balance, shown as positive), by currency. A fall without "
            "recognition, or one below zero, is a reason to ask.", "short", f"-1 * {position.format('deferred_revenue')}",
            legend="{{currency}}",
        ),
        figure(
            "Corrections into closed periods", "Debits of entries in the range shown whose effect belongs to a closed "
            "period, by currency. After a close each of them wants an explanation.", "short", grown(closed, "currency"),
            ((0.005, WATCH),), legend="{{currency}}",
        ),
        figure(
            "Posting success", "Entries that the ERP has posted, of those it has answered, of the entity that is worst off. "
            "Below 100 % the ERP and this subledger differ.", "percentunit",
            'min(accrual:erp_posting_success:ratio{entity=~"$entity"})', ((0.99, WATCH), (1, GOOD)), best=BAD,
            runbooks=ERP,
        ),
        figure(
            "Debits less credits", "The largest difference of any entity and currency. Anything but nothing is damage: "
            "stop closes and compare by a replay.", "short", f"max(accrual:books:imbalance{{{WHERE}}})",
            ((0.001, BAD),), decimals=2, runbooks=["AccrualBooksUnbalanced"],
        ),
    ]  # fmt: skip


def _posted() -> list[AnyPanel]:
    by = "entity, currency, account, kind"
    debit, credit = (
        f'sum by ({by}) (accrual_postings_amount_total{{{WHERE}, side="{side}"}})' for side in ("debit", "credit")
    )
    return [
        lines(
            "Entries by kind", "Journal entries in each interval. Corrections (red) and catch-ups (purple) are what "
            "amendments and replays post; many of them at once have one cause, see Recalculations.", "short",
            [(f"sum by (kind) (increase(accrual_journal_entries_total{{{WHERE}}}[$__rate_interval]))", "{{kind}}")],
            stacked=True, bars=True, span=12, coloured=KINDS,
        ),
        lines(
            "Amounts posted, by entity and kind", "Debits since the state began, major units of each currency: the slope is "
            "the business, a step is one large entry.", "short",
            [(f"sum by (entity, currency, kind) (accrual_journal_debits_total{{{WHERE}}})",
              "{{entity}}, {{currency}}, {{kind}}")], stepped=True, span=12, coloured=KINDS,
        ),
        rows(
            "Postings by entity, currency, account and kind", "What was debited and credited since the state began, major "
            "units. The trial balance of the general ledger has to say the same.",
            [("Debit", "short", debit), ("Credit", "short", credit)], by.split(", "), span=24,
        ),
    ]  # fmt: skip


def _positions() -> list[AnyPanel]:
    position = f"sum by (entity, currency, account) (accrual_position_amount{{{WHERE}}})"
    accounts = ("unbilled_receivable", "deferred_revenue", "contract_asset", "accounts_receivable")
    return [
        lines(
            "Unbilled, deferred, contract asset, receivable", "Debits less credits: deferred revenue is below zero. A "
            "deferred balance above zero, or an unbilled one below, is revenue posted twice or not at all.", "short",
            [(position, "{{entity}}, {{currency}}, {{account}}")], span=16, stepped=True, coloured=accounts,
        ),
        spread(
            "Contract-to-first-revenue", "From a contract's first event to the first entry that credits revenue, in business "
            "time. A band that moves up means that contracts wait for usage, a start date or master data.", "s", FIRST,
        ),
    ]  # fmt: skip


def _recalculated() -> list[AnyPanel]:
    moved = 'sum by (currency, cause) (accrual_recalculated_amount_total{{currency=~"$currency", direction="{}"}})'
    entries, amount = (
        f"sum by (entity, currency) (accrual_closed_period_{what}_total{{{WHERE}}})" for what in ("entries", "amount")
    )
    return [
        lines(
            "Recalculations by cause and treatment", "Since the state began. A step is one amendment or a change of master "
            "data; a long slope after no amendment is late usage.", "short",
            [("sum by (cause, treatment) (accrual_recalculations_total)", "{{cause}}, {{treatment}}")], stepped=True,
        ),
        lines(
            "Revenue moved by recalculations", "Sums of what they added and took away (below zero) since the state began, "
            "by currency. Worry when one cause moves more than the month's revenue can explain.", "short",
            [(moved.format("up"), "{{currency}}, {{cause}}, up"),
             (f"-1 * {moved.format('down')}", "{{currency}}, {{cause}}, down")], stepped=True,
        ),
        lines(
            "Corrections into closed periods", "Entries whose effect belongs to a closed period, and their debits, since the "
            "state began. A step after a close was announced is for the controller to explain.", "short",
            [(entries, "{{entity}}, {{currency}}: entries"),
             (amount, "{{entity}}, {{currency}}: amount")], stepped=True,
        ),
    ]  # fmt: skip


def _erp() -> list[AnyPanel]:
    return [
        shares(
            "Posting success by entity", "Entries posted in the ERP of those it has answered. Below 100 %: the exceptions "
            "name each rejected entry with the ERP's reason.", "percentunit",
            'accrual:erp_posting_success:ratio{entity=~"$entity"}', "{{entity}}", most=1,
            worse=((0.99, WATCH), (1, GOOD)), best=BAD, runbooks=ERP,
        ),
        lines(
            "Answers of the ERP", "Entries by its newest answer, since the state began; unknown ones are none of ours: the "
            "interface sends what it should not, or what another subledger said.", "short",
            [('sum by (entity, status) (accrual_erp_answers{entity=~"$entity"})', "{{entity}}, {{status}}"),
             ("sum(accrual_erp_unknown_entries)", "unknown")],
            stepped=True, coloured=("posted", "rejected", "unknown"), runbooks=["AccrualErpRejections"],
        ),
        lines(
            "Entries without an answer", "How many entries the ERP has not answered for, by entity, and the age of the "
            "oldest. A few minutes are normal; before a close it has to be nothing.", "short",
            [('sum by (entity) (accrual_erp_unmatched_entries{entity=~"$entity"})', "{{entity}}: entries"),
             ('max by (entity) (accrual_erp_unmatched_oldest_seconds{entity=~"$entity"}) / 3600',
              "{{entity}}: oldest, hours")], runbooks=["AccrualErpUnmatchedAged"],
        ),
    ]  # fmt: skip


def page() -> Page:
    """What the books say."""
    found = [
        ("At a glance", _glance()),
        ("What was posted", _posted()),
        ("Positions, and how soon contracts earn", _positions()),
        ("What amendments and late usage moved", _recalculated()),
        ("The ERP's answers", _erp()),
    ]
    about = "What was posted, what is not billed or not earned yet, what amendments moved, and what the ERP said."
    return Page("money", "Money", about, ("entity", "currency"), found, "30s", "now-24h")
