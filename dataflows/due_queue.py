"""What is to be looked at when time has come to an instant, by entity: kept in the store, popped in order."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import msgspec

from state import codec, keys
from state.store import ShardStore

T = TypeVar("T", bound=msgspec.Struct)

_Name = tuple[int, bytes, str]  # instant, what is due (16 bytes), entity


class DueQueue(Generic[T]):
    """One item for each (instant, name, entity): a close of one entity leaves another's items due."""

    def __init__(self, store: ShardStore, table: bytes, kind: type[T]) -> None:
        self._store, self._table = store, table
        self._items: dict[_Name, T] = {}
        for key, value in store.scan(table):
            name = keys.from_number(key[1:9]), key[9:25], key[25:].decode()
            self._items[name] = codec.decode(kind, value)
        self._names = sorted(self._items)
        self._single = {(name, entity): instant for instant, name, entity in self._names}

    def __len__(self) -> int:
        return len(self._items)

    def knows(self, instant: int, name: bytes, entity: str) -> bool:
        """Whether `add` would change nothing."""
        return (instant, name, entity) in self._items

    def add(self, instant: int, name: bytes, entity: str, item: T) -> None:
        """Look at it when the entity's time has come to `instant`; nothing new where it is known already."""
        at = (instant, name, entity)
        if at not in self._items:
            self._items[at] = item
            heapq.heappush(self._names, at)
            self._store.put(self._key(at), codec.encode(item))

    def replace(self, instant: int | None, name: bytes, entity: str, item: T) -> None:
        """The one item of this name and entity from now on, None: it has none any more.

        Only where each name was never added otherwise: an item of before says what is not so any more.
        """
        before = self._single.pop((name, entity), None)
        if before is not None:
            at = (before, name, entity)
            if self._items.pop(at, None) is not None:
                self._store.delete(self._key(at))
        if instant is not None:
            self.add(instant, name, entity, item)
            self._single[name, entity] = instant

    def pop(self, furthest: int, frontier: Callable[[str], int]) -> Iterator[tuple[int, bytes, T]]:
        """(instant, name, item) of what is due by each entity's frontier; `furthest` is the largest of them."""
        waiting: list[_Name] = []
        found: list[tuple[int, bytes, T]] = []
        while self._names and self._names[0][0] <= furthest:
            at = heapq.heappop(self._names)
            if at not in self._items:
                continue  # replaced
            if at[0] > frontier(at[2]):
                waiting.append(at)
                continue
            found.append((at[0], at[1], self._items.pop(at)))
            self._store.delete(self._key(at))
        for at in waiting:
            heapq.heappush(self._names, at)
        yield from found

    def _key(self, at: _Name) -> bytes:
        instant, name, entity = at
        return self._table + keys.number(instant) + name + entity.encode()
