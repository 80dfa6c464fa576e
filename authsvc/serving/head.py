"""What is wrong with a request's head (RFC 9112), and the bytes of an answer. Pure: `serving/protocol` acts on it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from authsvc.records import frozen

Fault = tuple[int, str]
"""(HTTP status, description for the caller). Descriptions are constants: nothing of the request is echoed."""

MALFORMED: Fault = (400, "malformed HTTP request")
VERSION: Fault = (400, "only HTTP/1.1 and HTTP/1.0 are spoken here")
TARGET: Fault = (400, "the request target must be a path beginning with /, or a URL of this service")
HOST_MISSING: Fault = (400, "the Host header is missing")
HOST_TWICE: Fault = (400, "more than one Host header")
HOST_MALFORMED: Fault = (400, "the Host header is malformed")
CODING: Fault = (400, "the only transfer coding understood is chunked, in HTTP/1.1")
PIPELINE: Fault = (400, "too many pipelined requests")
HEAD_LARGE: Fault = (431, "the request head is too large")
TRAILER_LARGE: Fault = (431, "the chunk extensions or trailers are too large")
BODY_LARGE: Fault = (413, "the request body is too large")
HEAD_SLOW: Fault = (408, "the request head took too long")
BODY_SLOW: Fault = (408, "the request body took too long")

# Narrower than RFC 3986's reg-name: no name in the DNS has %, quotes or other delimiters.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?").fullmatch

# Of an answer's header lines: all but what ends each of them, and tabs.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]").search
_URL = re.compile(rb"https?://([^/?#]+)([/?][^#]*)?", re.IGNORECASE).fullmatch


@frozen
class Target:
    """A request target that is no path: the path with its query, `*` for the whole service, and what goes before the
    Host header; b"": nothing does."""

    path: bytes
    authority: bytes = b""


def read_target(method: bytes, target: bytes) -> Target | None:
    """A URL, or the asterisk of OPTIONS (RFC 9112 sections 3.2.2, 3.2.4). None: anything else."""
    if target == b"*" and method == b"OPTIONS":
        return Target(b"*")
    found = _URL(target)
    if found is None or not _HOST(found[1]):
        return None
    rest = found[2] or (b"*" if method == b"OPTIONS" else b"/")
    return Target(b"/" + rest if rest.startswith(b"?") else rest, found[1])


def headers_for(target: Target, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """With the host that the target names, whatever Host says (RFC 9112 section 3.2.2)."""
    if not target.authority:
        return list(headers)
    return [*(header for header in headers if header[0] != b"host"), (b"host", target.authority)]


def judge_head(version: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], body_limit: int) -> Fault | None:
    """What is wrong with a parsed head, or None. `target` in origin-form; names in `headers` are lower case, limits are
    bytes.

    llhttp has refused already: Content-Length beside Transfer-Encoding, or twice, or not a number (RFC 9112 section
    6.3), obs-fold (5.2), bare CR or LF (2.2), white space before a colon (5.1).
    """
    named = dict(headers)
    if len(named) < len(headers):
        return _judge_each(version, target, headers, body_limit)
    return _judge_framing(version, named, body_limit) or _judge_start(version, target, named.get(b"host"))


def _judge_each(version: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], body_limit: int) -> Fault | None:
    """Where some header was sent twice: by every line of it."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1:
        return HOST_TWICE
    faults = (_judge_framing(version, {name: value}, body_limit) for name, value in headers)
    return next(filter(None, faults), None) or _judge_start(version, target, hosts[0] if hosts else None)


def _judge_framing(version: str, named: Mapping[bytes, bytes], body_limit: int) -> Fault | None:
    length, coding = named.get(b"content-length"), named.get(b"transfer-encoding")
    if length is not None and int(length) > body_limit:
        return BODY_LARGE
    if coding is not None and (coding.lower() != b"chunked" or version != "1.1"):
        return CODING  # RFC 9112 section 6.1: in HTTP/1.0 the framing is to be thought faulty
    return None


def _judge_start(version: str, target: bytes, host: bytes | None) -> Fault | None:
    if version not in ("1.1", "1.0"):
        return VERSION
    if target[:1] != b"/" or b"#" in target:  # RFC 9112 section 3.2.1; for the other forms, `read_target`
        return TARGET
    if host is None:  # RFC 9112 section 3.2
        return HOST_MISSING if version == "1.1" else None
    return None if _HOST(host) else HOST_MALFORMED


def framing_of(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The line of a head that was judged which says how its body is delimited (RFC 9112 section 6); b"": no body."""
    for name, value in headers:
        if name == b"transfer-encoding":
            return b"transfer-encoding: chunked"
        if name == b"content-length" and int(value):
            return b"content-length: %d" % int(value)
    return b""


def refusal(fault: Fault, default_headers: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """The whole HTTP/1.1 answer to a fault: JSON, never cached, last on its connection."""
    headers, body = _told(fault)
    return whole_answer(fault[0], (*default_headers, *headers), body)


def refusing(fault: Fault) -> ASGI3Application:
    """An application that answers with the fault: a refusal has to wait for its turn behind unanswered requests."""

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        headers, body = _told(fault)
        await send({"type": "http.response.start", "status": fault[0], "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def _told(fault: Fault) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body."""
    body = json.dumps({"error": "invalid_request", "error_description": fault[1]}, separators=(",", ":")).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    return headers, body


def whole_answer(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes:
    """The bytes of an answer of one piece. Raises RuntimeError, as uvicorn does, for a value that would break out of
    its header."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    if _CONTROL(lines) or not lines.count(b"\r") == lines.count(b"\n") == len(headers):
        raise RuntimeError("Invalid HTTP header value.")
    return b"%b%b\r\n%b" % (STATUS_LINE[status], lines, body)
