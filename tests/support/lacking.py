"""What a test needs and this machine does not have."""

import os
from typing import NoReturn

import pytest


def lacking(what: object) -> NoReturn:
    """The test is skipped; where CI is set it fails: a promise that CI did not look at is not kept."""
    if os.environ.get("CI"):
        pytest.fail(str(what))
    pytest.skip(str(what))
