"""The policies of a shard: decided by control records, kept with the state."""

from __future__ import annotations

import msgspec

from accounting.policy import Policies, PolicyRecord, fault
from accounting.window import Windows, WindowSize
from dataflows.settings import FlowSettings
from state import codec, keys
from state.store import ShardStore


class _Stored(msgspec.Struct, array_like=True):
    """One decision."""

    key: str
    value: str
    effective_from: int
    number: int


class PolicyBook:
    """Every policy decided so far; every shard has all of them."""

    def __init__(self, store: ShardStore, settings: FlowSettings) -> None:
        self._store, self._settings = store, settings
        self.policies = Policies({"usage_window": settings.window.value})
        self.default_zone = settings.zone  # of what has no entity
        self._windows: dict[str, Windows] = {}
        for _, value in store.scan(keys.POLICY):
            one = codec.decode(_Stored, value)
            self.policies.add(PolicyRecord(one.key, one.value, one.effective_from, one.number))

    def decide(self, key: str, value: str, effective_from: int, number: int) -> str | None:
        """Take a decision; gives the reason when it is refused."""
        if reason := fault(key, value):
            return reason
        self._store.put(keys.POLICY + keys.number(number), codec.encode(_Stored(key, value, effective_from, number)))
        self.policies.add(PolicyRecord(key, value, effective_from, number))
        self._windows.clear()
        return None

    def windows(self, zone: str) -> Windows:
        """How time is cut into windows in a zone."""
        found = self._windows.get(zone)
        if found is None:
            changes: list[tuple[int, WindowSize]] = []
            size = self._settings.window
            for at, value in self.policies.course("usage_window"):
                if value != size:  # the same size again is no change, and cuts no window
                    size = WindowSize(value)
                    changes.append((at, size))
            found = self._windows[zone] = Windows(zone, self._settings.window, tuple(changes))
        return found
