"""A span for each batch, sent to a collector over OTLP: where its time goes, and whose amendments it holds."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connectors.batch import Batch
from connectors.kafka.asking import within
from connectors.step import Steps
from ops.log import say
from ops.settings import SettingsWrong
from ops.version import product

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Link, Span, SpanContext

MICRO_NS = 1_000
SEND_S = 5  # a collector that takes longer is away
STOP_S = 2  # of the ten seconds in which a service ends when it is told to
SILENCE_S = 300  # between two lines about a collector that is away
READING = ("fetch", "decode", "identify")
CLOSING = ("sync", "write")  # of an epoch: they are said of every batch that waits for it


class BatchSpans:
    """Those of one process: of a batch that it reads, of its steps here, and of what its shards do with it."""

    def __init__(self, endpoint: str, steps: Steps, worker: int, generation: int) -> None:
        """`endpoint`: where a collector takes traces. SettingsWrong where the program for it is not installed."""
        self._provider = _provider(endpoint, worker, generation)
        self._tracer = self._provider.get_tracer("accrual", product())
        self._epoch_ns = time.time_ns() - time.monotonic_ns()  # the run's clock counts from somewhere else
        self._open: dict[str, deque[tuple[int, Span]]] = {}  # partition -> (behind which offset, span)
        self._steps: list[tuple[str, int, int]] = []
        steps.watch(self._seen)

    def reads(self, batches: Sequence[Batch]) -> list[Batch]:
        """A span for each of them, without a parent: it begins with its reading."""
        steps, found = self._taken(), []
        for batch in batches:
            rows = (batch.rows.height if batch.rows is not None else 0) + len(batch.records) + len(batch.rejected)
            span = self._tracer.start_span(
                f"batch {batch.topic}",
                context=_without_parent(),
                attributes={
                    "accrual.topic": batch.topic, "accrual.partition": batch.partition, "accrual.offset.first": batch.start,
                    "accrual.offset.end": batch.end, "accrual.rows": rows, "accrual.rejected": len(batch.rejected),
                },
                links=_links(batch),
                start_time=self._ns(batch.read_at),
            )  # fmt: skip
            self._open.setdefault(batch.source, deque()).append((batch.end, span))
            found.append(replace(batch, span=_traceparent(span.get_span_context())))
        if found:  # what was read at once was fetched and decoded at once
            self._children(found[0], [one for one in steps if one[0] in READING])
        return found

    def splits(self, batch: Batch) -> None:
        """As a step of the batch."""
        steps = self._taken()
        if batch.span is not None:
            self._children(batch, [one for one in steps if one[0] == "split"])

    @contextmanager
    def books(self, shard: int, batches: Sequence[Batch]) -> Iterator[None]:
        """A span below that of the first batch, with links to the others; its steps are below it."""
        named = [batch for batch in batches if batch.span is not None]
        self._taken()
        if not named:
            yield
            return
        links = [_link(batch.span) for batch in named[1:]]
        span = self._tracer.start_span(
            "keep_the_books", context=_below(named[0].span), attributes={"accrual.shard": shard}, links=links
        )
        try:
            yield
        finally:
            for name, began, ended in self._taken():
                self._child(_below(_traceparent(span.get_span_context())), name, began, ended)
            span.end()

    def durable(self, source: str, offset: int) -> None:
        """Those batches are done."""
        waiting = self._open.get(source, deque())
        while waiting and waiting[0][0] <= offset:
            waiting.popleft()[1].end()

    def close(self) -> None:
        """What has ended is sent, as far as the collector takes it at once; batches that are not done have no span."""
        within(STOP_S, self._provider.shutdown)

    def _seen(self, name: str, began: int, ended: int) -> None:
        if name not in CLOSING:
            self._steps.append((name, began, ended))
            return
        for waiting in self._open.values():
            for _, span in waiting:
                span.add_event(name, {"accrual.seconds": (ended - began) / 1_000_000}, self._ns(ended))

    def _taken(self) -> list[tuple[str, int, int]]:
        """The steps since it was last asked."""
        taken, self._steps = self._steps, []
        return taken

    def _children(self, batch: Batch, steps: list[tuple[str, int, int]]) -> None:
        for name, began, ended in steps:
            self._child(_below(batch.span), name, began, ended)

    def _child(self, context: Any, name: str, began: int, ended: int) -> None:
        self._tracer.start_span(name, context=context, start_time=self._ns(began)).end(self._ns(ended))

    def _ns(self, at: int | None) -> int | None:
        return None if at is None else at * MICRO_NS + self._epoch_ns


def _provider(endpoint: str, worker: int, generation: int) -> TracerProvider:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsWrong(
            f"setting traces_endpoint has the value {endpoint!r}, and what sends spans is not installed ({error.name}): install "
            "accrual with its extra traces (pip install 'accrual[traces]'), or leave the setting out"
        ) from error
    logger = logging.getLogger("opentelemetry")  # a collector that is away is told by it with every attempt
    logger.handlers, logger.propagate = [_NowAndThen()], False
    named = {"service.name": "accrual", "service.version": product(), "service.instance.id": f"{generation}/{worker}"}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=SEND_S)))
    return provider


class _NowAndThen(logging.Handler):
    """That spans are not sent is told once in a while; nothing waits for them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if self._told is None or now - self._told >= SILENCE_S:
            self._told = now
            say(f"accrual: spans are not sent: {record.getMessage()}", "traces_not_sent", logger="accrual.traces")


def _links(batch: Batch) -> list[Link]:
    """To what its records were sent under."""
    named = [getattr(record.model, "traceparent", None) for record in batch.records]
    named += [one.trace.traceparent for one in batch.rejected]
    return [_link(one) for one in dict.fromkeys(named) if one is not None]


def _link(traceparent: str | None) -> Link:
    from opentelemetry.trace import Link

    return Link(_context(traceparent or ""))


def _context(traceparent: str) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace, parent, flags = traceparent.split("-")
    return SpanContext(int(trace, 16), int(parent, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _below(traceparent: str | None) -> Any:
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context

    return set_span_in_context(NonRecordingSpan(_context(traceparent or "")), _without_parent())


def _without_parent() -> Any:
    from opentelemetry.context import Context

    return Context()


def _traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
