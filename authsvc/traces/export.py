"""The thread that sends traces by OTLP over HTTP, by OpenTelemetry's own exporter (`authsvc[otel]`).

Nothing waits for it: what comes while the queue is full is dropped and counted, and so is what the collector does not
take. Where it is and how it is asked say the standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and the like), what we
are called `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`: that library reads them.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from authsvc.traces.spans import Span, Trace

QUEUE = 2048
"""Traces that may wait."""
BATCH = 256
PAUSE_SECONDS = 1.0
END_SECONDS = 2.0
"""So long may the last of them take when the service ends."""


class ExtraMissing(Exception):
    """The packages that send traces are not installed."""


class Exporter:
    """`give` takes traces, from any thread; `close` sends the last ones. `on_sent(count)` and `on_dropped(count)` are
    told of spans, `on_change(reachable)` when the collector comes or goes."""

    def __init__(
        self,
        version: str,
        *,
        on_sent: Callable[[int], None],
        on_dropped: Callable[[int], None],
        on_change: Callable[[bool], None],
    ) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            from authsvc.traces.otel import Converter
        except ImportError as error:
            raise ExtraMissing from error
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would tell of each attempt; `on_change` does
        self._exporter = OTLPSpanExporter()
        self._convert = Converter(version, instance=str(uuid4()), pid=os.getpid())
        self._on_sent, self._on_dropped, self._on_change = on_sent, on_dropped, on_change
        self._queue: deque[tuple[Trace, list[Span]]] = deque()
        self._wake, self._closing = threading.Event(), False
        self._reachable = True
        self._thread = threading.Thread(target=self._run, name="authsvc-traces", daemon=True)
        self._thread.start()

    def give(self, trace: Trace, spans: list[Span]) -> None:
        if len(self._queue) >= QUEUE or self._closing:
            self._on_dropped(len(spans))
            return
        self._queue.append((trace, spans))
        if len(self._queue) == BATCH:
            self._wake.set()

    def close(self) -> None:
        """Send what waits, END_SECONDS long at most; the rest is dropped and counted. Blocks; may be called again."""
        self._closing = True
        self._wake.set()
        self._thread.join(END_SECONDS)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
        self._on_dropped(sum(len(spans) for _, spans in self._taken(QUEUE)))

    def _taken(self, most: int) -> list[tuple[Trace, list[Span]]]:
        found: list[tuple[Trace, list[Span]]] = []
        while len(found) < most:
            try:
                found.append(self._queue.popleft())
            except IndexError:
                break
        return found

    def _run(self) -> None:
        while True:
            self._wake.wait(PAUSE_SECONDS)
            self._wake.clear()
            while batch := self._taken(BATCH):
                self._send(batch)
            if self._closing:
                return

    def _send(self, batch: list[tuple[Trace, list[Span]]]) -> None:
        spans: list[Any] = []
        try:
            spans = [self._convert(trace, span) for trace, several in batch for span in several]
            sent = self._exporter.export(spans).name == "SUCCESS"
        except Exception:  # of a library, in a thread that must go on; it is counted
            sent = False
        if sent:
            self._on_sent(len(spans))
        else:
            self._on_dropped(sum(len(several) for _, several in batch))
        if sent is not self._reachable:
            self._reachable = sent
            self._on_change(sent)
