"""Directories: DIR/<topic>.jsonl, or DIR/<topic>/<partition>.jsonl or .avro."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bytewax.outputs import Sink

from connectors.errors import SinkUnusable, SourceUnusable
from connectors.files.layout import SCHEME
from connectors.files.plan import FilePlan, plan
from connectors.files.sink import FileSink, last_sequence, topic_file
from connectors.follow import Follow
from connectors.timings import Timings
from ops.books_digest import journal_books
from ops.clock import ControlEnd
from ops.places.place import Held
from schemas.topics import INPUTS, OUTPUTS


@dataclass(frozen=True, slots=True)
class FileInput:
    """A source directory."""

    root: Path

    @property
    def uri(self) -> str:
        """As on the command line."""
        return f"{SCHEME}{self.root}"

    @property
    def away(self) -> bool:
        """Files answer."""
        return False

    def check(self) -> None:
        """SourceUnusable unless it is there."""
        if not self.root.is_dir():
            raise SourceUnusable(f"the source directory {self.root} does not exist: name the one that holds the topics")

    def same(self, known: Mapping[str, str], applied: Callable[[], Mapping[str, int]]) -> dict[str, str]:
        """Files have only names."""
        return {}

    def await_registry(self, follow: Follow | None) -> None:
        """Files have their schemas with them."""

    def plan(self, follow: Follow | None) -> FilePlan:
        """What there is to read."""
        return plan(self.root, follow)

    def done(self, positions: Mapping[str, int]) -> None:
        """Nobody watches."""

    def control_end(self) -> ControlEnd:
        """Whoever makes the files writes them."""
        raise ValueError(
            f"clock_every_s is for a service on Kafka; {self.uri} gets its clock records from who writes it"
        )

    def unread(self) -> list[str]:
        """What is there and is not read, in words: names that are no topic's."""
        if not self.root.is_dir():
            return []
        told = []
        for entry in sorted(self.root.iterdir()):
            known = any(entry.name.startswith(f"{topic}.") for topic in (*INPUTS, *OUTPUTS))
            if known or entry.is_dir() or entry.name.startswith("."):
                continue
            told.append(f"{entry.name} is not read: no topic has that name; topics are {', '.join(INPUTS)}")
        return told


@dataclass(frozen=True, slots=True)
class FileOutput:
    """A sink directory."""

    root: Path

    @property
    def uri(self) -> str:
        """As on the command line."""
        return f"{SCHEME}{self.root}"

    @property
    def away(self) -> bool:
        """Files answer."""
        return False

    @property
    def state(self) -> Path:
        """Beside what it belongs to."""
        return self.root / ".state"

    def check(self) -> None:
        """SinkUnusable unless it can be written."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.root, prefix=".writable-"):
                pass
        except OSError as error:
            raise SinkUnusable(
                f"the sink directory {self.root} cannot be written: {error.strerror}; mend that, or name another --sink"
            ) from error

    def await_registry(self, follow: Follow | None) -> None:
        """Files have their schemas with them."""

    @property
    def numbers(self) -> dict[str, int]:
        """None."""
        return {}

    def know(self, numbers: dict[str, int]) -> None:
        """There are none."""

    def holds(self, shards: int) -> Held:
        """Whole records."""
        return {
            shard: {topic: last_sequence(topic_file(self.root, topic, shard))[0] for topic in OUTPUTS}
            for shard in range(shards)
        }

    def fence(self, shards: int) -> None:
        """They have ended: they held the lock of the state."""

    def name(self, topic: str, shard: int) -> str:
        """The file."""
        return str(topic_file(self.root, topic, shard))

    def sink(self, keys: tuple[str, ...], timings: Timings, follow: Follow | None) -> Sink:
        """Files by topic and shard."""
        return FileSink(self.root, keys, timings)

    def digest(self) -> str:
        """Of the books that the journal adds up to."""
        return journal_books(self.root).digest()
