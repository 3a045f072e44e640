"""The command answers at once: what takes long to load is loaded by who needs it."""

import subprocess
import sys
from importlib.metadata import version

from tests.support.process import accrual

SLOW = ("rich", "polars", "numpy", "pydantic", "bytewax", "confluent_kafka", "rocksdict", "fastavro")


def test_help_loads_nothing_that_takes_long() -> None:
    program = "import ops.cli, sys; ops.cli.app(['--help'], standalone_mode=False); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert [] == [name for name in SLOW if name in loaded]


def test_it_tells_its_version(tmp_path) -> None:
    ended = accrual("--version", cwd=tmp_path)
    assert (0, f"accrual {version('accrual')}\n") == (ended.code, ended.printed)
