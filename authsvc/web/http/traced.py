"""The span of a request, named as OpenTelemetry's conventions for HTTP servers want it. Of what was sent it has the
method, the version of HTTP and which route it was: no address, no path, no query, nobody's name."""

from __future__ import annotations

from authsvc.metrics import METHODS
from authsvc.traces import SERVER, Span, Tracer
from authsvc.traces.context import Parent, read_parent
from authsvc.web.http.peer import is_within
from authsvc.web.http.request import Request


def begin_trace(tracer: Tracer, request: Request) -> None:
    """Let the request have a span, where the sampler says so."""
    request.span = tracer.begin("HTTP", SERVER, _parent(request))


def _parent(request: Request) -> Parent | None:
    """The caller's span, where we let this caller say. Anybody may send a traceparent, and whoever wants to could have
    all of their requests kept, or write into the trace of somebody else."""
    believed = request.runtime.settings.trace_parents
    if not believed:
        return None
    sent = request.header_values(b"traceparent")
    if len(sent) != 1:
        return None
    if not is_within(request.address if request.scope.get("client") else None, believed):
        return None
    return read_parent(sent[0].decode("latin-1"), request.header_list(b"tracestate"))


def end_trace(span: Span, request: Request, route: str, status: int) -> str:
    """Say what it was, and end it; the id of its trace. `route`: as in metrics, `none` where there was none."""
    method = request.scope["method"] if request.scope["method"] in METHODS else "_OTHER"
    span.name = method if route == "none" else f"{method} {route}"
    span.attributes |= {
        "http.request.method": method,
        "http.response.status_code": status,
        "network.protocol.version": request.scope["http_version"],
        "authsvc.request_id": request.id,
    }
    if route != "none":
        span.set("http.route", route)
    if request.grant_type:
        span.set("authsvc.grant_type", request.grant_type)
    if request.reason:
        span.set("authsvc.reason", request.reason)
    if status >= 500:
        span.error = str(status)
    trace_id = f"{span.trace.id:032x}"
    span.end()
    return trace_id
