"""What a looking command ends with: its exit code, and a message for a person where it cannot look."""

from __future__ import annotations

from collections.abc import Callable
from decimal import localcontext

from rich.console import Console

from connectors.errors import SourceUnusable
from ops.failures import FAILED, WRONG_USAGE
from ops.show.records import UnreadableRecordError
from ops.show.sink import UsageError
from ops.show.text import plain

DIGITS = 200  # far more than any sum of amounts has: what is added up is never rounded


def outcome(errors: Console, look: Callable[[], int]) -> int:
    """The exit code of `look`; 1 when a record cannot be read, 2 on wrong usage, both with the reason on `errors`."""
    try:
        with localcontext(prec=DIGITS):
            return look()
    except (UsageError, SourceUnusable) as error:
        errors.print(plain(error))
        return WRONG_USAGE
    except UnreadableRecordError as error:
        errors.print(plain(error))
        return FAILED
