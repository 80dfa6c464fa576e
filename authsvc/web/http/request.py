"""What was sent, read strictly: Starlette's request, whose lenient readers are overridden by those that refuse.

Malformed is: a parameter, header or member twice (RFC 6749 section 3.2), NUL, what is not UTF-8, over 64 KiB.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote

import starlette.requests
from starlette.types import Receive, Scope

from authsvc.device_name import MAX_USER_AGENT
from authsvc.rules.caller.certificate import SentCertificate
from authsvc.rules.errors import Rejected
from authsvc.rules.readable_text import made_readable
from authsvc.runtime import Runtime
from authsvc.traces import Span
from authsvc.web.http.client_certificate import CHAIN, HEADERS, of_handshake, read_certificate
from authsvc.web.http.peer import client_address, is_within, network_of
from authsvc.web.http.reply import NO_HEADERS, Headers

MAX_BODY = 65_536
MAX_FIELDS = 50
FORM = b"application/x-www-form-urlencoded"
OWS = b" \t"
"""What may stand around a value in a header (RFC 9110 section 5.6.3), and nothing else that Python takes for space."""


def malformed(description: str, reason: str) -> Rejected:
    return Rejected("invalid_request", description, reason)


class Request(starlette.requests.Request):
    """One request. What flows learn about it is noted in its fields, for the access log."""

    answer_headers: Headers = NO_HEADERS
    client_id: str | None = None
    grant_type: str | None = None
    reason: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    span: Span | None = None
    """Where this request is traced."""
    locale: str = ""
    """The language that the person chose who is logged in."""
    browser: str | None = None
    """The name that this answer gives to a browser that had none (web/pages/cookies_and_forms.py)."""
    _address: str | None = None
    # As Starlette's constructor leaves them, for readers of its that have none of ours in their place.
    _stream_consumed = _is_disconnected = False
    _form = None
    _send = staticmethod(starlette.requests.empty_send)

    def __init__(self, runtime: Runtime, scope: Scope, receive: Receive, request_id: str) -> None:
        self.scope = scope
        self._receive = receive
        self.runtime = runtime
        self.id = request_id
        self._headers_by_name: dict[bytes, bytes] = dict(scope["headers"])  # the last of each name
        self._some_twice = len(self._headers_by_name) < len(scope["headers"])

    def answer_with(self, *headers: tuple[bytes, bytes]) -> None:
        """Let the answer carry these headers, whatever it will be: also an error."""
        self.answer_headers = [*self.answer_headers, *headers]

    def header(self, name: bytes) -> str | None:
        """A header's value, None where absent. Raises Rejected where it was sent twice."""
        value = self._headers_by_name.get(name)
        if value is None:
            return None
        if self._some_twice and len(self.header_values(name)) > 1:
            raise malformed("A header was sent twice.", "header_duplicate")
        return value.decode("latin-1")

    def header_values(self, name: bytes) -> list[bytes]:
        """A header's values, in the order they were sent."""
        if name not in self._headers_by_name:
            return []
        return [value for key, value in self.scope["headers"] if key == name]

    def header_list(self, name: bytes) -> str:
        """A list header's values, joined (RFC 9110 section 5.3): for those that may be sent more than once."""
        return b", ".join(self.header_values(name)).decode("latin-1")

    def has(self, etag: bytes) -> bool:
        """Whether If-None-Match names this ETag: the caller has what we would send."""
        return any(etag in value or value.strip(OWS) == b"*" for value in self.header_values(b"if-none-match"))

    def cookie(self, name: str) -> str | None:
        """A cookie's value; None where it is absent, or there more than once (who put the second one there?).

        Some proxies pass on a line for each cookie, as browsers send them over HTTP/2 (RFC 9113 section 8.2.3). A name
        is exactly its bytes (RFC 6265bis section 5.7): a browser that sends one with another byte before it has checked
        no prefix of it, so it is another cookie, and may come from another host of the domain."""
        sent, wanted = b";".join(self.header_values(b"cookie")), name.encode("ascii")
        pairs = [pair.strip(OWS).partition(b"=") for pair in sent.split(b";")]
        values = [value for key, _, value in pairs if key == wanted]
        return values[0].decode("latin-1") if len(values) == 1 else None

    @property
    def address(self) -> str:
        """The caller's IP address; X-Forwarded-For only as far as trusted proxies wrote it."""
        if self._address is None:
            peer = self.scope.get("client")
            trusted = self.runtime.settings.trusted_proxies
            forwarded = self.header_values(b"x-forwarded-for") if trusted else ()
            self._address = client_address(peer[0] if peer else None, forwarded, trusted)
        return self._address

    @property
    def certificate(self) -> SentCertificate | None:
        """The certificate of the TLS client: from a header of a trusted proxy, which has none of its own, or of our own
        TLS; None: there is none. Raises Rejected."""
        form = self.runtime.settings.client_certificate_header
        if form != "off":
            peer = self.scope.get("client")
            # RFC 9440 section 4: only the proxy in front of us may say so.
            if is_within(peer[0] if peer else None, self.runtime.settings.trusted_proxies):
                return read_certificate(form, self.header_values(HEADERS[form]), self.header_values(CHAIN))
        extensions = self.scope.get("extensions")
        return of_handshake(extensions["tls"]["client_cert_chain"]) if extensions and "tls" in extensions else None

    @property
    def user_agent(self) -> str | None:
        """What the browser says it is, as far as it is readable; None: nothing. Bytes beyond ASCII are UTF-8, as apps
        write their names, or left away: RFC 9110 section 5.5 gives them no meaning."""
        sent = (self.header(b"user-agent") or "").encode("latin-1")[:MAX_USER_AGENT]
        return printable(sent.decode("utf-8", "ignore"))

    @property
    def network(self) -> str:
        """What the limits count: the address, or its /64."""
        return network_of(self.address)

    @property
    def is_form(self) -> bool:
        """Whether the body is said to be application/x-www-form-urlencoded. Raises Rejected."""
        if not self._some_twice and self._headers_by_name.get(b"content-type") == FORM:  # saves 1 µs
            return True
        return self._media_type() == FORM.decode("ascii")

    def _media_type(self) -> str:
        """Without parameters, in lower case (RFC 9110 section 8.3.1)."""
        return (self.header(b"content-type") or "").partition(";")[0].strip(" \t").lower()

    async def body(self) -> bytes:
        """At most 64 KiB. Raises Rejected."""
        message = await self.receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body"):
            message = await self.receive()
            body += message.get("body", b"")
            if len(body) > MAX_BODY:
                break
        if message["type"] == "http.disconnect":
            raise malformed("The request was not completed.", "client_gone")
        if len(body) > MAX_BODY:
            raise Rejected("invalid_request", "The body is larger than 64 KiB.", "body_too_large", status=413)
        return body

    async def form(self, *, several: tuple[str, ...] = ()) -> dict[str, str]:  # type: ignore[override]
        """application/x-www-form-urlencoded; every parameter once, empty ones as if omitted. Those named in `several`
        may come more than once, and are then one text with spaces between. Raises Rejected."""
        self._must_be_form()
        body = await self.body()
        if plain := _plain_pairs(body):
            return plain
        pairs = _pairs(body, "body")
        form = dict(pairs)
        if len(form) != len(pairs):
            for name in several:
                form[name] = " ".join(value for key, value in pairs if key == name and value)
            if sum(name not in several for name, _ in pairs) != len(form.keys() - set(several)):
                raise malformed("A parameter was sent twice.", "parameter_duplicate")
        return {name: value for name, value in form.items() if value}

    async def form_pairs(self) -> list[tuple[str, str]]:
        """The parameters of a form as they were sent. Raises Rejected."""
        self._must_be_form()
        return _pairs(await self.body(), "body")

    def query_pairs(self) -> list[tuple[str, str]]:
        """The parameters of the query as they were sent. Raises Rejected."""
        return _pairs(self.scope["query_string"], "query")

    def query(self) -> dict[str, str]:
        """The parameters of the query, every one once, empty ones as if omitted. Raises Rejected."""
        pairs = self.query_pairs()
        if len(dict(pairs)) != len(pairs):
            raise malformed("A parameter was sent twice.", "parameter_duplicate")
        return {name: value for name, value in pairs if value}

    def _must_be_form(self) -> None:
        if not self.is_form:
            raise malformed("The body must be application/x-www-form-urlencoded.", "content_type")

    async def json(self) -> dict[str, Any]:
        """A JSON object, every member once. Raises Rejected."""
        if self._media_type() != "application/json":
            raise Rejected("invalid_request", "The body must be application/json.", "content_type", status=415)
        body = await self.body()
        try:
            value = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
        except UnicodeDecodeError:
            raise malformed("The body is not UTF-8.", "not_utf8") from None
        except (ValueError, RecursionError):
            raise malformed("The body is not a JSON object with every member once.", "json_malformed") from None
        if not isinstance(value, dict):
            raise malformed("The body is not a JSON object.", "json_not_object")
        return value


