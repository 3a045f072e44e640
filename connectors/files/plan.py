"""What a run on files reads: found once at the start, the same in every process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import SourceUnusable
from connectors.files.controls import Controls
from connectors.files.layout import files_of
from connectors.files.partition import REMEDY, PartitionReader
from connectors.follow import Follow
from connectors.source import CONTROL_SOURCE, TOPICS
from schemas.topics import CONTROL


@dataclass(frozen=True, slots=True)
class FilePlan:
    """The partitions of a directory."""

    root: Path
    files: dict[str, tuple[Path, ...]]  # topic/partition -> its files in order, without the control topic
    controls: Controls
    follow: Follow | None = None  # None: read to the end

    @property
    def sources(self) -> tuple[str, ...]:
        """The partitions besides the control topic's one."""
        return tuple(self.files)

    def held(self, shard: int) -> None:
        """Files are read in their own order."""

    def look(self) -> None:
        """See, once per interval, which files have come while the run goes on; SourceUnusable if it cannot go on."""
        if self.follow is None or not self.follow.due():
            return
        now = files_of(self.root, (CONTROL, *TOPICS))
        self.controls.extend(now.pop(CONTROL_SOURCE, ()))
        if gone := sorted(set(self.files) - set(now)):
            raise SourceUnusable(f"partition {gone[0]} is gone while it was followed: {REMEDY}")
        self.follow.regrouping = self.follow.regrouping or set(now) != set(self.files)
        self.files.update(now)

    def check_there(self, name: str, applied: int) -> None:
        """What was applied is there still: a partition that has gone would be taken for one without rows."""
        if name == CONTROL_SOURCE:
            lines = self.controls.position
            if lines < applied:
                raise SourceUnusable(
                    f"{self.controls.place} has {lines} lines, but {applied} were applied already: it was cut or "
                    f"replaced; {REMEDY}"
                )
        elif applied and name not in self.files:
            raise SourceUnusable(
                f"partition {name} is not in the source any more, but {applied} of its lines were applied already: {REMEDY}"
            )

    def reader(self, name: str, offset: int, meters: Mapping[str, str]) -> PartitionReader:
        """Of a partition, behind its first `offset` records."""
        reader = PartitionReader(name.rpartition("/")[0], self.files[name], meters, self.follow is not None)
        reader.skip(offset)
        return reader

    def durable(self, name: str, offset: int) -> None:
        """Nobody else wants to know."""

    def extend(self, name: str, reader: PartitionReader) -> None:
        """Let a reader know the files there are now."""
        reader.extend(self.files[name])

    def close(self) -> None:
        """The partitions close their files."""


def plan(root: Path, follow: Follow | None = None) -> FilePlan:
    """Look at the source directory; SourceUnusable when it is missing or of another shape."""
    files = files_of(root, (CONTROL, *TOPICS))
    control = files.pop(CONTROL_SOURCE, ())
    if strays := [str(paths[0]) for name, paths in files.items() if name.startswith(f"{CONTROL}/")]:
        raise SourceUnusable(
            f"{', '.join(strays)}: {CONTROL} has one partition, 0, so that its order is one: put all its records there"
        )
    return FilePlan(root, files, Controls(control, follow is not None), follow)
