"""What a replay has found, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from accounting.money import major_text
from ops.replay.books import Key
from ops.replay.differences import Difference, Explanation
from ops.show.text import grid, plain, verdict

SHOWN = 50


def record(one: Difference, why: Explanation | None = None) -> dict[str, Any]:
    """A difference for programs; amounts in major units, debits positive."""
    key = one.key
    found: dict[str, Any] = {
        **key._asdict(),
        "posted": major_text(one.posted.amount, key.currency),
        "replayed": major_text(one.replayed.amount, key.currency),
        "difference": major_text(one.amount, key.currency),
        "functional_difference": major_text(one.functional, key.functional_currency),
    }
    if why is not None:
        found |= {
            "posted_entries": why.posted.entries, "replayed_entries": why.replayed.entries,
            "posted_by": why.posted.shown, "replayed_by": why.replayed.shown,
        }  # fmt: skip
    return found


def write(file: Path, found: list[Difference], why: Mapping[Key, Explanation]) -> None:
    """Every difference with what explains it, a JSON line each; the file is there also where there is none."""
    with open(file, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(record(one, why[one.key]), ensure_ascii=False) + "\n" for one in found)


def show(console: Console, found: list[Difference], why: Mapping[Key, Explanation], file: Path) -> None:
    """A table, and what explains each row."""
    verdict(console, not found, f"{len(found):,} differences between replayed and posted books")
    if not found:
        return
    table = grid(caption=f"all of them, with entries and offsets of either side: {file}")
    for name in ("contract", "line", "period", "account"):
        table.add_column(name, overflow="fold")
    for name in ("posted", "replayed", "difference"):
        table.add_column(name, justify="right")
    table.add_column("explained by", overflow="fold")
    for one in found[:SHOWN]:
        key = one.key
        amounts = (one.posted.amount, one.replayed.amount, one.amount)
        table.add_row(
            plain(key.contract_id), plain(key.line_id), plain(key.period), plain(key.account),
            *(f"{major_text(amount, key.currency)} {key.currency}" for amount in amounts),
            plain(_words(why[key])),
        )  # fmt: skip
    console.print(table)
    if len(found) > SHOWN:
        console.print(f"and {len(found) - SHOWN:,} more in {file}")


def _words(why: Explanation) -> str:
    """The entries that only one side has, and the events behind them."""
    posted = {_content(one): one for one in why.posted.shown}
    replayed = {_content(one): one for one in why.replayed.shown}
    only = [("posted", one) for at, one in posted.items() if at not in replayed]
    only += [("replayed", one) for at, one in replayed.items() if at not in posted]
    told = "; ".join(f"only {side}: {_entry(one)}" for side, one in only[:3])
    rest = f"; {len(only) - 3} more" if len(only) > 3 else ""
    return f"{told}{rest}" or f"{why.posted.entries} entries posted, {why.replayed.entries} replayed"


def _content(one: Mapping[str, Any]) -> str:
    return json.dumps({name: one[name] for name in ("entry_id", "amount", "event_digest")})


def _entry(one: Mapping[str, Any]) -> str:
    ranges = ", ".join(
        f"{at['topic']}/{at['partition']} {at['from_offset']}-{at['to_offset']}" for at in one["sources"][:2]
    )
    events = f", {one['events']} events" if one["events"] else ""
    where = f" at {ranges}" if ranges else ""
    return f"{one['kind']} {one['entry_id'][:8]} of {one['accounting_date']}, {one['amount']}{events}{where}"
