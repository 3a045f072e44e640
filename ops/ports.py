"""Ports of loopback for what this program starts: workers, and servers of somebody else's."""

from __future__ import annotations

import itertools
import os
import socket

FIRST, LAST = 20_000, 32_000
SPREAD = 37  # processes that are started one after the other do not meet at once
_asked = itertools.count()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, other ones in each process and at each call.

    They lie below those that a system gives to clients by itself: a client that tries again and again to reach a server
    that is down would be given its port in the end, and the server could not come back.
    """
    found: list[int] = []
    while len(found) < count:
        port = FIRST + (os.getpid() * SPREAD + next(_asked)) % (LAST - FIRST)
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found
