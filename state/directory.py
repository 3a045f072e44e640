"""The state directory: who owns it, of which format and how many shards, and the generation that works on it."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from accounting.require import require
from state import codec, keys
from state.errors import StateDamaged, StateForeign, StateLocked
from state.records import Applied
from state.store import ShardStore

FORMAT = 1
_NAME = "accrual-state.json"
_LOCK = "LOCK"


class Identity(msgspec.Struct, frozen=True):
    """What a state directory says of itself."""

    format: int
    shards: int
    generation: int
    settings: dict[str, str] = {}  # those that decide what the books say: the same for the life of a state
    topics: dict[str, str] = {}  # the id of each topic that was read, where topics have one


@dataclass(slots=True)
class StateDirectory:
    """An owned state directory. The lock is held until `release` or the end of the process and of its children."""

    path: Path
    identity: Identity
    _lock: IO[str] = field(repr=False)

    @classmethod
    def acquire(cls, path: Path, shards: int, settings: dict[str, str] | None = None) -> StateDirectory:
        """Create or take over the directory and start a new generation.

        Raises StateForeign (not ours, another format, number of shards or `settings`), StateLocked (a second process) and
        OSError (cannot be written).
        """
        path.mkdir(parents=True, exist_ok=True)
        named = path / _NAME
        strangers = {entry.name for entry in path.iterdir()} - {_LOCK, _NAME, _aside(named).name}
        if strangers and not named.exists():
            raise StateForeign(
                f"the state directory {path} holds files but no {_NAME}: it is not accrual's; name an empty one"
            )
        lock = _lock(path)
        try:
            wanted = Identity(FORMAT, shards, 0, settings or {})
            identity = _read(named) if named.exists() else wanted
            _check(path, identity, wanted)
            identity = msgspec.structs.replace(wanted, generation=identity.generation + 1, topics=identity.topics)
            _write(named, identity)
        except BaseException:
            lock.close()  # a directory that is refused is not held
            raise
        return cls(path, identity, lock)

    def note(self, topics: dict[str, str]) -> None:
        """Keep the ids of the topics that are read from now on."""
        if topics != self.identity.topics:
            self.identity = msgspec.structs.replace(self.identity, topics=topics)
            _write(self.path / _NAME, self.identity)

    def renew(self) -> int:
        """A new generation of the same owner: its workers are others from now on. Its number."""
        self.identity = msgspec.structs.replace(self.identity, generation=self.identity.generation + 1)
        _write(self.path / _NAME, self.identity)
        return self.identity.generation

    def store_path(self, shard: int) -> Path:
        """Where a shard's RocksDB is."""
        return shard_path(self.path, shard)

    @property
    def lock_number(self) -> int:
        """The file number of the lock, for the child processes that shall hold it too."""
        return self._lock.fileno()

    def release(self) -> None:
        """Give the directory back."""
        self._lock.close()


def shard_path(path: Path, shard: int) -> Path:
    """Where a shard's RocksDB is."""
    return path / f"shard-{shard:03d}"


def applied(store: ShardStore) -> dict[str, Applied]:
    """How far each source partition ("topic/partition") is applied in one shard."""
    found = store.scan(keys.APPLIED)
    return {key[1:].decode(): codec.decode(Applied, value) for key, value in found}


def positions(path: Path, shards: int) -> list[dict[str, Applied]]:
    """How far each source partition is applied, shard by shard."""
    found: list[dict[str, Applied]] = []
    for shard in range(shards):
        if not shard_path(path, shard).exists():
            found.append({})
            continue
        store = ShardStore(shard_path(path, shard))
        try:
            found.append(applied(store))
        finally:
            store.close()
    return found


def smallest(found: list[dict[str, Applied]]) -> dict[str, Applied]:
    """For each source partition the smallest applied position over the shards: where reading begins.

    A shard skips what it has applied already, so that beginning too early is safe and beginning later would lose rows.
    """
    shared = set.intersection(*(set(one) for one in found)) if found else set()
    return {name: min((one[name] for one in found), key=lambda at: at.offset) for name in shared}


def start_positions(path: Path, shards: int) -> dict[str, Applied]:
    """Where reading begins."""
    return smallest(positions(path, shards))


def furthest(path: Path, shards: int) -> dict[str, int]:
    """For each source partition the largest offset that any shard has applied."""
    found: dict[str, int] = {}
    for shard in range(shards):
        if shard_path(path, shard).exists():
            store = ShardStore(shard_path(path, shard))
            try:
                for name, at in applied(store).items():
                    found[name] = max(at.offset, found.get(name, 0))
            finally:
                store.close()
    return found


def last_sequences(store: ShardStore) -> dict[str, int]:
    """The last sequence a shard has given to each output topic."""
    found = store.scan(keys.SEQUENCE)
    return {key[1:].decode(): int.from_bytes(value, "big") for key, value in found}


def _lock(path: Path) -> IO[str]:
    # Inherited by worker processes on purpose: while one of them lives, the directory stays locked.
    lock = open(path / _LOCK, "a+")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise StateLocked(
            f"the state directory {path} is in use by process {owner}: stop it, or name another --state",
            int(owner) if owner.isdecimal() else None,
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    os.set_inheritable(lock.fileno(), True)
    return lock


def _read(named: Path) -> Identity:
    try:
        return msgspec.json.decode(named.read_bytes(), type=Identity)
    except msgspec.DecodeError as error:
        raise StateDamaged(
            f"{named} does not read ({error}): restore it from a backup, or rebuild the state"
        ) from error


def _aside(named: Path) -> Path:
    return named.with_suffix(".new")


def _check(path: Path, identity: Identity, wanted: Identity) -> None:
    if identity.format != FORMAT:
        raise StateForeign(
            f"the state directory {path} has format {identity.format}, this program writes {FORMAT}: "
            "use the program that wrote it, or rebuild into an empty directory"
        )
    if identity.shards != wanted.shards:
        raise StateForeign(
            f"the state directory {path} has {identity.shards} shards, the setting says {wanted.shards}: "
            f"the number is fixed at creation; set shards to {identity.shards}"
        )
    for name, value in wanted.settings.items():
        # Half the books by one rule and half by another would be nobody's books.
        if (known := identity.settings.get(name, value)) != value:
            raise StateForeign(
                f"the books in {path} were made with {name} = {known}, the setting says {value}: "
                f"set {name} to {known}, or rebuild with an empty --state and --sink"
            )


def _write(named: Path, identity: Identity) -> None:
    # Written aside and renamed: a crash leaves the old identity or the new one, never half of one.
    aside = _aside(named)
    with open(aside, "wb") as file:
        file.write(msgspec.json.encode(identity) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, named)
    folder = os.open(named.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # else a power cut can lose the name, and leave shards that no identity vouches for
    finally:
        os.close(folder)
    require(_read(named) == identity, "the state directory's identity reads back as written", path=str(named))
