"""Begins traces: asks the sampler first, and makes nothing where it says no."""

from __future__ import annotations

from collections.abc import Callable
from random import getrandbits

from authsvc.traces.context import Parent
from authsvc.traces.sampling import Sampler
from authsvc.traces.spans import INTERNAL, NOTHING, AnySpan, First, Span, Trace, current


class Tracer:
    """`give` takes the spans of a trace when it is over; it must not wait."""

    def __init__(self, sampler: Sampler, give: Callable[[Trace, list[Span]], None]) -> None:
        self._sampler = sampler
        self._give = give

    def begin(self, name: str, kind: int = INTERNAL, parent: Parent | None = None) -> First | None:
        """The first span of a trace; None: it is not kept. The present task is in it, and in no earlier one, from now
        on; `end` ends it, where `with` does not."""
        low = getrandbits(64)
        if not self._sampler.keeps(low, parent):
            if current.get() is not None:  # a request that began another one's task, on the same connection
                current.set(None)
            return None
        if parent is None:
            trace = Trace(getrandbits(64) << 64 | low or 1, self._give, 0, "")
        else:
            trace = Trace(parent.trace_id, self._give, parent.span_id, parent.state)
        found = First(trace, trace.remote_parent, name, kind)
        current.set(found)
        return found


def background(tracer: Tracer | None, name: str) -> AnySpan:
    """The first span of work that no request waits for."""
    return (tracer.begin(name) if tracer is not None else None) or NOTHING
