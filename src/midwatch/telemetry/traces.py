"""Sending the spans of attempts to a collector, by OTLP over HTTP. Sending goes on in a thread and holds nothing up;
what cannot be sent is dropped."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from urllib.parse import urlsplit

from midwatch import __version__
from midwatch.domain.errors import InputError
from midwatch.domain.events import Event, TaskStarted
from midwatch.domain.extras import install
from midwatch.telemetry.spans import AGENT, Fold, Span

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
except ImportError:
    raise InputError("traces need packages that are not installed", f"install them: {install('telemetry')}") from None

_MOST = 20_000
"""Attempts that are kept in mind; of more the one that was not heard of for longest is forgotten."""
_PATH = "/v1/traces"
_MILLISECONDS = 1000.0
"""Between two sends."""
_SCOPE = InstrumentationScope(AGENT, __version__)


class Traces:
    """A witness that sends spans. `close` must be called."""

    def __init__(self, collector: str, *, content: bool = False) -> None:
        """`collector`: its address, without a path for the usual one. Sends headers that the standard variable
        OTEL_EXPORTER_OTLP_HEADERS names."""
        plain = urlsplit(collector).path in ("", "/")
        exporter = OTLPSpanExporter(endpoint=collector.rstrip("/") + _PATH if plain else collector)
        self._sending = BatchSpanProcessor(exporter, schedule_delay_millis=_MILLISECONDS)
        self._resource = Resource.create({"service.name": AGENT, "service.version": __version__})
        self._content = content
        self._folds: OrderedDict[str, Fold] = OrderedDict()
        self._guard = threading.Lock()

    def known(self, event: Event) -> None:
        """See `Witness.known`: whoever appended it has sent its span."""
        with self._guard:
            if event.seq == 1:
                self._folds.pop(event.attempt, None)
            self._fold(event).add(event)

    def appended(self, event: Event) -> None:
        """See `Witness.appended`."""
        with self._guard:
            spans = self._fold(event).add(event)
        for span in spans:
            self._sending.on_end(self._readable(span))

    def lasted(self, what: str, seconds: float) -> None:
        """A part of the tool call that it belongs to."""

    async def close(self) -> None:
        """Send what is left; waits for that some seconds at most. May be called twice."""
        await asyncio.to_thread(self._sending.shutdown)

    def _fold(self, event: Event) -> Fold:
        fold = self._folds.get(event.attempt)
        if fold is None:
            above = self._folds.get(event.body.task.parent) if isinstance(event.body, TaskStarted) else None
            fold = self._folds[event.attempt] = Fold(event.attempt, self._content, above)
            if len(self._folds) > _MOST:
                self._folds.popitem(last=False)
        self._folds.move_to_end(event.attempt)
        return fold

    def _readable(self, span: Span) -> ReadableSpan:
        attributes = dict(span.attributes)
        if span.error:
            attributes["error.type"] = span.error
        return ReadableSpan(
            span.name,
            context=_context(span.trace, span.id),
            parent=None if span.parent is None else _context(span.trace, span.parent),
            resource=self._resource,
            attributes=attributes,
            kind=SpanKind.CLIENT if span.outside else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR) if span.error else Status(StatusCode.UNSET),
            start_time=span.begin,
            end_time=span.end,
            instrumentation_scope=_SCOPE,
        )


def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
