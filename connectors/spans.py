"""What is told of batches where somebody sends spans of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from connectors.batch import Batch


class Spans(Protocol):
    """Of one process, called in the thread of its flow."""

    def reads(self, batches: Sequence[Batch]) -> list[Batch]:
        """They were read together: each begins its span, and carries its name from now on."""

    def splits(self, batch: Batch) -> None:
        """It was split into its shards."""

    def books(self, shard: int, batches: Sequence[Batch]) -> AbstractContextManager[None]:
        """While the block runs, a shard applies them."""

    def durable(self, source: str, offset: int) -> None:
        """All of a partition before an offset is booked and written: such spans end."""
