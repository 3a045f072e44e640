"""What must never be said is not said, whoever says it: the values of secrets become three stars."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

STARS = "***"
SHORT = 6  # of a shorter one only whole words: else it would be found in everything


class Redaction:
    """Of the secrets of one run."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        longest_first = sorted(set(secrets), key=lambda one: (-len(one), one))
        told = [
            re.escape(one) if len(one) >= SHORT else rf"(?<!\w){re.escape(one)}(?!\w)" for one in longest_first if one
        ]
        self._pattern = re.compile("|".join(told)) if told else None

    def of(self, value: Any) -> Any:
        """The same value, lists and mappings too, without them."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self._pattern.sub(STARS, value)
        if isinstance(value, dict):
            return {self.of(key): self.of(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(one) for one in value]
        return value
