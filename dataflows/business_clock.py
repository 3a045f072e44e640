"""How far time has come: watermarks of the usage partitions, the business date, closed periods.

Event time only. Nothing here asks the wall clock, so that an outage or a backlog cannot change the books.
"""

from __future__ import annotations

from datetime import UTC, datetime

from accounting.calendar import Period, to_instant
from accounting.coverage import ALWAYS
from dataflows.settings import FlowSettings
from schemas.topics import USAGE
from state import codec, keys
from state.records import ClosedPeriod
from state.store import ShardStore

# Further on a month or a year may end outside the calendar: a clock of 9999-12-31 says "everything", and this is.
FURTHEST = to_instant(datetime(9990, 1, 1, tzinfo=UTC))

_DATE = keys.META + b"business-date"
_REACHED = keys.META + b"reached/"


class BusinessClock:
    """The times of one shard."""

    def __init__(self, store: ShardStore, settings: FlowSettings, sources: tuple[str, ...]) -> None:
        """`sources` are the run's input partitions: a usage partition holds windows open until it has spoken."""
        self._store, self._settings = store, settings
        self._newest: dict[str, int | None] = {name: None for name in sources if name.startswith(f"{USAGE}/")}
        self._ended: set[str] = set()
        self.awaits = False  # a clock record is to come after all input
        self._lowest: int | None = None  # the watermark, once it has been asked for
        self._frontiers: dict[str | None, int] = {}  # by entity, those that were asked for since anything moved
        stored = store.get(_DATE)
        self.business_date = ALWAYS if stored is None else keys.from_number(stored)
        self._closed: dict[str, set[Period]] = {}
        self._closes: dict[tuple[str, Period], list[ClosedPeriod]] = {}  # all there ever were
        # Windows that a close has closed stay closed, also when the period is opened again.
        self._reached = {key[len(_REACHED) :].decode(): keys.from_number(at) for key, at in store.scan(_REACHED)}
        for _, value in store.scan(keys.CLOSED):
            self._take(codec.decode(ClosedPeriod, value))

    def saw(self, source: str, newest: int | None) -> None:
        """A partition's running maximum of event_time."""
        if source in self._newest:
            self._newest[source] = newest
            self._moved()

    def ended(self, source: str) -> None:
        """A partition has no more rows; its watermark stays, and holds windows open, if it ever had one."""
        self._ended.add(source)
        self._moved()

    def _moved(self) -> None:
        """What was told of watermarks and frontiers is told anew. Whatever changes what they are made of calls it."""
        self._lowest = None
        self._frontiers.clear()

    def frontier(self, entity: str | None = None) -> int:
        """Windows that end at or before this instant are closed (for the entity)."""
        known = self._frontiers.get(entity)
        if known is None:
            known = max(self.watermark(), self.business_date, self._reached.get(entity or "", ALWAYS))
            self._frontiers[entity] = known
        return known

    def furthest(self) -> int:
        """The furthest frontier of any entity."""
        return max((self.frontier(entity) for entity in self._reached), default=self.frontier())

    def due(self, entity: str | None = None) -> int:
        """Schedules are due up to this instant: the business date, or a close; no watermark moves them."""
        return max(self.business_date, self._reached.get(entity or "", ALWAYS))

    def furthest_due(self) -> int:
        """The furthest of them."""
        return max((self.due(entity) for entity in self._reached), default=self.due())

    def closed(self, entity: str | None) -> set[Period]:
        """The frozen periods of an entity."""
        return self._closed.get(entity, set()) if entity else set()

    def advance(self, instant: int) -> None:
        """The business date reaches an instant, never back."""
        instant = min(instant, FURTHEST)
        if instant > self.business_date:
            self.business_date = instant
            self._moved()
            self._store.put(_DATE, keys.number(instant))

    def close_windows(self, entity: str, until: int) -> None:
        """An entity's windows that end by `until` are closed, wherever the watermark is."""
        until = min(until, FURTHEST)
        if until > self._reached.get(entity, ALWAYS):
            self._reached[entity] = until
            self._moved()
            self._store.put(_REACHED + entity.encode(), keys.number(until))

    def was_closed(self, entity: str, period: Period, phase: int) -> bool:
        """Whether a period was frozen for what came after `phase` control records."""
        closes = self._closes.get((entity, period), ())
        return any(one.phase < phase and not -1 < one.reopened < phase for one in closes)

    def freeze(self, entity: str, period: Period, actor: str, phase: int) -> None:
        """No entry with that period afterwards; `phase`: the control records before this one."""
        self._keep(ClosedPeriod(entity, str(period), actor, self.business_date, phase))

    def reopen(self, entity: str, period: Period, phase: int) -> None:
        """Later differences may land in the period again."""
        last = self._closes[entity, period].pop()
        self._closed[entity].discard(period)
        last.reopened = phase
        self._keep(last)

    def _keep(self, record: ClosedPeriod) -> None:
        self._take(record)
        key = keys.CLOSED + keys.name(record.entity) + record.period.encode() + keys.number(record.phase)
        self._store.put(key, codec.encode(record))

    def _take(self, record: ClosedPeriod) -> None:
        period = Period.parse(record.period)
        self._closes.setdefault((record.entity, period), []).append(record)
        if record.reopened < 0:
            self._closed.setdefault(record.entity, set()).add(period)

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
