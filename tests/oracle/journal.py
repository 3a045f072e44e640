"""Journals: the entries a product wrote, summed and checked."""

from dataclasses import dataclass, field
from datetime import date

from . import number, period, topic

TOPIC = "revenue.journal"
OF_BILLING = ("billing", "payment", "credit", "fx")
"""The kinds of entries that billing facts make (events.md, Out)."""


@dataclass
class Journal:
    """The sums of a journal's postings and everything wrong with its entries."""

    sums: dict = field(default_factory=dict)
    functional: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)
    entries: int = 0

    @classmethod
    def read(cls, directory, functional_currency=None):
        """Read DIR/revenue.journal/<shard>.jsonl or DIR/revenue.journal.jsonl (events.md, Out).

        functional_currency(entity, currency, customer, contract, day), of the books to compare with, tells the
        currency of the functional amounts; without it they are not read.
        """
        journal, seen, sequences, totals = cls(), {}, {}, {}
        for rows in topic.read(directory, TOPIC).values():
            for row in rows:
                if row.value is None:
                    journal.problems.append(f"{row.position}: not a JSON object")
                    continue
                journal._take(row, seen, sequences, totals)
                if functional_currency is not None:
                    journal._take_functional(row.value, functional_currency)
        journal.sums = {key: minor for key, minor in journal.sums.items() if minor}
        journal.functional = {key: minor for key, minor in journal.functional.items() if minor}
        journal._check_sequences(sequences)
        for key, net in sorted(totals.items()):
            if net:
                journal.problems.append(f"{key}: debits and credits differ by {number.major_text(net, key[1])}")
        return journal

    def _take(self, row, seen, sequences, totals):
        entry, where = row.value, f"{row.position} entry {row.value.get('entry_id')}"
        self.entries += 1
        entry_id = entry.get("entry_id")
        if type(entry_id) is not str or not entry_id:
            self.problems.append(f"{where}: no entry_id")
        elif entry_id in seen:
            self.problems.append(f"{where}: entry_id repeated, first at {seen[entry_id]}")
        seen.setdefault(entry_id, row.position)
        sequences.setdefault(_shard(entry, row), []).append(entry.get("sequence"))
        if not period.is_period(entry.get("period")):
            self.problems.append(f"{where}: period is {entry.get('period')}")
        net = 0
        for line in entry.get("lines") or []:
            minor = self._minor(line, "amount", entry.get("currency"), where)
            net += minor
            key = _key(entry, line)
            self.sums[key] = self.sums.get(key, 0) + minor
        group = tuple(str(entry.get(name)) for name in ("entity", "currency", "period"))
        totals[group] = totals.get(group, 0) + net
        if net or not entry.get("lines"):
            self.problems.append(f"{where}: not balanced or without lines, net {net}")

    def _take_functional(self, entry, functional_currency):
        """The same of the functional amounts: they balance in every entry, too (accounting.md rule 8)."""
        where, day = f"entry {entry.get('entry_id')}", _natural_day(entry)
        if day is None:
            self.problems.append(f"{where}: accounting_date is {entry.get('accounting_date')!r}")
            return
        names = (entry.get(name) for name in ("entity", "currency", "customer_id", "contract_id"))
        # What was posted before the entity was given another currency is in the one before, and is taken back in it: a
        # wrong name shows as a sum that nobody expects.
        currency, net = entry.get("functional_currency") or functional_currency(*names, day), 0
        for line in entry.get("lines") or []:
            minor = self._minor(line, "functional_amount", currency, where)
            net += minor
            key = (*_key(entry, line), currency)
            self.functional[key] = self.functional.get(key, 0) + minor
        if net:
            self.problems.append(f"{where}: functional amounts do not balance, net {net}")

    def _minor(self, line, name, currency, where):
        """The signed minor units of a posting: amounts are >= 0, side carries the sign (Fine print)."""
        minor = number.minor_from_text(line.get(name), currency)
        if minor is None:
            self.problems.append(f"{where}: {name} {line.get(name)!r} is not in {currency} digits")
            return 0
        if line.get("side") not in ("debit", "credit"):
            self.problems.append(f"{where}: side is {line.get('side')!r}")
            return 0
        return minor if line["side"] == "debit" else -minor

    def _check_sequences(self, sequences):
        """Sequences are gapless per shard, from 1 (Fine print)."""
        for shard, numbers in sorted(sequences.items(), key=lambda item: str(item[0])):
            wanted = [str(number) for number in range(1, len(numbers) + 1)]
            if [str(number) for number in numbers] != wanted:
                first = next(at for at, (is_, must) in enumerate(zip(numbers, wanted)) if str(is_) != must)
                self.problems.append(f"shard {shard}: sequence {numbers[first]} where {wanted[first]} belongs")


def _shard(entry, row):
    """The shard of an entry: its field, else the file it is in."""
    shard = entry.get("shard")
    return str(row.partition if shard is None else shard)


def _key(entry, line):
    """The key of a posting in the sums; billing facts may name several lines: only what is earned has one."""
    return (
        *(entry.get(name) for name in ("entity", "currency", "period")),
        entry.get("origin_period") or None,
        line.get("account"),
        *(entry.get(name) for name in ("customer_id", "contract_id")),
        None if entry.get("kind") in OF_BILLING else entry.get("line_id"),
    )


def _natural_day(entry):
    """The day an entry is of: its accounting date, or the last day of the closed period it comes from; or None."""
    origin = entry.get("origin_period")
    if period.is_period(origin):
        return period.last_day(origin)
    try:
        return date.fromisoformat(entry.get("accounting_date"))
    except (TypeError, ValueError):
        return None
