"""Courses of business that are run, and the looking commands on what they leave."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.books import Books
from tests.support.course import Course
from tests.support.process import Ended, here

Record = dict[str, Any]
# Usage and a fixed line, a price that rises from a closed month on, and a credit.
MIXED = """
    2025-01-01 contract 2025-01-01..2026-01-01
        a ratable 1200 method=monthly
        u usage 2
    2025-01-01 invoice i1 1200
        a 1200
    2025-01-10 usage 4
    2025-02-01 invoice i2 6
        u 6
    2025-05-03 close 2025-04
    2025-05-10 amend effective=2025-04-01
        a ratable 1500 method=monthly
        u usage 2
    2025-06-01 note n1 120 of=i1 refund=20
        a 120
    run 2025-07-01
"""


def played(root: Path, *courses: str) -> Books:
    """The books of courses, one after the other, in a directory of their own."""
    root.mkdir(exist_ok=True)
    books = Books(root)
    for course in courses:
        Course(course).play(books)
    return books


def show(books: Books, *words: str, source: bool = False, state: bool = False, **settings: str) -> Ended:
    """`accrual show`, as wide as a wide terminal."""
    places = ["--sink", f"files:{books.sink}"]
    places += ["--source", f"files:{books.source}"] if source else []
    places += ["--state", str(books.root / "state")] if state else []
    return here("show", *words, *places, cwd=books.root, **{"COLUMNS": "200", **settings})


def contract(books: Books, *words: str, contract_id: str = "k") -> Record:
    """`accrual show contract --json`."""
    ended = show(books, "contract", contract_id, "--json", *words, source=True, state=True)
    assert (0, "") == (ended.code, ended.said)
    found: Record = json.loads(ended.printed)
    return found


def remaining(books: Books, *words: str, contract_id: str = "k") -> Record:
    """What `accrual show contract --json` says is still to be recognised."""
    found: Record = contract(books, *words, contract_id=contract_id)["remaining"]
    return found


def recalculation(books: Books, version: int, contract_id: str = "k") -> str:
    """The id of what a version changed."""
    (found,) = [
        one["recalculation_id"]
        for one in books.records("recalculations")
        if (one["contract_id"], one["to_version"], one["cause"]) == (contract_id, version, "amendment")
        and one["from_version"] != version
    ]
    return str(found)


def explained(books: Books, name: str) -> Record:
    """`accrual show recalculations ID --json`."""
    ended = show(books, "recalculations", name, "--json", source=True)
    assert (0, "") == (ended.code, ended.said)
    found: Record = json.loads(ended.printed)
    return found


def lines(text: str) -> list[str]:
    """The lines of a screen, with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


def flowing(text: str) -> str:
    """A screen as one line."""
    return " ".join(text.split())


def balance(books: Books, *accounts: str, contract_id: str = "k") -> Decimal:
    """What the journal says that accounts of a contract come to together, debits positive."""
    return sum(
        (
            Decimal(one["amount"]) * (1 if one["side"] == "debit" else -1)
            for entry in books.records("journal")
            if entry["contract_id"] == contract_id
            for one in entry["lines"]
            if one["account"] in accounts
        ),
        Decimal("0.00"),
    )
