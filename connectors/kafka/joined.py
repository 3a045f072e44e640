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
