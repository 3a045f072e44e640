"""The real Apicurio Registry that tests use: started by the first test of a process that asks for it, ended with the process."""

import atexit
import itertools
import tempfile
from functools import cache
from pathlib import Path

from ops.registry.apicurio import ApicurioRegistry
from ops.registry.errors import RegistryMissing
from tests.support.lacking import lacking

_numbers = itertools.count(1)


def started(folder: Path) -> ApicurioRegistry:
    """One of a test's own. Where none can be had the test is skipped, and fails where CI is set."""
    try:
        return ApicurioRegistry(folder).start()
    except RegistryMissing as error:
        lacking(error)


@cache
def registry() -> ApicurioRegistry:
    """One for all tests of this process."""
    one = started(Path(tempfile.mkdtemp(prefix="accrual-registry-")))
    atexit.register(one.stop)
    return one


def subject() -> str:
    """A name that no other test has, on a registry that outlives tests."""
    return f"subject-{next(_numbers)}"
