"""Usage summed into cells: a customer's usage of a meter by quarter of an hour and named contract.

A cell is small enough that any window of any time zone is a set of whole cells, and it is cut where a contract that is
known by then begins or ends off the quarter hour, so that each cell belongs to one line as a whole. A boundary off the
quarter hour that becomes known after the usage was summed takes effect with the next cell.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from accounting.aggregation import Reading
from accounting.coverage import ALWAYS, FOREVER
from dataflows.contract_table import QUARTER_US
from state import codec, keys
from state.records import Cell, FeedRecord, Source
from state.store import ShardStore

# Of a shard. A cell takes a kilobyte, and three more where many partitions have sent to it: five times as many take hundreds
# of megabytes more in a service (ops/bench/README.md), and are no faster.
CACHED_CELLS = 10_000
SOURCES_MAX = 32


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Usage to be added to a cell: one group of a batch, or one released event."""

    customer_id: str
    contract_id: str | None
    meter: str
    cell: int
    quantity: int  # 1e-18
    events: int
    digest: int  # exclusive or of 128-bit identities
    source: Source
    largest: int  # 1e-18
    last_time: int
    last_offset: int
    last_quantity: int  # 1e-18
    moment: int  # sum of quantity x (event time - start of the cell)
    distinct: tuple[bytes, ...] = ()


