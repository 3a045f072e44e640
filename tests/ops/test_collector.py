"""What a process has loaded is not gone through again and again."""

import subprocess
import sys

PROGRAM = """
import gc
import dataflows.main_job
from ops.collector import leave_alone
loaded = len(gc.get_objects())
leave_alone()
print(len(gc.get_objects()) < loaded / 100)
"""


def test_after_the_start_only_what_is_new_is_looked_at() -> None:
    assert (
        "True\n" == subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    )
