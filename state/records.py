"""The records a shard keeps, as typed arrays. New fields go to the end, with a default, so that older bytes read."""

from __future__ import annotations

from datetime import date

import msgspec


class Applied(msgspec.Struct, array_like=True, frozen=True):
    """How far a source partition has been applied."""

    offset: int  # the next one to apply
    newest: int | None  # running maximum of event_time, microseconds
    phase: int  # control records that came before


class Source(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """A range of positions [start, end) of a source partition; ordered by partition, then by position."""

    topic: str
    partition: int
    start: int
    end: int


class Cell(msgspec.Struct, array_like=True):
    """Usage of one feed, contract and quarter of an hour, summed."""

    contract_id: str  # as the events name it; "" = none
    quantity: bytes  # 1e-18, codec.from_int
    events: int
    digest: bytes  # exclusive or of the events' 128-bit identities: the same for any order
    sources: list[Source]
    largest: bytes  # 1e-18
    last_time: int  # of the latest event, ties broken by position
    last_position: tuple[str, int, int]
    last_quantity: bytes  # 1e-18
    moment: bytes  # sum of quantity x (event time - start of the cell), 1e-18 x microseconds
    distinct: list[bytes]  # hashes of the values of the unique key, sorted


class FeedRecord(msgspec.Struct, array_like=True):
    """A customer's usage of one meter."""

    customer_id: str
    meter: str


class Booked(msgspec.Struct, array_like=True):
    """What is posted for a line and window, and where cumulative rating stood after it."""

    window_end: int
    revision: int
    accounts: dict[str, bytes]  # signed minor units posted so far, codec.from_int: they may pass 64 bits
    billing_start: int
    units: bytes  # numerator, 1e-18; empty: no usage yet
    divisor: bytes  # of units: a weighted sum is a fraction
    booked: bytes  # minor units of the billing period
    revenue: bytes  # minor units of the line since its start
    quantity: bytes  # 1e-18, of the window
    events: int
    version: int
    unpriced: bool
    functional: dict[str, bytes] = {}  # the same in the functional currency, where that is another one
    held: bool = False  # not posted as it should be: master data is missing
    functional_currency: str = ""  # in which they were posted
    day: date | None = None  # on which they were posted, where that period was open
    withheld: bytes = b""  # minor units of the line up to and with this window that are held
    amount: bytes = b""  # minor units of this window that are posted


class LineBase(msgspec.Struct, array_like=True):
    """Where the books of a line begin whose earlier windows were let go, and where cumulative rating stood there."""

    floor: int  # no window that ended by then is booked anew
    billing_start: int  # this and the rest: see Booked
    units: bytes
    divisor: bytes
    booked: bytes
    revenue: bytes
    held: int  # end of the last window that was let go unposted; the lowest number: none was
    withheld: bytes = b""
    # (window end, minor units): what was posted of windows that were let go, by what was billed in between.
    posted: list[tuple[int, bytes]] = []


class Posted(msgspec.Struct, array_like=True):
    """What is posted for an effect on a contract's position."""

    revision: int
    day: date  # its accounting date, where that period was open
    product_id: str
    accounts: dict[str, bytes]  # signed minor units, codec.from_int
    functional: dict[str, bytes]  # the same in the functional currency, where that is another one
    functional_currency: str = ""  # in which they were posted
    amount: bytes = b""  # minor units of revenue that are posted


class ParkedUsage(msgspec.Struct, array_like=True):
    """A usage event that no contract line takes yet, whole."""

    topic: str
    partition: int
    offset: int
    event_id: str
    source: str
    customer_id: str
    contract_id: str | None
    meter: str
    quantity: bytes  # 1e-18
    event_time: int
    dimensions: str  # canonical text
    identity: bytes  # 128 bits
    raised: str = ""  # the exception class raised for it, "" = none yet
    phase: int = 0  # control records that came before it


class StoredContract(msgspec.Struct, array_like=True):
    """One contract version as it was received."""

    payload: bytes  # the JSON record
    topic: str
    partition: int
    offset: int
    until: int | None = None  # when its term is over; None: not noted
    cut: int = -(2**63)  # usage of before this instant was let go when the version was taken up
    kept: int = -(2**63)  # no usage was let go by a cut up to this instant: the version took away the end of the term


class StoredBilling(msgspec.Struct, array_like=True):
    """One billing event as it was received, and what has become of it."""

    payload: bytes  # the JSON record
    topic: str
    partition: int
    offset: int
    contract_id: str = ""  # to which it belongs; "" = it waits
    raised: str = ""  # the class of the exception because of which it is not booked; "" = none


class StoredReference(msgspec.Struct, array_like=True):
    """The master data record that holds for its identity and effective date."""

    payload: bytes  # the JSON record
    topic: str
    partition: int
    offset: int


class ClosedPeriod(msgspec.Struct, array_like=True):
    """A frozen accounting month of an entity."""

    entity: str
    period: str
    actor: str
    closed_at: int
    phase: int = 0  # control records that came before the close
    reopened: int = -1  # and before the reopening; -1: it is closed
