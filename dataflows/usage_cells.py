"""Usage summed into cells: a customer's usage of a meter by quarter of an hour and named contract.

A cell is small enough that any window of any time zone is a set of whole cells, and it is cut where a contract that is
known by then begins or ends off the quarter hour, so that each cell belongs to one line as a whole. A boundary off the
quarter hour that becomes known after the usage was summed takes effect with the next cell.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl
from polars_hash import NonCryptographicHashingNameSpace as Hashes

from dataflows.contract_table import QUARTER_US
from state import codec, keys
from state.records import Cell, FeedRecord, Source
from state.store import ShardStore

CACHED_CELLS = 50_000
SOURCES_MAX = 32
# The value of the dimension "unique_key" in the canonical text of dimensions: JSON pairs, so quotes are escaped.
UNIQUE_PATTERN = r'\["unique_key","((?:[^"\\]|\\.)*)"\]'
CellName = tuple[str, str | None, str, int]  # customer, named contract, meter, start
GROUP = ["customer_id", "contract_id", "meter", "cell", "origin"]


@dataclass(frozen=True, slots=True)
class Usage:
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


def with_cells(rows: pl.DataFrame, edges: dict[str, list[int]]) -> pl.DataFrame:
    """Rows with the start of their cell."""
    rows = rows.with_columns((pl.col("event_time") // QUARTER_US * QUARTER_US).alias("cell"))
    if not edges:
        return rows
    known = pl.DataFrame(
        [(customer, edge) for customer, found in edges.items() for edge in found],
        schema={"customer_id": pl.String, "edge": pl.Int64},
        orient="row",
    ).sort("edge")
    joined = (
        rows.with_row_index("order")
        .sort("event_time")
        .join_asof(known, left_on="event_time", right_on="edge", by="customer_id", check_sortedness=False)
        .sort("order")
    )
    return joined.with_columns(pl.max_horizontal("cell", pl.col("edge"))).drop("edge", "order")


def rows_of(rows: pl.DataFrame, cells: list[CellName]) -> pl.DataFrame:
    """The rows of some cells."""
    names = ["customer_id", "contract_id", "meter", "cell"]
    wanted = pl.DataFrame(cells, schema={name: rows.schema[name] for name in names}, orient="row")
    return rows.join(wanted.unique(), on=names, how="semi", nulls_equal=True)


def cell_of(instant: int, edges: list[int]) -> int:
    """The start of the cell of one instant."""
    return max([instant // QUARTER_US * QUARTER_US, *(edge for edge in edges if edge <= instant)])


def groups(rows: pl.DataFrame, origins: list[tuple[str, int]]) -> Iterator[Usage]:
    """Admitted rows summed by cell: one item for each group, not for each event. `origin` indexes `origins`."""
    units, latest = pl.col("units"), pl.col("event_time") == pl.col("event_time").max()
    rows = rows.with_columns(pl.col("quantity").to_physical().alias("units"), _unique_value())
    wide = _is_wide(rows)
    past = pl.col("event_time") - pl.col("cell")
    summed = rows.group_by(GROUP, maintain_order=True).agg(
        units if wide else units.sum(),
        pl.len().alias("events"),
        pl.col("high", "low").bitwise_xor(),
        pl.col("offset").min().alias("first"),
        pl.col("offset").max().alias("final"),
        units.max().alias("largest"),
        pl.col("event_time").max().alias("last_time"),
        # Rows of a partition stand in the order of their positions: of equal times the last one counts.
        pl.col("offset").filter(latest).last().alias("last_offset"),
        units.filter(latest).last().alias("last_units"),
        past if wide else (units * past.cast(pl.Int128)).sum().alias("moment"),
        pl.col("unique_value").drop_nulls().unique(),
    )
    for (
        customer, contract, meter, cell, origin, quantity, events, high, low,
        first, final, largest, last_time, last_offset, last_quantity, moment, distinct,
    ) in summed.iter_rows():  # fmt: skip
        topic, partition = origins[origin]
        if wide:
            moment = sum(one * after for one, after in zip(quantity, moment, strict=True))
            quantity = sum(quantity)
        yield Usage(
            customer, contract, meter, cell, quantity, events, high << 64 | low,
            Source(topic, partition, first, final + 1), largest, last_time, last_offset, last_quantity, moment,
            tuple(value.to_bytes(16, "big") for value in distinct) if distinct else (),
        )  # fmt: skip


def _is_wide(rows: pl.DataFrame) -> bool:
    """Whether 128 bits could not hold the sums: then groups carry their quantities one by one."""
    low, high = rows.select(pl.col("units").min().alias("low"), pl.col("units").max().alias("high")).row(0)
    if low is None:
        return False
    return bool(max(abs(low), abs(high)) * rows.height * QUARTER_US >= 2**126)


def _unique_value() -> pl.Expr:
    """A hash of the value of the dimension that `unique` counts; null where a row has none."""
    value = pl.col("dimensions").str.extract(UNIQUE_PATTERN)
    return Hashes(value).xxh3_128().alias("unique_value")


def unique_value(dimensions: str) -> tuple[bytes, ...]:
    """The same for one row."""
    value = pl.DataFrame({"dimensions": [dimensions]}).select(_unique_value()).item()
    return () if value is None else (int(value).to_bytes(16, "big"),)


class UsageCells:
    """The cells of one shard: a cache in front of the store."""

    def __init__(self, store: ShardStore) -> None:
        self._store = store
        self._cache: OrderedDict[bytes, Cell] = OrderedDict()
        self._feeds: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._dirty: set[bytes] = set()

    def add(self, usage: Usage) -> bytes:
        """Add to the usage's cell; gives the feed's name."""
        feed = self._feed(usage.customer_id, usage.meter)
        key = _key(feed, usage.cell, usage.contract_id or "")
        cell = self._cell(key, usage.contract_id or "")
        cell.quantity = codec.from_int(codec.to_int(cell.quantity) + usage.quantity)
        cell.digest = (int.from_bytes(cell.digest, "big") ^ usage.digest).to_bytes(16, "big")
        cell.sources = extended(cell.sources, usage.source)
        cell.moment = codec.from_int(codec.to_int(cell.moment) + usage.moment)
        if not cell.events or usage.largest > codec.to_int(cell.largest):
            cell.largest = codec.from_int(usage.largest)
        position = (usage.source.topic, usage.source.partition, usage.last_offset)
        if not cell.events or (usage.last_time, position) > (cell.last_time, cell.last_position):
            cell.last_time, cell.last_position = usage.last_time, position
            cell.last_quantity = codec.from_int(usage.last_quantity)
        if usage.distinct:
            cell.distinct = sorted({*cell.distinct, *usage.distinct})
        cell.events += usage.events
        self._dirty.add(key)
        return feed

    def flush(self) -> None:
        """Put what changed into the batch in hand."""
        for key in self._dirty:
            self._store.put(key, codec.encode(self._cache[key]))
        self._dirty.clear()
        while len(self._cache) > CACHED_CELLS:
            self._cache.popitem(last=False)

    def between(self, feed: bytes, start: int, end: int) -> Iterator[tuple[int, Cell]]:
        """(start, cell) of a feed's cells that start in [start, end), in time order; after `flush`."""
        prefix = keys.CELL + feed
        for key, value in self._store.scan(prefix, keys.number(start), keys.number(end)):
            yield keys.from_number(key[17:25]), codec.decode(Cell, value)

    def feeds_of(self, customer_id: str) -> list[tuple[bytes, FeedRecord]]:
        """The feeds of a customer."""
        found = self._store.scan(keys.FEED + keys.name(customer_id))
        return [(key[-16:], codec.decode(FeedRecord, value)) for key, value in found]

    def trim(self, feed: bytes, stop: int, goes: Callable[[int, Cell], bool]) -> Iterator[int]:
        """Let cells go that start before `stop`, those that `goes` says; after `flush`. Gives how many it looked at."""
        for part in self._store.walk(keys.CELL + feed, keys.number(stop)):
            for key, value in part:
                if goes(keys.from_number(key[17:25]), codec.decode(Cell, value)):
                    self._store.delete(key)
                    self._cache.pop(key, None)
            yield len(part)

    def drop_empty(self, feed: bytes, record: FeedRecord) -> None:
        """Forget a feed without cells; after `flush`."""
        if not self._store.any_from(keys.CELL + feed, b""):
            self._store.delete(keys.FEED + keys.name(record.customer_id) + feed)
            self._feeds.pop((record.customer_id, record.meter), None)

    def _feed(self, customer_id: str, meter: str) -> bytes:
        feed = self._feeds.get((customer_id, meter))
        if feed is None:
            feed = feed_name(customer_id, meter)
            key = keys.FEED + keys.name(customer_id) + feed
            if self._store.get(key) is None:
                self._store.put(key, codec.encode(FeedRecord(customer_id, meter)))
            self._feeds[customer_id, meter] = feed
            if len(self._feeds) > CACHED_CELLS:
                self._feeds.popitem(last=False)
        return feed

    def _cell(self, key: bytes, contract_id: str) -> Cell:
        cell = self._cache.get(key)
        if cell is None:
            stored = self._store.get(key)
            cell = codec.decode(Cell, stored) if stored else _empty(contract_id)
            self._cache[key] = cell
        else:
            self._cache.move_to_end(key)
        return cell


def _empty(contract_id: str) -> Cell:
    nothing = codec.from_int(0)
    return Cell(contract_id, nothing, 0, bytes(16), [], nothing, 0, ("", 0, 0), nothing, nothing, [])


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
    for source in sorted(sources, key=lambda one: (one.topic, one.partition, one.start)):
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
