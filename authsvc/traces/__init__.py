"""Traces: what a request spends its time on, as spans of OpenTelemetry. Off, a span costs a look at one variable.

    context      the caller's trace and ours in headers (W3C Trace Context)
    sampling     whether a request is traced, decided before anything is made of it
    spans        a span, the trace it belongs to, and which one the present task is in
    statements   the name of a statement of SQL
    tracer       begins traces
    otel         our spans as those of OpenTelemetry's packages
    export       the thread that sends them by OTLP over HTTP; it alone needs `authsvc[otel]`

A span has a name and attributes of ours, or numbers; nothing that a person or a caller wrote.
"""

from __future__ import annotations

from authsvc.traces.spans import CLIENT, INTERNAL, SERVER, AnySpan, Span, span, trace_id
from authsvc.traces.statements import statement
from authsvc.traces.tracer import Tracer, background

__all__ = ["CLIENT", "INTERNAL", "SERVER", "AnySpan", "Span", "Tracer", "background", "span", "statement", "trace_id"]
