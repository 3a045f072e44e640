"""The reason why a worker process ends, told before Bytewax unwinds: with several processes its threads panic on the way out,
and abort the process before anybody hears of it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

STEPS = ("build_part", "next_batch", "on_batch", "write_batch", "snapshot")  # what Bytewax calls
One = TypeVar("One")


class LastWords:
    """Whatever a step raises ends the process at once, as a kill would, which the state outlives; its reason is told."""

    def __init__(self, tell: Callable[[BaseException], int]) -> None:
        """`tell` gives the exit code."""
        self._tell = tell

    def of(self, one: One) -> One:
        """The same object (source, sink, partition or logic) with its steps watched, and those of what it builds."""
        for name in STEPS:
            if (step := getattr(one, name, None)) is not None:
                setattr(one, name, self._watched(step, builds=name == "build_part"))
        return one

    def _watched(self, step: Callable[..., Any], builds: bool) -> Callable[..., Any]:
        @functools.wraps(step)
        def watched(*given: Any, **named: Any) -> Any:
            try:
                found = step(*given, **named)
            except (StopIteration, KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                os._exit(self._tell(error))
            return self.of(found) if builds else found

        return watched
