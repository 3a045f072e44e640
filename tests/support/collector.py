"""A collector of spans: a real HTTP server that takes OTLP over protobuf, and says what came."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE_S = 60


@dataclass
class Spans:
    """What has come by now."""

    endpoint: str = ""
    resources: list[dict[str, Any]] = field(default_factory=list)
    all: list[Any] = field(default_factory=list)

    def named(self, name: str) -> list[Any]:
        """Those of a name, in the order in which they came."""
        return [one for one in self.all if one.name == name]

    def below(self, parent: Any) -> set[str]:
        """The names of a span's children."""
        return {
            one.name for one in self.all if one.parent_span_id == parent.span_id and one.trace_id == parent.trace_id
        }

    def until(self, come: Callable[[], Any]) -> Any:
        """The first true value that something gives."""
        end = time.monotonic() + PATIENCE_S
        while not (found := come()):
            assert time.monotonic() < end, [one.name for one in self.all]
            time.sleep(0.01)
        return found


def attributes(given: Any) -> dict[str, Any]:
    """Keys and values."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in given.attributes}


@contextmanager
def collector() -> Iterator[Spans]:
    """On a port of its own, while the block runs."""
    spans = Spans()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                content = gzip.decompress(content)
            for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
                spans.resources.append(attributes(resource.resource))
                for scope in resource.scope_spans:
                    spans.all.extend(scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    spans.endpoint = f"http://127.0.0.1:{server.server_port}/v1/traces"
    try:
        yield spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
