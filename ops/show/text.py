"""How the looking commands write amounts, names and tables."""

from __future__ import annotations

from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from accounting.currency import digits

MINIMUM_WIDTH = 120  # of output that goes into a file or a pipe


def out() -> Console:
    """The console for results: as wide as the terminal, wide enough for a table elsewhere."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=MINIMUM_WIDTH)


def err() -> Console:
    """The console for messages about wrong usage and failures."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def plain(value: object) -> Text:
    """A value as it is: square brackets in it are not mark-up; nothing for None."""
    return Text("" if value is None else str(value))


def money(amount: Decimal) -> Text:
    """An amount with thousands separators; negative ones stand out."""
    return Text(f"{amount:,f}", style="red" if amount < 0 else "")


def in_currency(amount: Decimal, currency: str) -> Decimal:
    """An amount with at least the fraction digits of its currency, none taken away: 0 USD -> 0.00."""
    amount = +amount  # minus zero is zero
    try:
        places = digits(currency)
    except ValueError:
        return amount
    exponent = amount.as_tuple().exponent
    return amount.quantize(Decimal(1).scaleb(-places)) if isinstance(exponent, int) and -exponent < places else amount


def amount_text(amount: Decimal, currency: str) -> str:
    """An amount for programs: plain digits, with those of its currency."""
    return f"{in_currency(amount, currency):f}"


def side(amount: Decimal) -> str:
    """A signed amount (debit positive) for people: the amount and its side."""
    return f"{abs(amount):,f} {'Dr' if amount >= 0 else 'Cr'}"


def short(name: str | None, width: int = 11) -> str:
    """A long identifier by its end, which is what tells such identifiers apart."""
    if name is None:
        return "-"
    return name if len(name) <= width else "…" + name[-(width - 1) :]


def clip(name: str, width: int) -> str:
    """A long identifier by its beginning."""
    return name if len(name) <= width else name[: width - 1] + "…"


def grid(title: str | None = None, caption: str | None = None) -> Table:
    """An empty table in the one style of all of them."""
    return Table(
        title=None if title is None else Text(title, style="bold"),
        caption=None if caption is None else Text(caption, style="dim"),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        padding=(0, 0, 0, 1),  # with the box's own blank, two columns between two values
        pad_edge=False,
        header_style="bold",
    )


def verdict(console: Console, holds: bool, what: str) -> None:
    """One line for something that must hold."""
    console.print(Text(f"{'✓' if holds else '✗'} {what}", style="green" if holds else "bold red"))
