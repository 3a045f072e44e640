"""A real HTTP server that says what a test wants it to say, for what no real registry says on demand."""

import contextlib
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Canned:
    """One answer for every request; the headers of those that came."""

    def __init__(self, status=200, body=b"{}", headers=(), trust: ssl.SSLContext | None = None):
        self.status, self.body, self.headers = status, body, dict(headers)
        self.came, self.open = [], threading.Event()
        self.open.set()
        canned = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                canned.came.append(dict(self.headers))
                canned.open.wait(60)
                self.send_response(canned.status)
                for name, value in {"Content-Length": len(canned.body), **canned.headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(canned.body)

            do_POST = do_PUT = do_GET

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if trust is not None:
            self._server.socket = trust.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if trust else ''}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
