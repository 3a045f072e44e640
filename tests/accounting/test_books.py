"""The digest of the books depends on what they say, not on how they came to say it."""

import hashlib
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.books import BookKey, Books

KEY = BookKey("E", "USD", "2024-01", "", "revenue", "C", "K", "L")
KEYS = st.builds(
    BookKey, st.sampled_from(["E", "É"]), st.sampled_from(["USD", "JPY"]), st.sampled_from(["2024-01", "2024-02"]),
    st.sampled_from(["", "2023-12"]), st.sampled_from(["revenue", "cash"]), st.text(max_size=2), st.just("K"),
    st.sampled_from(["L", ""]),
)  # fmt: skip


def books(amounts: list[tuple[BookKey, int]]) -> Books:
    found = Books()
    for key, amount in amounts:
        found.add(key, amount)
    return found


@given(st.lists(st.tuples(KEYS, st.integers(-(10**20), 10**20))), st.integers(0, 2**32))
def test_the_digest_does_not_depend_on_the_order_or_the_split_of_postings(amounts, seed):
    parts = [(key, part) for key, amount in amounts for part in (amount // 3, amount - amount // 3)]
    cancelled = [(replace(key, line_id="gone"), sign * 7) for key, _ in amounts for sign in (1, -1)]
    shuffled = parts + cancelled
    Random(seed).shuffle(shuffled)
    assert books(amounts).digest() == books(shuffled).digest()


@given(st.lists(st.tuples(KEYS, st.integers(1, 9)), max_size=5), KEYS, st.integers(1, 9))
def test_the_digest_changes_with_any_sum(amounts, key, amount):
    assert books(amounts).digest() != books([*amounts, (key, amount)]).digest()


@pytest.mark.parametrize("field", list(BookKey.__dataclass_fields__))
def test_every_part_of_the_key_counts(field):
    other = replace(KEY, **{field: "JPY" if field == "currency" else "2024-09"})
    assert books([(KEY, 100)]).digest() != books([(other, 100)]).digest()


def test_the_digest_has_the_documented_form():
    line = '["E","USD","2024-01","","revenue","C","K","L","-1.05"]'
    assert hashlib.sha256(line.encode()).hexdigest() == books([(KEY, -105)]).digest()
    assert hashlib.sha256(b"").hexdigest() == books([(KEY, 5), (KEY, -5)]).digest()
