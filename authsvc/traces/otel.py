"""Our spans as OpenTelemetry's, whose packages this module imports: only `export` may import it, and only when traces
are on."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from authsvc.traces.spans import Span, Trace

_KINDS = {kind.value: kind for kind in SpanKind}
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class _Said(Resource):
    """Theirs writes itself as JSON whenever it is hashed, which their encoder does for each span."""

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class Converter:
    """Converts spans of one worker, which `instance` and `pid` tell from others."""

    def __init__(self, version: str, *, instance: str, pid: int) -> None:
        said = Resource.create({"service.version": version, "service.instance.id": instance, "process.pid": pid})
        if str(said.attributes["service.name"]).startswith("unknown_service"):  # nobody named us
            said = said.merge(Resource({"service.name": "authsvc"}))
        self._resource = _Said(said.attributes, said.schema_url)
        self._scope = InstrumentationScope("authsvc", version)

    def __call__(self, trace: Trace, span: Span) -> ReadableSpan:
        state = TraceState.from_header([trace.state]) if trace.state else None
        attributes = dict(span.attributes)
        if span.error:
            attributes["error.type"] = span.error
        return ReadableSpan(
            name=span.name,
            context=SpanContext(trace.id, span.id, is_remote=False, trace_flags=_SAMPLED, trace_state=state),
            parent=self._parent(trace, span, state),
            resource=self._resource,
            attributes=attributes,
            kind=_KINDS[span.kind],
            status=_ERROR if span.error else _UNSET,
            start_time=trace.anchor + span.started,
            end_time=trace.anchor + max(span.started, span.ended),
            instrumentation_scope=self._scope,
        )

    @staticmethod
    def _parent(trace: Trace, span: Span, state: TraceState | None) -> SpanContext | None:
        if not span.parent_id:
            return None
        remote = span.parent_id == trace.remote_parent
        return SpanContext(trace.id, span.parent_id, is_remote=remote, trace_flags=_SAMPLED, trace_state=state)
