"""Revisions that are taken: of a state that was rebuilt from its input, beside a journal that has entries already.

The journal may have posted a window or an effect in more steps than the rebuilt state has. The next step must not take the
name of an entry that is there.
"""

from __future__ import annotations

from state import keys
from state.store import ShardStore

_REBUILT = keys.META + b"rebuilt"


class Revisions:
    """What the journal held when the state was rebuilt; nothing in a state that never was."""

    def __init__(self, store: ShardStore) -> None:
        self._store = store
        self._rebuilt = store.get(_REBUILT) is not None

    def of_window(self, key: bytes) -> int:
        """The last revision of a window, by its key among the booked ones."""
        return self._last(key[1:])

    def of_contract(self, name: bytes) -> int:
        """No effect of a contract has a later revision."""
        return self._last(name)

    def take(self, windows: dict[bytes, int], contracts: dict[bytes, int]) -> None:
        """Note what the journal holds, with the next commit."""
        for name, revision in (*((key[1:], at) for key, at in windows.items()), *contracts.items()):
            self._store.put(keys.REVISED + name, revision.to_bytes(8, "big"))
        self._store.put(_REBUILT, b"")
        self._rebuilt = True

    def _last(self, name: bytes) -> int:
        stored = self._store.get(keys.REVISED + name) if self._rebuilt else None
        return int.from_bytes(stored, "big") if stored else 0
