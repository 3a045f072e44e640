"""What settles the exceptions of billing and of modifications, in the list that a person works through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ops.show.looking import flowing, played
from tests.support.books import Books
from tests.support.course import INVOICED
from tests.support.process import Ended, here

COURSES = {
    "invoice_unknown": ("    2025-02-01 paid i9 90.00", "billing 1", "by itself"),
    "invoice_conflict": ("    2025-02-01 invoice i1 80.00", "billing 1", "--payload"),
    "amount_exceeds": ("    2025-02-01 paid i1 91.00", "billing 1", "--payload"),
    "line_unknown": ("    2025-02-01 invoice i2 10.00\n        z 10.00", "billing 1", "by itself"),
    "currency_mismatch": ("    2025-02-01 paid i1 90.00 currency=EUR", "billing 1", "--payload"),
    "treatment_undecidable": (
        "    2025-02-01 amend treatment=prospective reason=agreed\n        a ratable 80", "contracts 1", "--payload",
    ),
}  # fmt: skip


def ask(books: Books, *words: str) -> Ended:
    return here("exceptions", *words, "--sink", f"files:{books.sink}", cwd=books.root)


def retry(books: Books, name: str, **changed: object) -> Ended:
    """Send the record of the exception again, with something changed."""
    (one,) = (one for one in books.exceptions() if one["exception_id"] == name)
    at = one["source"]
    original = (books.source / f"{at['topic']}.jsonl").read_text().splitlines()[at["offset"]]
    (books.root / "corrected.json").write_text(json.dumps({**json.loads(original), **changed}))
    return ask(books, "retry", name, "--source", f"files:{books.source}", "--payload", "corrected.json")


@pytest.mark.parametrize("cls", COURSES)
def test_the_list_says_what_settles_each_and_why(tmp_path: Path, cls: str) -> None:
    step, at, way = COURSES[cls]
    books = played(tmp_path, f"{INVOICED}{step}\n    run 2025-03-01\n    open {cls} {at}\n")
    (row,) = (line for line in ask(books, "list").printed.splitlines() if f" {cls} " in line)
    assert row.endswith(f"  {way}")
    (one,) = books.exceptions()
    assert one["reason"] in ask(books, "list").printed


def exception_of(tmp_path: Path, cls: str) -> tuple[Books, str]:
    step, at, _ = COURSES[cls]
    books = played(tmp_path, f"{INVOICED}{step}\n    run 2025-03-01\n    open {cls} {at}\n")
    (one,) = books.exceptions()
    return books, one["exception_id"]


@pytest.mark.parametrize("cls", ["invoice_unknown", "line_unknown"])
def test_what_is_kept_is_not_sent_again(tmp_path: Path, cls: str) -> None:
    books, name = exception_of(tmp_path, cls)
    ended = retry(books, name, event_id="fresh")
    assert (2, True) == (ended.code, "it is kept, and taken up by itself when " in ended.said)


CORRECTED = {
    "invoice_conflict": ({"event_id": "fresh"}, {"event_id": "fresh", "invoice_id": "i2"}, "issues invoice i1 still"),
    "amount_exceeds": (
        {"event_id": "fresh"},
        {"event_id": "fresh", "amount": "90.00"},
        "asks for the same amount still",
    ),
    "currency_mismatch": ({"event_id": "fresh"}, {"event_id": "fresh", "currency": "USD"}, "is in EUR still"),
    "treatment_undecidable": (
        {"event_id": "fresh"},
        {"version": 3, "modification": {"treatment": "prospective", "reason": "agreed", "approved_by": "ann"}},
        "is contract k version 2 still: send the change as the next version",
    ),
}


@pytest.mark.parametrize("cls", CORRECTED)
def test_a_correction_that_would_fail_again_is_refused_and_a_right_one_is_booked(tmp_path: Path, cls: str) -> None:
    wrong, right, told = CORRECTED[cls]
    books, name = exception_of(tmp_path, cls)
    need = flowing(ask(books, "retry", name, "--source", f"files:{books.source}").said)
    assert need.endswith("and give it with --payload FILE")
    ended = retry(books, name, **wrong)
    assert (2, True) == (ended.code, told in ended.said), ended.said
    before = len(books.records("journal"))
    assert 0 == retry(books, name, **right).code
    books.run("2025-03-02")
    assert before < len(books.records("journal"))
    assert {one["exception_id"] for one in books.exceptions()} == {name}, "nothing new is wrong"
