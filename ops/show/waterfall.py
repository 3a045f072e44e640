"""What a contract's lines recognise and what they leave deferred or unbilled, by period."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from ops.show.accounts import CONTRA, CONTRACT_ASSET, DEFERRED, NAMES, REVENUE, UNBILLED, Accounts
from ops.show.entry import Entry
from ops.show.ledger import ZERO
from ops.show.text import amount_text, clip, grid, in_currency, money, plain

# What moves in a period, and what stands at its end; positive: credits of revenue and deferred revenue, else debits.
FLOWS = ("recognised", "contra")
BALANCES = ("deferred", "unbilled", "contract_asset")
MEASURES = (*FLOWS, *BALANCES)
MEASURE = {REVENUE: "recognised", DEFERRED: "deferred", UNBILLED: "unbilled", CONTRACT_ASSET: "contract_asset",
           **dict.fromkeys(CONTRA, "contra")}  # fmt: skip
CREDITS = ("recognised", "deferred")
LINE_WIDTH, MEASURE_WIDTH = 20, 14
WITHOUT_LINE = "(no line)"


class Waterfall:
    """Rows are lines, columns are accounting periods."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._moved: dict[str | None, dict[str, dict[str, Decimal]]] = {}  # line -> measure -> period
        self._periods: set[str] = set()
        self.unknown: set[str] = set()  # accounts that have none of the default names

    def add(self, entry: Entry) -> None:
        """Add an entry of the contract."""
        self._periods.add(entry.period)
        line = self._moved.setdefault(entry.line_id, {})
        for posting in entry.lines:
            role = self._accounts.role(entry.entity, posting.account)
            if role not in NAMES:
                self.unknown.add(posting.account)
            if (measure := MEASURE.get(role)) is None:
                continue
            signed = posting.amount if posting.side == "debit" else -posting.amount
            periods = line.setdefault(measure, {})
            periods[entry.period] = periods.get(entry.period, ZERO) + (-signed if measure in CREDITS else signed)

    def values(self, line: str | None, measure: str) -> list[Decimal]:
        """One value for each of the periods: the movement, or the balance at the end."""
        moved = self._moved.get(line, {}).get(measure, {})
        values = [moved.get(period, ZERO) for period in self.periods]
        if measure in BALANCES:
            for index in range(1, len(values)):
                values[index] += values[index - 1]
        return values

    @property
    def periods(self) -> list[str]:
        """The periods in which the contract has entries."""
        return sorted(self._periods)

    def lines(self, known: Sequence[str]) -> list[str | None]:
        """The lines that have entries: those of the contract in its order, then others, then entries without a line."""
        others = sorted(line for line in self._moved if line is not None and line not in known)
        return [line for line in (*known, *others, None) if line in self._moved]

    def records(self, known: Sequence[str], currency: str) -> list[dict[str, str | None]]:
        """One record per line and period, for programs."""
        return [
            {
                "line_id": line,
                "period": period,
                **{name: amount_text(self.values(line, name)[index], currency) for name in MEASURES},
            }
            for line in self.lines(known)
            for index, period in enumerate(self.periods)
        ]

    def table(self, known: Sequence[str], currency: str, width: int) -> Table:
        """As many of the latest periods as fit; the ones before are one column."""
        rows = [
            (line, measure, [in_currency(value, currency) for value in self.values(line, measure)])
            for line in self.lines(known)
            for measure in MEASURES
        ]
        rows = [row for row in rows if any(row[2])]
        sums = [in_currency(sum(values, ZERO), currency) for _, measure, values in rows if measure in FLOWS]
        longest = max((len(f"{value:,f}") for value in [*sums, *(one for row in rows for one in row[2])]), default=0)
        cell = max(longest, len("2025-01")) + 2
        fit = max(1, (width - LINE_WIDTH - MEASURE_WIDTH - 4) // cell - 2)
        hidden = max(0, len(self.periods) - fit)
        note = f"{hidden} periods before {self.periods[hidden]} are one column; --json has each" if hidden else None
        table = grid(f"By line and period, {currency}", note)
        table.add_column("line", no_wrap=True)
        table.add_column("", no_wrap=True)
        for heading in [*["before"] * bool(hidden), *self.periods[hidden:], "to date"]:
            table.add_column(heading, justify="right", no_wrap=True)
        shown: str | None = ""
        for line, measure, values in rows:
            flow = measure in FLOWS
            before = [sum(values[:hidden], ZERO) if flow else values[hidden - 1]] if hidden else []
            to_date = sum(values, ZERO) if flow else values[-1]
            name = "" if line == shown else clip(WITHOUT_LINE if line is None else line, LINE_WIDTH)
            cells = [_cell(one, currency) for one in [*before, *values[hidden:], to_date]]
            table.add_row(plain(name), measure.replace("_", " "), *cells)
            shown = line
        return table


def _cell(amount: Decimal, currency: str) -> Text:
    return money(in_currency(amount, currency)) if amount else Text("·", style="dim")
