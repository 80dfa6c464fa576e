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
    if renderer.console:
        fields = {
            "request_id": request_id,
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": round(duration_ms, 3),
            "ip": ip,
            "endpoint": endpoint,
            "client_id": client_id,
            "grant_type": grant_type,
            "reason": reason,
            "user_id": user_id,
            "session_id": session_id,
            "trace_id": trace_id,
        }
        known = {key: value for key, value in fields.items() if value not in (None, "")}
        shared_pipe.put(renderer.line("request", level, known))
        return
    line = (
        f'{{"event":"request","level":"{level}","timestamp":"{renderer.timestamp()}",'
        f'"request_id":{quoted(request_id)},"method":{quoted(method)},"path":{quoted_text(path)},"status":{status},'
        f'"duration_ms":{duration_ms:.3f},"ip":{quoted(ip)},"endpoint":{quoted(endpoint)}'
    )
    if client_id:
        line += f',"client_id":{quoted_text(client_id)}'
    if grant_type:
        line += f',"grant_type":{quoted(grant_type)}'
    if reason:
        line += f',"reason":{quoted_text(reason)}'
    if user_id:
        line += f',"user_id":{quoted_text(user_id)}'
    if session_id:
        line += f',"session_id":{quoted_text(session_id)}'
    if trace_id:
        line += f',"trace_id":{quoted_text(trace_id)}'
    shared_pipe.put(line + "}\n")
