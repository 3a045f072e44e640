"""The journal reader, the comparison and the command line."""

import hashlib

from . import books
from .__main__ import main
from .difference import compare
from .journal import Journal
from .scenario import Scenario, usage_line

JANUARY, MARCH = "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"
KEY = ("e", "USD", "2024-01", None, "revenue", "c", "k", "l")


def entry(sequence, amount="1.00", **changes):
    """A balanced entry of one posting on each side."""
    lines = [
        {"account": "unbilled_receivable", "side": "debit", "amount": amount, "functional_amount": amount},
        {"account": "revenue", "side": "credit", "amount": amount, "functional_amount": amount},
    ]
    record = {"entry_id": f"e{sequence}", "shard": 0, "sequence": sequence, "entity": "e", "currency": "USD"}
    record |= {
        "accounting_date": "2024-01-02",
        "period": "2024-01",
        "customer_id": "c",
        "contract_id": "k",
        "line_id": "l",
        "lines": lines,
    }
    return {**record, **changes}


def test_an_agreeing_journal_exits_0_and_a_differing_one_1(tmp_path, capsys):
    scenario = Scenario(tmp_path).contract([usage_line(unit_price="1")], JANUARY, MARCH)
    scenario.use("2024-01-02T00:00:00Z", "1").write("revenue.journal", entry(1))
    arguments = [str(tmp_path), "--as-of", MARCH, "--journal", str(tmp_path)]
    assert main(arguments) == 0
    scenario.write("revenue.journal", entry(2))
    assert main(arguments) == 1
    assert "account=revenue customer=c contract=k line=l: expected -1.00, actual -2.00" in capsys.readouterr().out


def test_every_fault_of_a_journal_is_reported(tmp_path):
    scenario = Scenario(tmp_path)
    one_sided = [{"account": "revenue", "side": "credit", "amount": "1.00"}]
    scenario.write("revenue.journal", entry(1), entry(3, entry_id="e1"), entry(4, "1.0"), entry(5, lines=one_sided))
    problems = "\n".join(Journal.read(tmp_path).problems)
    facts = (
        "entry_id repeated",
        "amount '1.0'",
        "not balanced",
        "sequence 3 where 2",
        "debits and credits differ",
    )
    for fact in facts:
        assert fact in problems


def test_sums_are_compared_key_by_key():
    assert compare({KEY: 1}, {KEY: 1}) == []
    assert len(compare({KEY: 1}, {(*KEY[:3], "2023-12", *KEY[4:]): 1})) == 2


def test_the_digest_is_of_sorted_non_zero_sums():
    line = '["é","USD","2024-01","","revenue","c","k","l","-1.05"]'
    sums = {("é", *KEY[1:]): -105, KEY: 0}
    assert hashlib.sha256(line.encode()).hexdigest() == books.digest(sums)


def euros(*names):
    """What every contract's functional currency is in these tests."""
    return "EUR"


def test_functional_amounts_are_summed_in_their_currency(tmp_path):
    lines = entry(1)["lines"]
    for line in lines:
        line["functional_amount"] = "0.90"
    Scenario(tmp_path).write("revenue.journal", entry(1, lines=lines))
    journal = Journal.read(tmp_path, euros)
    assert journal.problems == []
    assert -90 == journal.functional[(*KEY, "EUR")]
    expected = {(*KEY, "EUR"): -91}
    assert "functional=EUR: expected -0.91, actual -0.90" in compare(expected, {(*KEY, "EUR"): -90})[0]


def test_every_fault_of_functional_amounts_is_reported(tmp_path):
    lines = entry(1)["lines"]
    lines[0]["functional_amount"] = "0.90"
    Scenario(tmp_path).write("revenue.journal", entry(1, lines=lines), entry(2, accounting_date="soon"))
    problems = "\n".join(Journal.read(tmp_path, euros).problems)
    assert "functional amounts do not balance" in problems
    assert "accounting_date is 'soon'" in problems
