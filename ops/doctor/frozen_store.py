"""A shard's store opened for reading only, in a way that leaves every file of it as it is."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from rocksdict import AccessType, Options, Rdict

from state.errors import StateDamaged
from state.store import ShardStore

_CONFIG = "rocksdict-config.json"  # written anew whenever a store is opened, also for reading
_OF_OTHERS = ("LOCK", "LOG")


class FrozenStore(ShardStore):
    """The store as it is on disk: read through links in a directory of our own, since opening writes beside the data."""

    def __init__(self, path: Path) -> None:
        """StateDamaged when it does not open."""
        self.path = path
        self._links = tempfile.TemporaryDirectory(prefix="accrual-doctor-")
        links = Path(self._links.name)
        for file in path.iterdir():
            if file.name == _CONFIG:
                shutil.copyfile(file, links / file.name)
            elif not file.name.startswith(_OF_OTHERS):
                (links / file.name).symlink_to(file.resolve())
        try:
            self._db = Rdict(str(links), Options(raw_mode=True), access_type=AccessType.read_only(False))
        except Exception as error:  # rocksdict raises bare Exception
            self._links.cleanup()
            raise StateDamaged(f"the store {path} does not open: {error}") from error
        self._pending: dict[bytes, dict[bytes, bytes | None]] = {}

    def __enter__(self) -> FrozenStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._links.cleanup()