def cell_of(instant: int, edges: list[int]) -> int:
    """The start of the cell of one instant."""
    return max([instant // QUARTER_US * QUARTER_US, *(edge for edge in edges if edge <= instant)])


# There are many, and none is in a cycle: the collector would look through them again and again.
class OpenCell(msgspec.Struct, gc=False):
    """A cell in memory, its numbers as numbers. See Cell; the rules read it as it is (accounting.aggregation.UsageCell)."""

    start: int
    contract_id: str
    quantity: int
    events: int
    digest: int
    sources: list[Source]
    largest: int
    last_time: int
    last_position: tuple[str, int, int]
    last_quantity: int
    moment: int
    distinct: list[bytes]
    dirty: bool = False  # the store has it otherwise

    @property
    def last(self) -> Reading:
        """The latest event."""
        return Reading(self.last_time, self.last_position, self.last_quantity)


class _Feed(msgspec.Struct):
    """A customer's usage of one meter, as far as it is in memory."""

    name: bytes
    customer_id: str
    meter: str
    since: int  # all of its cells that start at or after this are here
    cells: dict[tuple[int, str], OpenCell]  # by start and named contract
    order: list[tuple[int, str]]  # their names, ascending: a window's are looked for among thousands


class UsageCells:
    """The cells of one shard: a cache in front of the store."""

    def __init__(self, store: ShardStore) -> None:
        self._store = store
        self._feeds: OrderedDict[tuple[str, str], _Feed] = OrderedDict()  # those that were added to last at the end
        self._named: dict[bytes, _Feed] = {}
        self._dirty: list[tuple[bytes, OpenCell]] = []
        self._cached = 0

    def add(self, usage: Usage) -> bytes:
        """Add to the usage's cell; gives the feed's name."""
        feed, contract_id, source = self._feed(usage.customer_id, usage.meter), usage.contract_id or "", usage.source
        cell = feed.cells.get((usage.cell, contract_id))
        if cell is None and usage.cell < feed.since:
            cell = self._read(feed, usage.cell, contract_id)
        position = (source.topic, source.partition, usage.last_offset)
        if cell is None:
            cell = OpenCell(
                usage.cell, contract_id, usage.quantity, usage.events, usage.digest, [source], usage.largest,
                usage.last_time, position, usage.last_quantity, usage.moment,
                sorted({*usage.distinct}) if usage.distinct else [],
            )  # fmt: skip
            self._keep(feed, cell)
        else:
            cell.quantity += usage.quantity
            cell.events += usage.events
            cell.digest ^= usage.digest
            cell.sources = extended(cell.sources, source)
            cell.moment += usage.moment
            if usage.largest > cell.largest:
                cell.largest = usage.largest
            if (usage.last_time, position) > (cell.last_time, cell.last_position):
                cell.last_time, cell.last_position, cell.last_quantity = usage.last_time, position, usage.last_quantity
            if usage.distinct:
                cell.distinct = sorted({*cell.distinct, *usage.distinct})
        if not cell.dirty:
            cell.dirty = True
            self._dirty.append((feed.name, cell))
        return feed.name

    def flush(self) -> None:
        """Put what changed into the batch in hand."""
        for feed, cell in self._dirty:
            self._store.put(_key(feed, cell.start, cell.contract_id), codec.encode(_closed(cell)))
            cell.dirty = False
        self._dirty.clear()
        while self._cached > CACHED_CELLS or len(self._feeds) > CACHED_CELLS:
            _, oldest = self._feeds.popitem(last=False)
            del self._named[oldest.name]
            self._cached -= len(oldest.cells)

    def between(self, feed: bytes, start: int, end: int) -> Iterable[OpenCell]:
        """A feed's cells that start in [start, end), in time order; after `flush`."""
        known = self._named.get(feed)
        if known is not None and start >= known.since:
            first = bisect_left(known.order, (start, ""))
            return [known.cells[name] for name in known.order[first : bisect_left(known.order, (end, ""), first)]]
        found = self._store.scan(keys.CELL + feed, keys.number(start), keys.number(end))
        return (_opened(key, value) for key, value in found)

    def feeds_of(self, customer_id: str) -> list[tuple[bytes, FeedRecord]]:
        """The feeds of a customer."""
        found = self._store.scan(keys.FEED + keys.name(customer_id))
        return [(key[-16:], codec.decode(FeedRecord, value)) for key, value in found]

    def trim(self, feed: bytes, stop: int, goes: Callable[[OpenCell], bool]) -> Iterator[int]:
        """Let cells go that start before `stop`, those that `goes` says; after `flush`. Gives how many it looked at."""
        for part in self._store.walk(keys.CELL + feed, keys.number(stop)):
            for key, value in part:
                cell = _opened(key, value)
                if goes(cell):
                    self._store.delete(key)
                    known, name = self._named.get(feed), (cell.start, cell.contract_id)
                    if known is not None and known.cells.pop(name, None) is not None:
                        known.order.remove(name)
                        self._cached -= 1
            yield len(part)

    def drop_empty(self, feed: bytes, record: FeedRecord) -> None:
        """Forget a feed without cells; after `flush`."""
        if not self._store.any_from(keys.CELL + feed, b""):
            self._store.delete(keys.FEED + keys.name(record.customer_id) + feed)
            self._feeds.pop((record.customer_id, record.meter), None)
            self._named.pop(feed, None)

    def _feed(self, customer_id: str, meter: str) -> _Feed:
        feed = self._feeds.get((customer_id, meter))
        if feed is not None:
            self._feeds.move_to_end((customer_id, meter))
            return feed
        name, since = feed_name(customer_id, meter), ALWAYS
        key = keys.FEED + keys.name(customer_id) + name
        if self._store.get(key) is None:
            self._store.put(key, codec.encode(FeedRecord(customer_id, meter)))
        elif (last := self._store.last_before(keys.CELL + name, keys.number(FOREVER))) is not None:
            since = keys.from_number(last[0][17:25]) + 1
        feed = self._feeds[customer_id, meter] = self._named[name] = _Feed(name, customer_id, meter, since, {}, [])
        return feed

    def _keep(self, feed: _Feed, cell: OpenCell) -> None:
        name = (cell.start, cell.contract_id)
        feed.cells[name] = cell
        insort(feed.order, name)
        self._cached += 1

    def _read(self, feed: _Feed, start: int, contract_id: str) -> OpenCell | None:
        """A cell that may be in the store alone: one of before all that are here."""
        key = _key(feed.name, start, contract_id)
        stored = self._store.get(key)
        if stored is None:
            return None
        cell = _opened(key, stored)
        self._keep(feed, cell)
        return cell


def _opened(key: bytes, stored: bytes) -> OpenCell:
    cell, number = codec.decode(Cell, stored), codec.to_int
    return OpenCell(
        keys.from_number(key[17:25]), cell.contract_id, number(cell.quantity), cell.events,
        int.from_bytes(cell.digest, "big"), cell.sources, number(cell.largest), cell.last_time, cell.last_position,
        number(cell.last_quantity), number(cell.moment), cell.distinct,
    )  # fmt: skip


def _closed(cell: OpenCell) -> Cell:
    data = codec.from_int
    return Cell(
        cell.contract_id, data(cell.quantity), cell.events, cell.digest.to_bytes(16, "big"), cell.sources,
        data(cell.largest), cell.last_time, cell.last_position, data(cell.last_quantity), data(cell.moment),
        cell.distinct,
    )  # fmt: skip


def feed_name(customer_id: str, meter: str) -> bytes:
    """The 16 bytes that stand for a customer's usage of a meter."""
    return keys.name(customer_id, meter)


def _key(feed: bytes, start: int, contract_id: str) -> bytes:
    return keys.CELL + feed + keys.number(start) + contract_id.encode()


def extended(sources: list[Source], source: Source) -> list[Source]:
    """Ranges of positions with one more. Mostly it goes on where the last one of its partition ended."""
    last = sources[-1] if sources else None
    if last is not None and last.start <= source.start <= last.end and _same_partition(last, source):
        return [*sources[:-1], Source(last.topic, last.partition, last.start, max(last.end, source.end))]
    if len(sources) < SOURCES_MAX:
        return [*sources, source]
    return merged([*sources, source])


def merged(sources: list[Source]) -> list[Source]:
    """Ranges by partition, joined where they touch; past a limit a partition's become the one around them."""
    result: list[Source] = []
    for source in sorted(sources):
        last = result[-1] if result else None
        if last is not None and source.start <= last.end and _same_partition(last, source):
            result[-1] = Source(last.topic, last.partition, last.start, max(last.end, source.end))
        else:
            result.append(source)
    if len(result) < SOURCES_MAX:
        return result
    around: dict[tuple[str, int], Source] = {}
    for source in result:
        known = around.get((source.topic, source.partition), source)
        around[source.topic, source.partition] = Source(source.topic, source.partition, known.start, source.end)
    return list(around.values())


def _same_partition(one: Source, other: Source) -> bool:
    return one.partition == other.partition and one.topic == other.topic
