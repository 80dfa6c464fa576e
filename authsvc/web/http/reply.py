"""Answers of one piece: Starlette's response with headers that are bytes already."""

from __future__ import annotations

from starlette.responses import Response

from authsvc.compact_json import compact_json

Headers = list[tuple[bytes, bytes]]

ANSWER = "authsvc.answer"
"""Key in the scope of `serving/protocol`'s way to write a whole `Reply` at once; it says whether it did."""
JSON = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")
NO_SNIFF = (b"x-content-type-options", b"nosniff")
NO_HEADERS: Headers = []
"""Never written to."""


class Reply(Response):
    """A whole answer. `headers` in lower case; `Endpoint` adds content-length, x-request-id and nosniff when it sends
    it. Starlette's own constructor encodes headers from text anew for each answer."""

    body: bytes

    def __init__(self, status: int, body: bytes = b"", headers: Headers | None = None) -> None:
        self.status_code = status
        self.body = body
        self.raw_headers = [] if headers is None else headers
        self.background = None


def json_reply(value: object, status: int = 200, headers: Headers | None = None) -> Reply:
    """JSON that no cache may keep (RFC 6749 section 5.1)."""
    return Reply(status, compact_json(value), [JSON, NO_STORE, *(headers or [])])
