"""What the ERP has answered: each journal entry with the newest answer to it, and the answers that wait for their entry.

The books do not depend on it: it is told of every entry that is said and of every answer that is read, in either order,
and what it keeps goes with the write of both. An answer names no customer, mostly: then every shard looks. The one that has
said the entry takes it; the others keep it for an entry that may come, and cannot tell that nobody knows it. What nobody
knows is the number of all entries that were answered, each counted by one shard, less those that a shard has taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec

from accounting.calendar import DAY_US, start_of_day
from accounting.currency import digits
from accounting.money import minor_from_major
from connectors.batch import Record
from dataflows.business_clock import BusinessClock
from dataflows.cut import Cut
from dataflows.erp_counts import ErpFacts, load
from dataflows.exception_desk import Coordinates, ExceptionDesk
from schemas.decimals import AMOUNT_SCALE, scaled
from schemas.postings import ErpPosting
from schemas.topics import JOURNAL, POSTINGS
from state import codec, keys
from state.store import ShardStore

UNKNOWN, REJECTED, DIFFERS = "entry_unknown", "posting_rejected", "posting_differs"
KEYS = 200  # of which a pass looks at so many with one batch
HOUR_US = DAY_US // 24
REASON_CHARACTERS = 500
EVERYWHERE, ALONE = 1, 2  # how an entry was heard of: all shards were asked, or this one alone

_WAITING = keys.ANSWER + b"\x00"  # entry id -> _Waiting
_TO_JUDGE = keys.ANSWER + b"\x01"  # instant, entry id: nobody may know it


class _Answer(msgspec.Struct, array_like=True):
    """What the ERP has said, and where."""

    posted: bool
    at: int  # microseconds, by the ERP's clock
    amount: bytes | None  # 1e-4 of the major unit, codec.from_int
    partition: int
    offset: int
    words: str = ""  # the document in the ERP, or why it was rejected

    @property
    def rank(self) -> tuple[int, bool, int, int]:
        """The highest holds: the newest; of one instant the one that posted; of these the first one."""
        return self.at, self.posted, -self.partition, -self.offset


class _Said(msgspec.Struct, array_like=True):
    """A journal entry without an answer; short, as there is one for each."""

    entity: str
    total: int | bytes  # 1e-4 of the major unit; beyond 64 bits codec.from_int
    hour: int  # when it was said, in business time


class _Entry(_Said, array_like=True):
    """A journal entry."""

    heard: int = 0
    answer: _Answer | None = None
    raised: tuple[str, int, int] | None = None  # class, partition and offset of its open exception


class _Waiting(msgspec.Struct, array_like=True):
    """An answer to an entry that this shard has not said."""

    heard: int
    answer: _Answer
    name: str = ""  # of the entry, where it is none of our ids
    customer_id: str | None = None
    raised: tuple[int, int] | None = None  # partition and offset of its open exception


class ErpPostings:
    """The ERP's answers in one shard."""

    def __init__(
        self, store: ShardStore, desk: ExceptionDesk, clock: BusinessClock, cut: Cut, shard: int, shards: int,
        replaying: bool,
    ) -> None:  # fmt: skip
        """`replaying`: the journal holds entries that this state does not say."""
        self._store, self._desk, self._clock, self._cut = store, desk, clock, cut
        self._shard, self._shards = shard, shards
        self._counts = load(store, not replaying)
        self._judged: int | None = None  # the business date of the last look
        self._passing = ""
        self._pass: Iterator[int] = iter(())

    def note(self, topic: str, record: Mapping[str, Any], _currency: str = "") -> None:
        """An entry is said: from now on it awaits its answer, unless that is there already."""
        if topic == JOURNAL:
            self._say(record)

    def _say(self, entry: Mapping[str, Any]) -> None:
        key = bytes.fromhex(entry["entry_id"])
        entity, total = entry["entity"], _total(entry)
        hour = max(_hour(entry["accounting_date"]), self._clock.business_date // HOUR_US)
        said: _Said = _Said(entity, total if total < 2**63 else codec.from_int(total), hour)
        self._counts.awaits(entity, hour, 1)
        waiting = self._waiting(key) if self._counts.waiting else None
        if waiting is not None:
            self._let_go(key)
            if waiting.raised is not None:
                self._desk.resolve(UNKNOWN, Coordinates(POSTINGS, *waiting.raised), "the entry was said")
            said = _Entry(entity, said.total, hour, waiting.heard)
            self._take(key, said, waiting.answer)
        self._store.put(keys.ENTRY + key, codec.encode(said))

    def apply(self, record: Record, partition: int) -> None:
        """An answer is read."""
        event: ErpPosting = record.model
        key = _key(event.entry_id)
        amount = None if event.amount is None else codec.from_int(scaled(event.amount, AMOUNT_SCALE))
        posted = event.status == "posted"
        words = ((event.erp_id if posted else event.reason) or "")[:REASON_CHARACTERS]
        answer = _Answer(posted, event.posted_at, amount, partition, record.offset, words)
        heard = EVERYWHERE if event.customer_id is None else ALONE
        if (entry := self._entry(key)) is not None:
            entry.heard = self._hear(key, entry.heard, heard)
            self._take(key, entry, answer)
            self._store.put(keys.ENTRY + key, codec.encode(entry))
        elif answer.at >= self._cut.until:  # an older one is about an entry that may have been forgotten
            self._keep(key, event, answer, heard)

    def judge(self) -> None:
        """All that is due by the business date is said: an answer from before it whose entry is not there has none.

        Only what no other shard was asked can be told, and only by a state that knows every entry from the first one on.
        """
        if (now := self._clock.business_date) == self._judged:
            return
        self._judged = now
        if not self._counts.queued:
            return
        for key, _ in list(self._store.scan(_TO_JUDGE, stop=keys.number(now))):
            self._store.delete(key)
            self._counts.queues(-1)
            name = key[-16:]
            waiting = self._waiting(name)
            if waiting is None or waiting.raised is not None:
                continue
            answer = waiting.answer
            waiting.raised = answer.partition, answer.offset
            self._store.put(_WAITING + name, codec.encode(waiting))
            did = "posted" if answer.posted else "rejected"
            self._desk.raise_one(
                UNKNOWN, Coordinates(POSTINGS, *waiting.raised),
                f"the ERP has {did} entry {waiting.name or name.hex()}, which the journal does not have", b"",
                since=answer.at, customer_id=waiting.customer_id, resolvable=True,
            )  # fmt: skip

    # -- what is kept for how long

    @property
    def rests(self) -> bool:
        """Whether there is nothing to let go."""
        return self._counts.forgot == str(self._cut.month or "")

    def keep_up(self, keys_most: int = KEYS) -> None:
        """Let go, some keys at a time, of what lies behind the cut; nothing looks there any more."""
        if self.rests:
            return
        if not self._passing:
            self._passing, self._pass = str(self._cut.month), self._over_all()
        for looked_at in self._pass:
            keys_most -= looked_at
            if keys_most <= 0:
                return
        self._counts.forget(self._passing)
        self._passing = ""

    def save(self) -> None:
        """Keep the counts with the batch in hand."""
        self._counts.save(self._store)

    def facts(self) -> ErpFacts:
        """What is to be shown of it."""
        return self._counts.facts(self._shard, self._clock.business_date, self._cut.until // HOUR_US)

    def _over_all(self) -> Iterator[int]:
        until = self._cut.until
        for part in self._store.walk(keys.ENTRY):
            yield len(part)
            for key, value in part:
                entry = codec.decode(_Entry, value)
                if entry.hour * HOUR_US < until:
                    self._store.delete(key)
                    if entry.raised is not None:
                        self._desk.forget(entry.raised[0], Coordinates(POSTINGS, *entry.raised[1:]))
        for part in self._store.walk(_WAITING):
            yield len(part)
            for key, value in part:
                waiting = codec.decode(_Waiting, value)
                if waiting.answer.at < until:
                    self._forget(key[-16:], waiting)
        self._counts.let_go(until // HOUR_US, self._store)

    # -- one entry

    def _take(self, key: bytes, entry: _Entry, answer: _Answer) -> None:
        """An answer to an entry of ours; one that was delivered again, or is older than the one that holds, is nothing."""
        before = entry.answer
        if before is not None and before.rank >= answer.rank:
            return
        if before is None:
            self._counts.awaits(entry.entity, entry.hour, -1)
        self._counts.answers(entry.entity, None if before is None else before.posted, answer.posted)
        entry.answer = answer
        wrong = _wrong(key.hex(), entry, answer)
        if entry.raised is not None:
            if wrong is not None and wrong[0] == entry.raised[0]:
                return  # still so
            settled = f"the ERP has posted it{f' as {answer.words}' if answer.words else ''}"
            self._desk.resolve(
                entry.raised[0],
                Coordinates(POSTINGS, *entry.raised[1:]),
                settled if answer.posted else "the ERP has rejected it since",
            )
            entry.raised = None
        if wrong is not None:
            cls, reason = wrong
            entry.raised = cls, answer.partition, answer.offset
            at = Coordinates(POSTINGS, answer.partition, answer.offset)
            self._desk.raise_one(cls, at, reason, b"", since=answer.at, resolvable=True)

    def _keep(self, key: bytes, event: ErpPosting, answer: _Answer, heard: int) -> None:
        """An answer to an entry that is not there, or not yet."""
        waiting = self._waiting(key)
        if waiting is None:
            self._counts.waits(1)
            name = "" if event.entry_id == key.hex() else event.entry_id
            waiting = _Waiting(0, answer, name, event.customer_id)
        elif waiting.answer.rank < answer.rank:
            waiting.answer = answer
        if heard == ALONE:  # with one shard, too: what is said does not depend on how many there are
            self._queue(key, waiting)
            waiting.customer_id = waiting.customer_id or event.customer_id
        waiting.heard = self._hear(key, waiting.heard, heard)
        self._store.put(_WAITING + key, codec.encode(waiting))

    def _queue(self, key: bytes, waiting: _Waiting) -> None:
        """Once time has passed it, look whether its entry has come; though time may have passed it already."""
        queued = _TO_JUDGE + keys.number(waiting.answer.at) + key
        if self._counts.complete and waiting.raised is None and self._store.get(queued) is None:
            self._store.put(queued, b"")
            self._counts.queues(1)
            self._judged = None

    def _let_go(self, key: bytes) -> None:
        self._counts.waits(-1)
        self._store.delete(_WAITING + key)

    def _hear(self, key: bytes, before: int, how: int) -> int:
        """Count an entry that was answered in one shard of all: in its home if all were asked, else in the one that was."""
        home = int.from_bytes(key[:4], "big") % self._shards == self._shard
        now = before | how
        self._counts.heard(_share(now, home) - _share(before, home))
        return now

    def _entry(self, key: bytes) -> _Entry | None:
        stored = self._store.get(keys.ENTRY + key)
        if stored is None:
            return None
        entry = codec.decode(_Entry, stored)
        return entry if entry.hour * HOUR_US >= self._cut.until else None

    def _waiting(self, key: bytes) -> _Waiting | None:
        stored = self._store.get(_WAITING + key)
        if stored is None:
            return None
        waiting = codec.decode(_Waiting, stored)
        if waiting.answer.at >= self._cut.until:
            return waiting
        self._forget(key, waiting)
        return None

    def _forget(self, key: bytes, waiting: _Waiting) -> None:
        self._let_go(key)
        if waiting.raised is not None:
            self._desk.forget(UNKNOWN, Coordinates(POSTINGS, *waiting.raised))


def _share(heard: int, home: bool) -> int:
    return int(home) if heard & EVERYWHERE else int(heard == ALONE)


def _wrong(name: str, entry: _Entry, answer: _Answer) -> tuple[str, str] | None:
    """Class and reason of what somebody has to do about an answer."""
    if not answer.posted:
        why = f": {answer.words}" if answer.words else ", and does not say why"
        return REJECTED, f"the ERP has rejected entry {name} of {entry.entity}{why}"
    if answer.amount is None:
        return None
    posted = codec.to_int(answer.amount)
    said = entry.total if isinstance(entry.total, int) else codec.to_int(entry.total)
    if posted != said:
        return (
            DIFFERS,
            f"the ERP has posted {_text(posted)} of entry {name} of {entry.entity}, which says {_text(said)}",
        )
    return None


def _key(name: str) -> bytes:
    """16 bytes of an entry id: its own, or of what is none of ours."""
    if len(name) == 32:
        try:
            key = bytes.fromhex(name)
        except ValueError:
            pass
        else:
            if key.hex() == name:
                return key
    return keys.name("no entry", name)


def _total(entry: Mapping[str, Any]) -> int:
    """The debits of an entry in 1e-4 of the major unit."""
    currency, minor = entry["currency"], 0
    for one in entry["lines"]:
        if one["side"] == "debit":
            minor += minor_from_major(one["amount"], currency)
    return minor * _unit(currency)


@lru_cache(maxsize=1024)
def _unit(currency: str) -> int:
    return int(10 ** (AMOUNT_SCALE - digits(currency)))


def _text(amount: int) -> str:
    whole, fraction = divmod(abs(amount), 10**AMOUNT_SCALE)
    digits_ = f"{fraction:0{AMOUNT_SCALE}d}".rstrip("0")
    return f"{'-' if amount < 0 else ''}{whole}.{digits_.ljust(2, '0')}"


@lru_cache(maxsize=4096)
def _hour(day: str) -> int:
    """The hour with which a date begins."""
    return start_of_day(date.fromisoformat(day), "UTC") // HOUR_US
