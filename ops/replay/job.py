"""One replay job: its folder, which can be taken up again, and the books that it makes there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.kafka.client import Brokers
from connectors.kafka.offsets import Place
from connectors.source import CONTROL_SOURCE, Progress
from ops.job import Job
from ops.places.files import FileOutput
from ops.places.registry import Schemas
from ops.replay.cut import Cut, NotComparable, end_of
from ops.replay.source import ReplayInput
from ops.run import Result, run
from ops.settings import Settings
from ops.show.entry import Entry
from ops.show.records import read_records
from schemas.topics import JOURNAL
from state.directory import applied, shard_path
from state.store import ShardStore

_ORDER = "replay.json"


class ReplayForeign(ValueError):
    """The folder holds something else."""


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """A folder with the replay's own state, its own output, and what was ordered."""

    folder: Path
    brokers: Brokers
    schemas: Schemas
    settings: Settings

    @property
    def state(self) -> Path:
        """Its state; once it was rebuilt for a service, the service's."""
        return self.folder / "state"

    @property
    def out(self) -> Path:
        """Its journal, recalculations and exceptions, as files."""
        return self.folder / "out"

    def begin(self, text: str, begins: dict[Place, int]) -> dict[Place, int]:
        """Where it begins: as it was found when the job began, else `begins`. ReplayForeign where that is another job's."""
        note = self.folder / _ORDER
        if note.exists():
            order = json.loads(note.read_text())
            if (order["source"], order["from"]) != (str(self.brokers), text):
                raise ReplayForeign(
                    f"{self.folder} holds a replay of {order['source']} from {order['from']}: name another --state for this one"
                )
            if order.get("rebuilt"):
                raise ReplayForeign(
                    f"{self.folder} was rebuilt for a service: its state is the service's now; name another one"
                )
            known = {(topic, number): offset for topic, number, offset in order["begins"]}
            return {place: known.get(place, at) for place, at in begins.items()}
        if self.folder.exists() and any(self.folder.iterdir()):
            raise ReplayForeign(f"{self.folder} holds files and is no replay's: name an empty --state")
        self.folder.mkdir(parents=True, exist_ok=True)
        found = [[*place, offset] for place, offset in sorted(begins.items())]
        note.write_text(json.dumps({"source": str(self.brokers), "from": text, "begins": found}) + "\n")
        return begins

    def hand_over(self) -> None:
        """From now on the state is a service's."""
        note = self.folder / _ORDER
        note.write_text(json.dumps({**json.loads(note.read_text()), "rebuilt": True}) + "\n")

    def run(self, cut: Cut, as_of: int | None, show: Callable[[Progress], None] | None) -> Result:
        """Book what is not booked yet. NotComparable where it has been booked further than that."""
        self._check_not_beyond(cut)
        settings = self.settings
        job = Job(
            ReplayInput(self.brokers, self.schemas, cut.spans, cut.lines), FileOutput(self.out), self.state, as_of, settings,
            replaying=True, goes_on=cut.goes_on,
        )  # fmt: skip
        return run(job, show)

    def entries(self) -> Iterator[Entry]:
        """The journal it has made."""
        return (stored.value for stored in read_records(self.out, JOURNAL, Entry))

    def _check_not_beyond(self, cut: Cut) -> None:
        last = cut.lines.count - 1
        for shard in range(self.settings.shards):
            if not (path := shard_path(self.state, shard)).exists():
                continue
            store = ShardStore(path)
            try:
                positions = applied(store)
            finally:
                store.close()
            for name, at in positions.items():
                end = end_of(cut.spans, name)
                if cut.lines.stops and name != CONTROL_SOURCE:
                    end = min(end, cut.lines.ends[shard][last].get(name, 0))
                if at.offset > end:
                    raise NotComparable(
                        f"{self.folder} has been replayed further ({name} up to {at.offset}) than {cut.told}, {end}: replay to "
                        "a later --to, or name another --state"
                    )
