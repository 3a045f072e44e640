"""How many entries the ERP has answered, and how; kept with the state, so that they are exact over restarts."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter

import msgspec

from schemas.topics import JOURNAL
from state import codec, keys
from state.directory import last_sequences
from state.store import ShardStore

_KEY = keys.META + b"erp"


class _Stored(msgspec.Struct, array_like=True):
    """The counts as they are kept; new fields go to the end, with a default."""

    complete: bool  # every entry of the journal is known; not of a state from before the answers were read
    posted: dict[str, int]  # entries by entity
    rejected: dict[str, int]
    heard: int = 0
    waiting: int = 0
    queued: int = 0
    forgot: str = ""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Entries of one entity without an answer."""

    entries: int
    oldest_hour: int  # since 1970, in business time


@dataclass(frozen=True, slots=True)
class ErpFacts:
    """What one shard knows at one instant."""

    shard: int
    posted: dict[str, int]  # entries by entity
    rejected: dict[str, int]
    heard: int  # entries that were answered, those that no shard knows among them; each is counted by one shard
    unanswered: dict[str, Unanswered]
    complete: bool
    business_date: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts of all shards."""

    posted: int = 0
    rejected: int = 0
    unknown: int = 0  # answered entries that no shard has said; of a state that is not complete also those of before
    unanswered: int = 0
    complete: bool = True


@dataclass(slots=True)
class Counts:
    """Of one shard."""

    stored: _Stored
    hours: dict[tuple[str, int], int] = field(default_factory=dict)  # entity, hour -> entries without an answer
    _touched: set[tuple[str, int]] = field(default_factory=set)
    _changed: bool = False
    _told: dict[str, Unanswered] | None = None

    @property
    def complete(self) -> bool:
        """Whether the state knows every entry from the first one on."""
        return self.stored.complete

    @property
    def waiting(self) -> int:
        """Answers that are kept for an entry which may come."""
        return self.stored.waiting

    @property
    def queued(self) -> int:
        """Answers that are to be looked at once time has passed them."""
        return self.stored.queued

    @property
    def forgot(self) -> str:
        """The month before which everything is let go."""
        return self.stored.forgot

    def awaits(self, entity: str, hour: int, more: int) -> None:
        """So many entries more, or less, have no answer."""
        at = entity, hour
        self.hours[at] = self.hours.get(at, 0) + more
        self._touched.add(at)
        self._told = None

    def answers(self, entity: str, before: bool | None, posted: bool) -> None:
        """An entry is posted or not; `before`: whether it was until now, None: it had no answer."""
        if before is not None:
            self._of(before)[entity] -= 1
        self._of(posted)[entity] = self._of(posted).get(entity, 0) + 1
        self._changed = True

    def heard(self, more: int) -> None:
        """So many answered entries more are counted here."""
        self.stored.heard += more
        self._changed = True

    def waits(self, more: int) -> None:
        """So many answers more, or less, are kept."""
        self.stored.waiting += more
        self._changed = True

    def queues(self, more: int) -> None:
        """So many answers more, or less, are to be looked at."""
        self.stored.queued += more
        self._changed = True

    def forget(self, month: str) -> None:
        """Everything before a month is let go."""
        self.stored.forgot = month
        self._changed = True

    def let_go(self, hour: int, store: ShardStore) -> None:
        """Entries of before an hour are not waited for any more."""
        for old in [one for one in self.hours if one[1] < hour]:
            del self.hours[old]
            self._touched.discard(old)
            store.delete(_hour_key(*old))
        self._told = None

    def save(self, store: ShardStore) -> None:
        """Keep what has changed with the batch in hand."""
        for at in self._touched:
            if count := self.hours[at]:
                store.put(_hour_key(*at), codec.from_int(count))
            else:
                del self.hours[at]
                store.delete(_hour_key(*at))
        self._touched.clear()
        if self._changed:
            store.put(_KEY, codec.encode(self.stored))
            self._changed = False

    def facts(self, shard: int, business_date: int, hour: int) -> ErpFacts:
        """What there is now; entries of before an hour are forgotten."""
        if self._told is None:
            known = {*self.stored.posted, *self.stored.rejected, *(entity for entity, _ in self.hours)}
            self._told = {entity: Unanswered(0, hour) for entity in known}
            for (entity, at), count in sorted(self.hours.items(), key=itemgetter(0), reverse=True):
                if count:  # the oldest comes last
                    self._told[entity] = Unanswered(self._told[entity].entries + count, at)
        return ErpFacts(
            shard, self.stored.posted.copy(), self.stored.rejected.copy(), self.stored.heard, self._told,
            self.stored.complete, business_date,
        )  # fmt: skip

    def _of(self, posted: bool) -> dict[str, int]:
        return self.stored.posted if posted else self.stored.rejected


def load(store: ShardStore, knows_all: bool = True) -> Counts:
    """A shard's counts. One that has never counted knows every entry if there are none yet and it `knows_all` to come."""
    data = store.get(_KEY)
    if data is None:
        counts = Counts(_Stored(knows_all and not last_sequences(store).get(JOURNAL, 0), {}, {}), _changed=True)
    else:
        counts = Counts(codec.decode(_Stored, data))
    for key, value in store.scan(keys.UNANSWERED):
        counts.hours[key[9:].decode(), keys.from_number(key[1:9])] = codec.to_int(value)
    return counts


def total(all_: list[Counts]) -> Totals:
    """The counts of all shards."""
    posted = sum(sum(one.stored.posted.values()) for one in all_)
    rejected = sum(sum(one.stored.rejected.values()) for one in all_)
    heard = sum(one.stored.heard for one in all_)
    unanswered = sum(sum(one.hours.values()) for one in all_)
    return Totals(posted, rejected, heard - posted - rejected, unanswered, all(one.complete for one in all_))


def _hour_key(entity: str, hour: int) -> bytes:
    return keys.UNANSWERED + keys.number(hour) + entity.encode()
