"""Messages of one schema one behind the other, heads included: read at once, without a look at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAGIC = 0
HEAD_BYTES = 5  # the magic and the schema's number


@dataclass(frozen=True, slots=True)
class Joined:
    """`lengths` are the messages' in bytes; every one of them begins with `head`."""

    head: bytes
    data: bytes
    lengths: NDArray[np.int64]

    @property
    def heads_tell(self) -> bool:
        """Whether the head stands nowhere but where a message begins.

        As many rows as messages that all begin with it then begin where the messages do, so that each but the last is
        exactly one message.
        """
        overlaps = any(self.head.startswith(self.head[at:]) for at in range(1, HEAD_BYTES))
        return not overlaps and self.data.count(self.head) == len(self.lengths)

    @property
    def last(self) -> bytes:
        """The body of the last message."""
        return self.data[len(self.data) - int(self.lengths[-1]) + HEAD_BYTES :]


def joined(values: Sequence[bytes | None]) -> Joined | None:
    """None where a message has no value or no whole head, or where heads differ."""
    try:
        data = b"".join(values)  # type: ignore[arg-type]
    except TypeError:
        return None
    lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))  # type: ignore[arg-type]
    if not len(lengths) or lengths.min() < HEAD_BYTES:
        return None
    starts = np.cumsum(lengths) - lengths
    heads = np.frombuffer(data, dtype=np.uint8)[starts[:, None] + np.arange(HEAD_BYTES)]
    return Joined(data[:HEAD_BYTES], data, lengths) if (heads == heads[0]).all() else None
