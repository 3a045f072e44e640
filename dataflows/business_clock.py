"""How far time has come: watermarks of the usage partitions, the business date, closed periods.

Event time only. Nothing here asks the wall clock, so that an outage or a backlog cannot change the books.
"""

from __future__ import annotations

from accounting.calendar import Period
from accounting.coverage import ALWAYS
from dataflows.settings import FlowSettings
from schemas.topics import USAGE
from state import codec, keys
from state.records import ClosedPeriod
from state.store import ShardStore

_DATE = keys.META + b"business-date"
_REACHED = keys.META + b"reached/"


class BusinessClock:
    """The times of one shard."""

    def __init__(self, store: ShardStore, settings: FlowSettings, sources: tuple[str, ...]) -> None:
        """`sources` are the run's input partitions: a usage partition holds windows open until it has spoken."""
        self._store, self._settings = store, settings
        self._newest: dict[str, int | None] = {name: None for name in sources if name.startswith(f"{USAGE}/")}
        self._ended: set[str] = set()
        self._lowest: int | None = None  # the watermark, once it has been asked for
        stored = store.get(_DATE)
        self.business_date = ALWAYS if stored is None else keys.from_number(stored)
        self._closed: dict[str, set[Period]] = {}
        # Windows that a close has closed stay closed, also when the period is opened again.
        self._reached = {key[len(_REACHED) :].decode(): keys.from_number(at) for key, at in store.scan(_REACHED)}
        for _, value in store.scan(keys.CLOSED):
            record = codec.decode(ClosedPeriod, value)
            self._closed.setdefault(record.entity, set()).add(Period.parse(record.period))

    def saw(self, source: str, newest: int | None) -> None:
        """A partition's running maximum of event_time."""
        if source in self._newest:
            self._newest[source] = newest
            self._lowest = None

    def ended(self, source: str) -> None:
        """A partition has no more rows; its watermark stays, and holds windows open, if it ever had one."""
        self._ended.add(source)
        self._lowest = None

    def frontier(self, entity: str | None = None) -> int:
        """Windows that end at or before this instant are closed (for the entity)."""
        return max(self.watermark(), self.business_date, self._reached.get(entity or "", ALWAYS))

    def furthest(self) -> int:
        """The furthest frontier of any entity."""
        return max((self.frontier(entity) for entity in self._reached), default=self.frontier())

    def closed(self, entity: str | None) -> set[Period]:
        """The frozen periods of an entity."""
        return self._closed.get(entity, set()) if entity else set()

    def advance(self, instant: int) -> None:
        """The business date reaches an instant, never back."""
        if instant > self.business_date:
            self.business_date = instant
            self._store.put(_DATE, keys.number(instant))

    def close_windows(self, entity: str, until: int) -> None:
        """An entity's windows that end by `until` are closed, wherever the watermark is."""
        if until > self._reached.get(entity, ALWAYS):
            self._reached[entity] = until
            self._store.put(_REACHED + entity.encode(), keys.number(until))

    def freeze(self, entity: str, period: Period, actor: str) -> None:
        """No entry with that period afterwards."""
        self._closed.setdefault(entity, set()).add(period)
        record = ClosedPeriod(entity, str(period), actor, self.business_date)
        self._store.put(_closed_key(entity, period), codec.encode(record))

    def reopen(self, entity: str, period: Period) -> None:
        """Later differences may land in the period again."""
        self._closed.get(entity, set()).discard(period)
        self._store.delete(_closed_key(entity, period))

    def watermark(self) -> int:
        """The event time that every usage partition has passed; ALWAYS while one of them has not spoken."""
        if self._lowest is None:
            self._lowest = self._oldest()
        return self._lowest

    def _oldest(self) -> int:
        lowest: int | None = None
        for source, newest in self._newest.items():
            if newest is None:
                if source in self._ended:
                    continue  # it never had a valid row: there is nothing to wait for
                return ALWAYS
            lowest = newest if lowest is None else min(lowest, newest)
        return ALWAYS if lowest is None else lowest - self._settings.lateness_us


def _closed_key(entity: str, period: Period) -> bytes:
    return keys.CLOSED + keys.name(entity) + str(period).encode()
