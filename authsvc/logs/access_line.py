"""The line of an answered request, put together by hand: it is written for each of them."""

from __future__ import annotations

from authsvc.logs.lines import LEVELS, quoted, quoted_text, renderer
from authsvc.logs.pipe import shared_pipe


def access(
    request_id: str,
    method: str,
    path: str,
    status: int,
    duration_ms: float,
    ip: str,
    endpoint: str,
    client_id: str | None = None,
    grant_type: str | None = None,
    reason: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    trace_id: str | None = None,
) -> None:
    """One answered request: event `request`, level error for a 5xx and info otherwise. The schema is structlog's, the
    way is short: this runs for every request. `path` is without its query; `reason` is a lower_snake word of ours.
    """
    level = "info" if status < 500 else "error"
    if LEVELS[level] < shared_pipe.threshold:
        return
    known = (
        ("client_id", client_id),
        ("grant_type", grant_type),
        ("reason", reason),
        ("user_id", user_id),
        ("session_id", session_id),
        ("trace_id", trace_id),
    )
    if renderer.console:
        fields = {
            "request_id": request_id,
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": round(duration_ms, 3),
            "ip": ip,
            "endpoint": endpoint,
        }
        shared_pipe.put(renderer.line("request", level, fields | {key: value for key, value in known if value}))
        return
    line = (
        f'{{"event":"request","level":"{level}","timestamp":"{renderer.timestamp()}",'
        f'"request_id":{quoted_text(request_id)},"method":{quoted(method)},"path":{quoted_text(path)},"status":{status},'
        f'"duration_ms":{duration_ms:.3f},"ip":{quoted(ip)},"endpoint":{quoted(endpoint)}'
    )
    for key, value in known:
        if value:
            line += f',"{key}":{quoted_text(value)}'
    shared_pipe.put(line + "}\n")
