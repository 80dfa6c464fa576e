"""A span, the trace that it belongs to, and which span the present task is in."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from random import getrandbits
from time import perf_counter_ns, time_ns
from types import TracebackType

from authsvc.traces.context import parent_headers

INTERNAL, SERVER, CLIENT = 0, 1, 2
"""Kinds of span, numbered as OpenTelemetry's SpanKind."""
MOST_SPANS = 200
"""Of one trace: the end of a thousand sessions must not fill the queue."""

Value = str | int | float | bool


class Trace:
    """Spans of ours in one trace. They are given away together when its first one ends; one that ends later, alone."""

    __slots__ = ("anchor", "closed", "give", "id", "remote_parent", "spans", "state")

    def __init__(
        self, trace_id: int, give: Callable[[Trace, list[Span]], None], remote_parent: int, state: str
    ) -> None:
        self.id = trace_id
        self.give = give
        self.remote_parent = remote_parent
        self.state = state
        self.spans: list[Span] = []
        self.closed = False
        self.anchor = time_ns() - perf_counter_ns()
        """Makes a wall clock's time of a span's: nanoseconds since 1970."""

    def add(self, span: Span) -> None:
        if self.closed:
            self.give(self, [span])
        elif len(self.spans) < MOST_SPANS:
            self.spans.append(span)

    def close(self) -> None:
        self.closed = True
        self.give(self, self.spans)


class Span:
    """A piece of work from `with` to its end. Times are of `perf_counter_ns`. An exception leaves its type, never its
    text."""

    __slots__ = ("attributes", "ended", "error", "id", "kind", "name", "parent_id", "started", "trace")

    def __init__(self, trace: Trace, parent_id: int, name: str, kind: int) -> None:
        self.trace = trace
        self.parent_id = parent_id
        self.id = getrandbits(64) or 1
        self.name = name
        self.kind = kind
        self.attributes: dict[str, Value] = {}
        self.error: str | None = None
        self.ended = 0
        self.started = perf_counter_ns()

    def set(self, key: str, value: Value) -> None:
        self.attributes[key] = value

    def headers(self) -> dict[str, str]:
        """For somebody whom this span asks (W3C Trace Context)."""
        return parent_headers(self.trace.id, self.id, self.trace.state)

    def end(self) -> None:
        self.ended = perf_counter_ns()
        self.trace.add(self)

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            word = getattr(error, "kind", None)  # a failure of ours says what kind it is
            self.error = word if isinstance(word, str) else kind.__qualname__
        self.end()


class Within(Span):
    """A span with others inside: whatever the task begins until its end is its child."""

    __slots__ = ("_token",)
    _token: Token[Span | None]

    def __enter__(self) -> Span:
        self._token = current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current.reset(self._token)
        super().__exit__(kind, error, traceback)


class First(Within):
    """The first span of ours in a trace: with it, the trace is given away."""

    __slots__ = ()

    def end(self) -> None:
        super().end()
        self.trace.close()


class Nothing:
    """Where nothing is traced. It is false, takes everything and keeps nothing."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def set(self, key: str, value: Value) -> None:
        """Forgotten."""

    def headers(self) -> dict[str, str]:
        return {}

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *_of_an_exception: object) -> None:
        """Nothing ends."""


AnySpan = Span | Nothing
NOTHING = Nothing()
current: ContextVar[Span | None] = ContextVar("authsvc_span", default=None)


def span(name: str, kind: int = INTERNAL, *, within: bool = False) -> AnySpan:
    """A span of the present task's trace, where it has one that goes on. `within`: others will stand inside it."""
    parent = current.get()
    if parent is None or parent.trace.closed:
        return NOTHING
    return (Within if within else Span)(parent.trace, parent.id, name, kind)


def trace_id() -> str | None:
    """The trace of the present task, as it is written in logs."""
    parent = current.get()
    return None if parent is None or parent.trace.closed else f"{parent.trace.id:032x}"
