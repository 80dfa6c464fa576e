"""W3C Trace Context: `traceparent` and `tracestate`, read and written. Pure."""

from __future__ import annotations

import re

from authsvc.records import frozen

_PARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
).fullmatch
_STATE = re.compile(r"[\x20-\x7e]{1,512}").fullmatch
SAMPLED = 1


@frozen
class Parent:
    """The span of a caller. `state`: its tracestate, passed on as it came."""

    trace_id: int
    span_id: int
    sampled: bool
    state: str = ""


def read_parent(traceparent: str, tracestate: str = "") -> Parent | None:
    """What a caller says (sections 3.2 and 3.3); None where it is no such thing, and a trace begins here."""
    found = _PARENT(traceparent)
    if found is None or (found[1] == "00" and found[5] is not None):
        return None
    state = tracestate if _STATE(tracestate) else ""
    return Parent(int(found[2], 16), int(found[3], 16), bool(int(found[4], 16) & SAMPLED), state)


def parent_headers(trace_id: int, span_id: int, state: str) -> dict[str, str]:
    """What somebody whom we ask is told: that this trace is kept."""
    headers = {"traceparent": f"00-{trace_id:032x}-{span_id:016x}-{SAMPLED:02x}"}
    return {**headers, "tracestate": state} if state else headers
