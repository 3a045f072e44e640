"""The state directory: whose it is, who holds it, how large it is, and whether it goes with settings, sink and source."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from connectors.files.layout import files_of
from connectors.files.sink import last_sequence, topic_file
from connectors.source import TOPICS
from ops.doctor.check import Check, fail, ok, size_text
from ops.doctor.frozen_store import FrozenStore
from ops.settings import Settings
from schemas.topics import CONTROL, OUTPUTS
from state import keys
from state.directory import FORMAT, Identity, applied, last_sequences, shard_path

IDENTITY, LOCK = "accrual-state.json", "LOCK"
REBUILD = "restore state and sink from one backup, or rebuild with an empty --state and --sink"


@dataclass(frozen=True, slots=True)
class Held:
    """Who works on a state directory now; `process` as it says of itself."""

    process: str


def holder(root: Path) -> Held | None:
    """The run that holds the directory, if one does."""
    try:
        with open(root / LOCK, encoding="utf-8") as file:
            try:
                # Shared, so that two looks do not see each other, and given back at once.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return Held(file.read().strip() or "unknown")
    except OSError:
        return None
    return None


def state(root: Path, sink: Path | None, source: Path | None, settings: Settings, held: Held | None) -> Iterator[Check]:
    """Everything about a state directory; what a run changes while it works is not judged then."""
    named = root / IDENTITY
    if not named.exists():
        yield from _not_there(root, sink)
        return
    try:
        identity = msgspec.json.decode(named.read_bytes(), type=Identity)
    except msgspec.DecodeError as error:
        yield fail("state", f"{named} does not read ({error})", "restore it from a backup, or rebuild the state")
        return
    wrong = list(_identity(root, identity, settings))
    yield from wrong
    if not wrong:
        says = f"{root}: format {identity.format}, generation {identity.generation}, {identity.shards} shards"
        yield ok("state", says, generation=identity.generation, shards=identity.shards)
    sizes = {shard: _size(shard_path(root, shard)) for shard in range(identity.shards)}
    largest = max(sizes, key=lambda shard: sizes[shard])
    yield ok(
        "state size", f"{size_text(sum(sizes.values()))}, the largest is shard {largest} with {size_text(sizes[largest])}",
        bytes_by_shard=sizes,
    )  # fmt: skip
    if held is not None:
        yield ok("state lock", f"process {held.process} works on it", process=held.process)
        yield ok("state", "whether it goes with the sink is not looked at while a run works on it")
        return
    yield ok("state lock", "nobody holds it")
    if identity.format == FORMAT:
        yield from _shards(root, identity.shards, sink, source)


def _not_there(root: Path, sink: Path | None) -> Iterator[Check]:
    full = [path for topic in OUTPUTS for path in sorted((sink / topic).glob("*.jsonl"))] if sink else []
    if root.is_dir() and any(root.iterdir()):
        yield fail("state", f"{root} holds files but no {IDENTITY}: it is not accrual's", "name another --state")
    elif any(path.stat().st_size for path in full):
        yield fail("state", f"{root} holds no state, but the sink {sink} holds records", REBUILD)
    else:
        yield ok("state", f"{root} is not there yet: the first run makes it")


def _identity(root: Path, identity: Identity, settings: Settings) -> Iterator[Check]:
    if identity.format != FORMAT:
        says = f"{root} has format {identity.format}, this program writes {FORMAT}"
        yield fail("state", says, "use the program that wrote it, or rebuild into an empty directory")
    if identity.shards != settings.shards:
        says = f"{root} has {identity.shards} shards, the setting says {settings.shards}"
        yield fail("state", says, f"set shards to {identity.shards}: the number is fixed at creation")
    for name, value in settings.deciding().items():
        if (known := identity.settings.get(name, value)) != value:
            says = f"the books in {root} were made with {name} = {known}, the setting says {value}"
            yield fail("state", says, f"set {name} to {known}, or rebuild with an empty --state and --sink")


def _shards(root: Path, shards: int, sink: Path | None, source: Path | None) -> Iterator[Check]:
    there = [shard for shard in range(shards) if shard_path(root, shard).is_dir()]
    positions: dict[str, int] = {}
    wrong = []
    for shard in there:
        with FrozenStore(shard_path(root, shard)) as store:
            for name, at in applied(store).items():
                positions[name] = max(positions.get(name, 0), at.offset)
            if sink is not None:
                wrong += list(_agreement(root, sink, shard, store))
    # A run that was stopped at its very beginning may have made some of them only.
    if positions and (missing := sorted(set(range(shards)) - set(there))):
        wrong.append(fail("state", f"{shard_path(root, missing[0])} is missing", REBUILD))
    yield from wrong
    if sink is not None and not wrong:
        yield ok("state", f"it goes with the sink {sink}: nothing is missing there, nothing is ahead")
    if source is not None and source.is_dir():
        yield from _gone(source, positions)


def _agreement(root: Path, sink: Path, shard: int, store: FrozenStore) -> Iterator[Check]:
    """As a run checks it before it starts: the sink is not ahead, and what it lacks can be said again."""
    said = last_sequences(store)
    for topic in OUTPUTS:
        last = said.get(topic, 0)
        first = next(iter(store.scan(keys.OUTBOX + topic.encode() + b"\x00")), None)
        kept = int.from_bytes(first[0][-8:], "big") if first else last + 1
        file = topic_file(sink, topic, shard)
        has, _ = last_sequence(file)
        if has > last:
            says = f"{file} holds {has} records, the state in {root} has said {last}: the state is older than the sink"
            yield fail("state", says, "use the state that goes with it, or an empty --sink and --state")
        elif has + 1 < kept:
            yield fail("state", f"{file} holds {has} records, the state in {root} has written {kept - 1}", REBUILD)


def _gone(source: Path, positions: dict[str, int]) -> Iterator[Check]:
    there = files_of(source, (CONTROL, *TOPICS))
    gone = [f"{name} ({at:,} applied)" for name, at in sorted(positions.items()) if at and name not in there]
    if gone:
        cure = "restore them, or start with an empty --state and --sink"
        yield fail("state", f"partitions are applied that {source} does not have: {', '.join(gone)}", cure)
    else:
        yield ok("state", f"every partition that is applied is in {source}", positions=positions)


def _size(path: Path) -> int:
    total = 0
    for file in path.glob("*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:  # a run that works on it replaces its files
            continue
    return total