_PLAIN = re.compile(rb"[A-Za-z0-9_=&.~%-]*").fullmatch


def _plain_pairs(body: bytes) -> dict[str, str] | None:
    """The parameters of a body in which nothing is doubtful, as nearly all are, and few values are encoded; None where
    the long way is needed. It is a third of `_pairs`' work."""
    if not _PLAIN(body) or body.count(b"&") >= MAX_FIELDS:
        return None
    pairs = [pair.split("=") for pair in body.decode("ascii").split("&")]
    form = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[0] and pair[1]}
    if len(form) != len(pairs):
        return None
    return _decoded(form) if b"%" in body else form


def _decoded(form: dict[str, str]) -> dict[str, str] | None:
    """Percent-encoded values, where that leaves no doubt; names are not encoded by anybody."""
    try:
        form = {name: unquote(value, errors="strict") if "%" in value else value for name, value in form.items()}
    except UnicodeDecodeError:
        return None
    doubtful = any("%" in name for name in form) or any("\0" in value for value in form.values())
    return None if doubtful else form


def _pairs(text: bytes, place: str) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(text.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise malformed(f"The {place} is not UTF-8.", "not_utf8") from None
    except ValueError:
        raise malformed(f"The {place} has too many parameters.", "too_many_parameters") from None
    if any("\0" in value for _, value in pairs):
        raise malformed("A parameter contains a NUL character.", "parameter_nul")
    return pairs


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _no_constant(_name: str) -> Any:
    raise ValueError


def printable(value: str | None) -> str | None:
    """What a person will read in a list of devices; None: nothing."""
    return made_readable(value or "") or None


def text(members: dict[str, Any], name: str, *, limit: int, required: bool = False, nul: bool = False) -> str | None:
    """A string member of a JSON object. Raises Rejected for another type, a missing one, or one over `limit` chars."""
    value = members.get(name)
    if value is None:
        if required:
            raise malformed(f"The member {name} is missing.", f"{name}_missing")
        return None
    if not isinstance(value, str):
        raise malformed(f"The member {name} must be a string.", f"{name}_type")
    if len(value) > limit or (required and not value):
        raise malformed(f"The member {name} must have 1 to {limit} characters.", f"{name}_length")
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise malformed(f"The member {name} is not Unicode text.", f"{name}_surrogate")
    if "\0" in value and not nul:
        raise malformed(f"The member {name} contains a NUL character.", f"{name}_nul")
    return value


def flag(members: dict[str, Any], name: str) -> bool:
    """A boolean member of a JSON object, absent meaning false. Raises Rejected."""
    value = members.get(name, False)
    if value is not None and not isinstance(value, bool):
        raise malformed(f"The member {name} must be true or false.", f"{name}_type")
    return bool(value)
