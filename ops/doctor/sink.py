"""The sink: sequences without a gap, whole lines, entries that balance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ops.doctor.check import Check, counted, fail, ok, warn
from ops.show.entry import Entry
from ops.show.records import topic_files
from schemas.topics import JOURNAL, OUTPUTS

RESTORE = "restore the sink from a copy, or rebuild with an empty --state and --sink"


class _Numbered(msgspec.Struct, gc=False):
    shard: int
    sequence: int


def sink(root: Path, running: bool) -> Iterator[Check]:
    """Every record of every output file. `running`: a run writes there now, so that a last line may be half there."""
    if not root.is_dir():
        yield ok("sink", f"{root} is not there yet: the first run makes it")
        return
    for topic in OUTPUTS:
        strangers = [path for path in sorted((root / topic).glob("*")) if path not in topic_files(root, topic)]
        for path in strangers:
            yield warn("sink", f"{path} is no file of {topic}: there are <shard>.jsonl", "move it away")
        yield from _topic(topic, topic_files(root, topic), running)


def _topic(topic: str, files: list[Path], running: bool) -> Iterator[Check]:
    records, bad = 0, 0
    for path in files:
        count, found = _file(topic, path, running)
        records += count
        bad += sum(one.level == "fail" for one in found)
        yield from found
    if not bad:
        says = f"{topic}: {counted(len(files), 'file')}, {counted(records, 'record')}, no gap"
        balanced = ", every entry balances" if topic == JOURNAL else ""
        yield ok("sink", says + balanced, topic=topic, records=records)


def _file(topic: str, path: Path, running: bool) -> tuple[int, list[Check]]:
    """(whole records, what is wrong): the first wrong line is told, what follows from it is not."""
    numbered, entries = msgspec.json.Decoder(_Numbered), msgspec.json.Decoder(Entry)
    shard = int(path.stem) if path.stem.isdigit() else None
    count = 0
    with open(path, "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                if running:
                    return count, []
                cure = "nothing need be done: the next run cuts it and writes it anew"
                return count, [warn("sink", f"the last line of {path} is torn", cure)]
            count += 1
            try:
                found = numbered.decode(line)
                wrong = _unbalanced(entries.decode(line)) if topic == JOURNAL else None
            except msgspec.DecodeError as error:
                return count, [fail("sink", f"{path}, line {count}: {error}", RESTORE)]
            if found.sequence != count:
                wrong = f"sequence {found.sequence} where {count} should be"
            elif shard is not None and found.shard != shard:
                wrong = f"a record of shard {found.shard}"
            if wrong:
                return count, [fail("sink", f"{path}, line {count}: {wrong}", RESTORE)]
    return count, []


def _unbalanced(entry: Entry) -> str | None:
    if entry.balances:
        return None
    return f"entry {entry.entry_id} has debit {entry.total('debit')} and credit {entry.total('credit')}"
