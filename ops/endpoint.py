"""What a run answers over HTTP while it works, on the loopback address unless set otherwise: its metrics, and how it is."""

from __future__ import annotations

import errno
import hmac
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from ops.settings import Settings, SettingsWrong

LOOPBACK = "127.0.0.1"
OPEN = ("/live", "/ready")  # who starts and ends processes asks these, and has no token
WAITING = 16  # connections that may wait for an answer
PATIENCE_S = 10  # for a client that says nothing
STOP_S = 0.1  # how long the end of a run may wait for the endpoint
LEAVING_TRIES, LEAVING_S = 20, 0.05
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, media type and content."""

    status: int
    kind: str
    content: bytes


Page = Callable[[str], Answer]  # from the media types that the client accepts


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where a run answers, and whom. The first process at `port`, the next one at `port` + 1, ...; none when it is 0."""

    port: int
    address: str = LOOPBACK
    token: str | None = field(default=None, repr=False)  # who asks for a page that is not OPEN has to know it

    @property
    def far(self) -> bool:
        """Whether others than this machine reach it."""
        return not ip_address(self.address).is_loopback


def entrance(settings: Settings) -> Entrance:
    """As the settings say. SettingsWrong where others could read the books' figures without a token."""
    found = Entrance(settings.metrics_port, settings.metrics_address, settings.metrics_token())
    if found.port and found.far and found.token is None:
        raise SettingsWrong(
            f"setting metrics_address has the value {found.address!r}: who reaches it could read every figure of the books; "
            "put a token into a file that only the service and its scraper read and name it in metrics_token_file (or set "
            f"ACCRUAL_METRICS_TOKEN), or leave the address at {LOOPBACK}"
        )
    return found


@contextmanager
def listening(at: Entrance, count: int) -> Iterator[list[socket.socket]]:
    """Take the ports for so many processes of a run.

    SettingsWrong when one of them cannot be had. Connections wait until a process answers.
    """
    first = at.port
    with ExitStack() as taken:
        found = []
        for port in range(first, first + count) if first else ():
            family = socket.AF_INET6 if ":" in at.address else socket.AF_INET
            one = taken.enter_context(socket.socket(family))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port whose last user has just ended is free
            try:
                _bind(one, at.address, port)
                one.listen(WAITING)
            except (OSError, OverflowError) as error:
                reason = error.strerror if isinstance(error, OSError) else "the last port is 65535"
                raise SettingsWrong(
                    f"setting metrics_port has the value {first}: cannot serve metrics on {at.address}:{port}: {reason}; "
                    f"the run needs {count} free port{'s' * (count > 1)} from metrics_port on: stop what uses "
                    f"{port}, or name another"
                ) from error
            found.append(one)
        yield found


def _bind(one: socket.socket, address: str, port: int) -> None:
    """Take the port; the workers of a killed run may be about to give it back."""
    for again in range(LEAVING_TRIES, -1, -1):
        try:
            return one.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not again:
                raise
            time.sleep(LEAVING_S)


@contextmanager
def serving(listener: socket.socket | None, pages: Mapping[str, Page], token: str | None = None) -> Iterator[None]:
    """Answer on a listening socket while the block runs; nothing where there is none. `pages` by path; `token`: see Entrance."""
    if listener is None:
        yield
        return
    server = _Server(listener, pages, token)
    thread = threading.Thread(target=server.serve_forever, args=(STOP_S,), daemon=True, name="endpoint")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def metrics_page(registry: CollectorRegistry) -> Page:
    """A run's metrics, in the format that the client asks for."""

    def page(accepted: str) -> Answer:
        encode, kind = choose_encoder(accepted)
        return Answer(200, kind, encode(registry))

    return page


class _Server(ThreadingHTTPServer):
    """Answers on a socket that somebody else owns and closes."""

    daemon_threads = True  # a client that hangs does not hold up the end of the run

    def __init__(self, listener: socket.socket, pages: Mapping[str, Page], token: str | None) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.pages = listener, pages
        self._token = None if token is None else token.encode()

    def admits(self, authorization: str) -> bool:
        """Whether the header of this name lets somebody in."""
        scheme, _, given = authorization.partition(" ")
        # Compared in a time that does not tell how much of it was right.
        return self._token is None or (
            scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)
        )

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that went away before it was answered."""


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: _Server
    server_version, sys_version = "accrual", ""
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        """A page."""
        self._send(self._answer())

    def do_HEAD(self) -> None:
        """The head of a page."""
        self._send(self._answer(), body=False)

    def _answer(self) -> Answer:
        pages, path = self.server.pages, urlsplit(self.path).path
        if path not in OPEN and not self.server.admits(self.headers.get("Authorization", "")):
            return Answer(401, _TEXT, b"this page asks for a token: Authorization: Bearer TOKEN (metrics_token_file)\n")
        page = pages.get(path)
        if page is None:
            return _text(404, f"nothing here; there is {', '.join(pages)}")
        try:
            return page(self.headers.get("Accept", ""))
        except Exception as error:  # whatever a page stumbles over is told to who asked, and is no end of the run
            return _text(500, f"{type(error).__name__}: {error}")

    def _send(self, answer: Answer, body: bool = True) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.content)))
        if answer.status == 401:
            self.send_header("WWW-Authenticate", 'Bearer realm="accrual"')
        self.end_headers()
        if body:
            self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a scrape every few seconds is no news."""


def _text(status: int, text: str) -> Answer:
    return Answer(status, _TEXT, text.encode() + b"\n")
