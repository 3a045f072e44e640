"""What was read or made of late: kept as long as there is room, the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values that can be made again from their names."""

    def __init__(self, most: int, make: Callable[[K], V]) -> None:
        self._most, self._make = most, make
        self._known: OrderedDict[K, V] = OrderedDict()

    def of(self, name: K) -> V:
        """The value of a name."""
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
            return known
        made = self._make(name)
        self.note(name, made)
        return made

    def note(self, name: K, value: V) -> None:
        """The value of a name has been made elsewhere."""
        self._known[name] = value
        self._known.move_to_end(name)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def forget(self, name: K) -> None:
        """What it is made of has changed."""
        self._known.pop(name, None)

    def forget_all(self) -> None:
        """What all of them are made of has changed."""
        self._known.clear()
