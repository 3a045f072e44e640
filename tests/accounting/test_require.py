"""The guard stays on where `assert` would be gone."""

import subprocess
import sys
from pathlib import Path

import pytest

from accounting.require import InvariantBroken, require

ROOT = Path(__file__).parents[2]
PROGRAM = """
from accounting.journal import postings
from accounting.require import InvariantBroken
assert False, "python -O leaves this out"
try:
    postings({"cash": 1}, {"cash": 1}, "P")
except InvariantBroken as error:
    print(error)
"""


def test_require_stops_under_python_dash_o():
    done = subprocess.run([sys.executable, "-O", "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "debits equal credits (movements={'cash': 1})\n" == done.stdout


def test_require_says_what_does_not_hold_and_with_which_facts():
    with pytest.raises(InvariantBroken, match=r"^units add up \(line='L', units=3\)$"):
        require(False, "units add up", line="L", units=3)
    with pytest.raises(InvariantBroken, match=r"^units add up$"):
        require(False, "units add up")
    assert None is require(True, "units add up", line="L")  # type: ignore[func-returns-value]
