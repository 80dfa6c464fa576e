"""Whose `traceparent` is continued (SECURITY.md item 92)."""

from __future__ import annotations

from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest

from authsvc.traces.context import Parent
from authsvc.web.http.request import Request
from authsvc.web.http.traced import begin_trace

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OURS = ip_network("10.0.0.0/8")


def continued(believed: tuple[Any, ...], client: str | None, forwarded: str = "") -> bool:
    """Whether a caller that sent a traceparent is believed; `client` None: by a unix socket."""
    headers = [(b"traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())]
    if forwarded:
        headers.append((b"x-forwarded-for", forwarded.encode()))
    scope = {"type": "http", "headers": headers, "client": None if client is None else (client, 4711)}
    runtime: Any = SimpleNamespace(settings=SimpleNamespace(trace_parents=believed, trusted_proxies=("unix", OURS)))
    begun: list[Parent | None] = []
    tracer: Any = SimpleNamespace(begin=lambda _name, _kind, parent: begun.append(parent))
    begin_trace(tracer, Request(runtime, scope, None, "id"))  # type: ignore[arg-type]
    [parent] = begun
    return parent is not None


@pytest.mark.parametrize(
    ("believed", "client", "forwarded", "expected"),
    [
        ((), "10.0.0.1", "", False),
        ((OURS,), "10.0.0.1", "", True),
        ((OURS,), "192.0.2.7", "", False),
        ((OURS,), "10.0.0.1", "192.0.2.7", False),
        ((OURS,), None, "", False),
        (("unix",), None, "", True),
        (("unix",), "192.0.2.7", "", False),
        (("unix", OURS), "192.0.2.7", "", False),
        (("unix", OURS), "10.0.0.1", "", True),
    ],
)
def test_a_caller_is_believed_by_its_network(
    believed: tuple[Any, ...], client: str | None, forwarded: str, expected: bool
) -> None:
    assert continued(believed, client, forwarded) is expected
