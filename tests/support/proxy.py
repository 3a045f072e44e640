"""A TCP proxy between clients and a broker that cuts, resets, stalls and slows what goes through it, as it is told.

The broker advertises the proxy's port, so that nothing of a client goes past it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

CHUNK = 65_536
END_TXN = 26  # Kafka's request that commits a transaction, or aborts it


class Proxy:
    """It listens from its making until `close`."""

    def __init__(self, port: int, target: int) -> None:
        """Both on loopback."""
        self.port, self._target = port, target
        self.resets = 0  # in the middle of a commit
        self._loop = asyncio.new_event_loop()
        self._links: set[_Link] = set()
        self._refuses, self._delay_s = False, 0.0
        self._flows = asyncio.Event()
        self._armed: str | None = None  # before or after the next commit has reached the broker
        self._thread = threading.Thread(target=self._run, daemon=True, name="proxy")
        ready = threading.Event()
        self._loop.call_soon(ready.set)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", port))
        self._flows.set()
        self._thread.start()
        ready.wait()

    def cut(self) -> None:
        """Every connection is reset, and every new one refused, until it is healed."""
        self._do(self._cut)

    def reset(self) -> None:
        """Every connection is reset once."""
        self._do(self._reset_all)

    def reset_at_commit(self, when: str) -> None:
        """The connection of the next commit is reset `before` it reaches the broker or `after`, its answer lost."""
        self._do(lambda: setattr(self, "_armed", when))

    def stall(self) -> None:
        """Nothing goes through and nobody is told, until it is healed."""
        self._do(self._flows.clear)

    def slow(self, seconds: float) -> None:
        """Each piece takes so long, until it is healed."""
        self._do(lambda: setattr(self, "_delay_s", seconds))

    def heal(self) -> None:
        """As if nothing had been."""
        self._do(self._heal)

    def close(self) -> None:
        """It is no more."""
        self._do(self._reset_all)
        self._do(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _do(self, what: Callable[[], object]) -> None:
        done = threading.Event()

        def call() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(call)
        done.wait()

    def _cut(self) -> None:
        self._refuses = True
        self._reset_all()

    def _heal(self) -> None:
        self._refuses, self._delay_s, self._armed = False, 0.0, None
        self._flows.set()

    def _reset_all(self) -> None:
        for link in list(self._links):
            link.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        if not self._refuses:
            with suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", self._target)
        if there is not None and self._refuses:  # cut while it was being opened
            _abort(there[1])
            there = None
        if there is None:
            return _abort(writer)
        link = _Link(writer, there[1])
        self._links.add(link)
        try:
            await asyncio.gather(
                self._pump(reader, there[1], link, Requests()), self._pump(there[0], writer, link, None)
            )
        finally:
            self._links.discard(link)
            link.reset()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: _Link, requests: Requests | None
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(CHUNK):
                await self._flows.wait()
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                commits = requests is not None and END_TXN in requests.seen(piece)
                if commits and self._armed == "before":
                    return self._reset_commit(link)
                writer.write(piece)
                await writer.drain()
                if commits and self._armed == "after":
                    return self._reset_commit(link)
        link.reset()

    def _reset_commit(self, link: _Link) -> None:
        self._armed = None
        self.resets += 1
        link.reset()


class _Link:
    """A connection of a client and the proxy's own to the broker."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers

    def reset(self) -> None:
        for writer in self._writers:
            _abort(writer)


def _abort(writer: asyncio.StreamWriter) -> None:
    """By RST."""
    one = writer.get_extra_info("socket")
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Requests:
    """The kinds of the requests in a client's stream of bytes: each is 4 bytes of length, then 2 of kind."""

    def __init__(self) -> None:
        self._head, self._skip = b"", 0

    def seen(self, piece: bytes) -> set[int]:
        """Those that begin in this piece."""
        found = set()
        while piece:
            if self._skip:
                passed = min(self._skip, len(piece))
                self._skip, piece = self._skip - passed, piece[passed:]
                continue
            taken = 6 - len(self._head)
            self._head, piece = self._head + piece[:taken], piece[taken:]
            if len(self._head) == 6:
                length, kind = struct.unpack(">iH", self._head)
                found.add(kind)
                self._head, self._skip = b"", max(length - 2, 0)
        return found
