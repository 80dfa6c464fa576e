"""Requests to the issuer, one function each: bounded in size and time, no redirects, one exception for all failures."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import httpx2

from authsvc_verifier.discovery import BadMetadata, Metadata, metadata_urls, read_metadata
from authsvc_verifier.feed import MAX_BYTES as MAX_EVENT
from authsvc_verifier.state import Clock
from authsvc_verifier.status_list import MAX_LENGTH as MAX_STATUS_LIST

MAX_BYTES = 2**20
TIMEOUT = httpx2.Timeout(5.0, connect=3.0)
DISCOVERY_SECONDS = 3600.0
TOKEN_MARGIN_SECONDS = 10.0
FEED_SCOPE = "revocations"


class IssuerAway(Exception):
    """No usable answer. `reason`: a lower_snake word; `retry_after`: seconds, where the issuer said so."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Credentials:
    """A confidential client (client_secret_basic); for the feed and for introspection."""

    client_id: str
    client_secret: str = field(repr=False)

    def basic(self) -> httpx2.BasicAuth:
        """Form-encoded before (RFC 6749 section 2.3.1)."""
        return httpx2.BasicAuth(quote_plus(self.client_id), quote_plus(self.client_secret))


@dataclass(slots=True)
class Wire:
    """What is asked of one issuer. `jwks_uri`: instead of discovery."""

    issuer: str
    open_http: Callable[[], httpx2.AsyncClient]
    clock: Clock
    credentials: Credentials | None = None
    jwks_uri: str = ""
    allow_http: bool = False
    _http: httpx2.AsyncClient | None = None
    _metadata: Metadata | None = None
    _metadata_until: float = 0.0
    _token: str = field(default="", repr=False)
    _token_until: float = 0.0

    @property
    def http(self) -> httpx2.AsyncClient:
        if self._http is None:
            self._http = self.open_http()
        return self._http

    def forget_connections(self) -> None:
        """They were another event loop's, which is closed."""
        self._http = None

    async def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def metadata(self) -> Metadata:
        """Read at first, then hourly; what was known serves while the issuer is away. Raises IssuerAway."""
        now = self.clock.monotonic()
        if self._metadata is None or now >= self._metadata_until:
            try:
                self._metadata = await self._discover()
            except IssuerAway:
                if self._metadata is None:
                    raise
                self._metadata_until = now + 60.0
            else:
                self._metadata_until = now + DISCOVERY_SECONDS
        return self._metadata

    async def _discover(self) -> Metadata:
        first, second = metadata_urls(self.issuer)
        answer = await self._get(first)
        if answer.status_code == 404:
            answer = await self._get(second)
        try:
            return read_metadata(_json(answer), self.issuer, allow_http=self.allow_http)
        except BadMetadata as error:
            raise IssuerAway(f"metadata_{error}") from error

    async def jwks(self, etag: str) -> tuple[object | None, str, str]:
        """(document or None when it is the one with this `etag`, its ETag, its Cache-Control). Raises IssuerAway."""
        url = self.jwks_uri or (await self.metadata()).jwks_uri
        answer = await self._get(url, {"If-None-Match": etag} if etag else {})
        if answer.status_code == 304 and etag:
            return None, etag, answer.headers.get("cache-control", "")
        return _json(answer), answer.headers.get("etag", ""), answer.headers.get("cache-control", "")

    async def status_list(self, uri: str, etag: str) -> tuple[bytes | None, str]:
        """(status list token or None when it is the one with this `etag`, its ETag). Raises IssuerAway. Unpacked by us
        alone, so that its size is bounded; section 8.2's redirects are not followed, as nowhere."""
        headers = {"Accept": "application/statuslist+jwt", "Accept-Encoding": "identity"}
        if etag:
            headers["If-None-Match"] = etag
        answer = await self._ask("GET", uri, most=MAX_STATUS_LIST, headers=headers)
        if answer.status_code == 304 and etag:
            return None, etag
        if answer.status_code != 200:
            raise IssuerAway(f"status_{answer.status_code}")
        return answer.content, answer.headers.get("etag", "")

    async def active(self, token: str) -> bool:
        """What introspection says (RFC 7662). Raises IssuerAway."""
        endpoint = "" if self.credentials is None else (await self.metadata()).introspection_endpoint
        if not endpoint:
            raise IssuerAway("no_introspection")
        found = _json(await self._post(endpoint, {"token": token, "token_type_hint": "access_token"}))
        if not isinstance(found, dict) or not isinstance(found.get("active"), bool):
            raise IssuerAway("bad_introspection")
        return bool(found["active"])

    async def feed_token(self) -> str:
        """An access token of our own (client_credentials), '' without credentials. Raises IssuerAway."""
        now = self.clock.monotonic()
        if self.credentials is None or now < self._token_until:
            return self._token
        endpoint = (await self.metadata()).token_endpoint
        if not endpoint:
            raise IssuerAway("no_token_endpoint")
        found = _json(await self._post(endpoint, {"grant_type": "client_credentials", "scope": FEED_SCOPE}))
        if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
            raise IssuerAway("bad_token_answer")
        lifetime = found.get("expires_in", 60)
        self._token = found["access_token"]
        self._token_until = now + (lifetime if type(lifetime) is int else 60) - TOKEN_MARGIN_SECONDS
        return self._token

    @asynccontextmanager
    async def events(self, last_id: int | None, silence: float) -> AsyncIterator[AsyncIterator[httpx2.ServerSentEvent]]:
        """The feed from `last_id` on; given up after `silence` seconds without a byte. Raises IssuerAway."""
        url = (await self.metadata()).stream
        if not url:
            raise IssuerAway("no_feed")
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        token = await self.feed_token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if last_id is not None:
            headers["Last-Event-ID"] = str(last_id)
        try:
            async with self.http.stream(
                "GET", url, headers=headers, timeout=httpx2.Timeout(5.0, connect=3.0, read=silence)
            ) as answer:
                if answer.status_code == 401:
                    self._token, self._token_until = "", 0.0
                if answer.status_code != 200:
                    raise IssuerAway(f"status_{answer.status_code}", _retry_after(answer))
                yield aiter(httpx2.EventSource(answer, max_event_size=MAX_EVENT))
        except httpx2.HTTPError as error:
            raise IssuerAway(_word(error)) from error

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        return await self._ask("GET", url, headers={"Accept": "application/json", **(headers or {})})

    async def _post(self, url: str, form: dict[str, str]) -> httpx2.Response:
        assert self.credentials is not None
        return await self._ask(
            "POST", url, data=form, auth=self.credentials.basic(), headers={"Accept": "application/json"}
        )

    async def _ask(self, method: str, url: str, *, most: int = MAX_BYTES, **options: Any) -> httpx2.Response:
        """The answer with its body, of `most` bytes. Raises IssuerAway for none, and for 429 and 5xx."""
        try:
            async with self.http.stream(method, url, timeout=TIMEOUT, follow_redirects=False, **options) as answer:
                if answer.status_code == 429 or answer.status_code >= 500:
                    raise IssuerAway(f"status_{answer.status_code}", _retry_after(answer))
                if options["headers"].get("Accept-Encoding") == "identity" and "content-encoding" in answer.headers:
                    raise IssuerAway("encoded")
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > most:
                        raise IssuerAway("too_large")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise IssuerAway(_word(error)) from error
        headers = {name: answer.headers[name] for name in ("etag", "cache-control") if name in answer.headers}
        return httpx2.Response(answer.status_code, headers=headers, content=bytes(body))


def _json(answer: httpx2.Response) -> object:
    if answer.status_code != 200:
        raise IssuerAway(f"status_{answer.status_code}")
    try:
        found: object = json.loads(answer.content)
    except (ValueError, RecursionError):
        raise IssuerAway("bad_json") from None
    return found


def _retry_after(answer: httpx2.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 6 else None


def _word(error: Exception) -> str:
    """ConnectTimeout -> connect_timeout: the message may hold addresses, the name does not."""
    name = type(error).__name__
    return "".join(f"_{char.lower()}" if char.isupper() and at else char.lower() for at, char in enumerate(name))
