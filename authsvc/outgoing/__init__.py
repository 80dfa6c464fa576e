"""Requests that this service makes to addresses others named (logout receivers, jwks_uri, documents of clients), so
that nobody can make it talk to the machines behind it (SSRF, SECURITY.md item 49).

A name is resolved once, every address of the answer must be public, and the connection goes to the very address that
was judged: a second answer of the name server (rebinding) is never asked for. https, no redirects, no proxy, no
decompression, a deadline for the whole, a bound for the answer. Nothing is kept alive between two requests.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from authsvc import traces

ADDRESSES = 3
ANSWER_BYTES = 4096
MAX_URL = 2048
NAME_THREADS = 8

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]
"""Host and port -> the addresses of the name, as text. Blocks; raises OSError."""

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
# IPv4 addresses inside IPv6 ones: mapped, compatible, NAT64 (RFC 6052, RFC 8215). What the network makes of them is an
# IPv4 connection, so the inner address is the one that counts.
_EMBEDDING = tuple(IPv6Network(network) for network in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "::ffff:0:0:0/96"))
# By hand, whatever `is_global` of this Python says: it was wrong for 192.0.0.0/24 before 3.11.10 and 3.12.4, knows no
# 192.88.99.0/24 (relays of 6to4, RFC 7526), 3fff::/20 (documentation, RFC 9637) and 5f00::/16 (RFC 9602), and takes the
# metadata server of a cloud at 100.100.100.200 for any private address.
_NEVER_V4 = tuple(IPv4Network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "100.100.100.200/32"))
_NEVER_V6 = tuple(
    IPv6Network(network)
    for network in (
        *("64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10", "fd00:ec2::/32"),
        *("3fff::/20", "5f00::/16"),
    )
)


class OutgoingFailed(Exception):
    """`kind`: one lower_snake word for log and metrics: url_refused, address_refused, name_unknown, connect, timeout,
    answer_too_large, answer_malformed, status. Nothing of what was received is in it."""

    def __init__(self, kind: str, status: int | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.status = status


def judge_url(url: str, *, loopback: bool = False) -> SplitResult:
    """The parts of a URL that may be asked at all; its addresses are judged later. Raises OutgoingFailed.

    `loopback`: http:// to this machine is allowed (development). For registration too: pure, resolves nothing.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutgoingFailed("url_refused") from None
    host = parts.hostname or ""
    plain = parts.scheme == "http" and loopback and host in ("localhost", "127.0.0.1", "::1")
    if (
        len(url) > MAX_URL
        or not all("!" <= char <= "~" and char not in '"<>\\^`{|}' for char in url)
        or not (parts.scheme == "https" or plain)
        or not _HOST.fullmatch(host)
        or "@" in parts.netloc
        or parts.fragment
        or port == 0
    ):
        raise OutgoingFailed("url_refused")
    return parts


def judge_address(text: str, *, private: bool = False, loopback: bool = False) -> Address | None:
    """The address to connect to, or None where no connection may go. `private`: networks of the operator's own are
    allowed, loopback among them; link-local addresses (clouds hand out credentials there) never are."""
    try:
        address: Address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    inner = _inner(address)
    if inner.is_loopback:
        return address if private or loopback else None
    if (
        inner.is_multicast
        or inner.is_unspecified
        or inner.is_link_local
        or inner.is_reserved
        or any(inner in network for network in (_NEVER_V6 if isinstance(inner, IPv6Address) else _NEVER_V4))
    ):
        return None
    return address if inner.is_global or private else None


def _inner(address: Address) -> Address:
    if isinstance(address, IPv6Address) and int(address) > 1 and any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def system_resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outgoing:
    """`private`: see `judge_address`. `loopback`: development, this machine may be asked, also by plain http."""

    def __init__(self, *, private: bool = False, loopback: bool = False, resolve: Resolve = system_resolve) -> None:
        self.private = private
        self.loopback = loopback
        self._resolve = resolve
        self._threads = ThreadPoolExecutor(NAME_THREADS, thread_name_prefix="authsvc-names")
        self._asking: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    def may_ask(self, url: str) -> bool:
        """Whether a URL may be registered, as far as can be told without its name's addresses. Resolves nothing."""
        try:
            host = judge_url(url, loopback=self.loopback).hostname or ""
            ip_address(host)
        except OutgoingFailed:
            return False
        except ValueError:
            return True
        return judge_address(host, private=self.private, loopback=self.loopback) is not None

    async def get_json(self, url: str, *, limit: int) -> Any:
        """The JSON value at `url`, of at most `limit` bytes. Raises OutgoingFailed."""
        value, _ = await self.get_document(url, limit=limit)
        return value

    async def get_document(self, url: str, *, limit: int) -> tuple[Any, str]:
        """The JSON value at `url`, as `get_json`, and what Cache-Control says of it ("" where nothing does)."""
        status, said, body = await self._exchange("GET", url, None, limit, {"accept": "application/json"})
        if status != 200:
            raise OutgoingFailed("status", status)
        media_type = said.get("content-type", "").partition(";")[0].strip(" \t").lower()
        if media_type != "application/json" and not re.fullmatch(r"application/[a-z0-9.-]+\+json", media_type):
            raise OutgoingFailed("answer_malformed")
        try:
            return json.loads(body.decode("utf-8")), said.get("cache-control", "")
        except (ValueError, RecursionError):
            raise OutgoingFailed("answer_malformed") from None

    async def post_form(self, url: str, fields: Mapping[str, str]) -> int:
        """The status of the answer, whatever it is; 3xx is not followed. Raises OutgoingFailed."""
        form = {"content-type": "application/x-www-form-urlencoded", "accept": "*/*"}
        body = urlencode(fields).encode("ascii")
        status, _, _ = await self._exchange("POST", url, body, ANSWER_BYTES, form)
        return status

    def close(self) -> None:
        """Lookups under way are left to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _exchange(
        self, method: str, url: str, body: bytes | None, limit: int, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        parts = judge_url(url, loopback=self.loopback)
        # The HTTP client is loaded with the first request of a process: many never make one.
        from authsvc.outgoing.wire import exchange

        with traces.span(method, traces.CLIENT) as span:
            span.set("http.request.method", method)
            span.set("server.address", parts.hostname or "")
            status, said, answer = await exchange(
                self.addresses, method, url, body, limit, {**headers, **span.headers()}
            )
            span.set("http.response.status_code", status)
        return status, said, answer

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where a connection to this name may go. Raises OutgoingFailed where any address of it is not for us."""
        found = await self._lookup(host, port)
        judged = [judge_address(text, private=self.private, loopback=self.loopback) for text in found]
        if None in judged:
            raise OutgoingFailed("address_refused")
        return [str(address) for address in judged[:ADDRESSES]]

    async def _lookup(self, host: str, port: int) -> list[str]:
        # One lookup a name at a time: a name server that never answers holds one thread, not all of them.
        asked = self._asking.get((host, port))
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, self._resolve, host, port)
            self._asking[host, port] = asked
            asked.add_done_callback(lambda done: self._answered(host, port, done))
        try:
            found = await asyncio.shield(asked)
        except (OSError, UnicodeError):
            raise OutgoingFailed("name_unknown") from None
        if not found:
            raise OutgoingFailed("name_unknown")
        return found

    def _answered(self, host: str, port: int, done: asyncio.Future[list[str]]) -> None:
        self._asking.pop((host, port), None)
        if not done.cancelled():
            done.exception()  # seen, though nobody may be waiting any more
