"""How an outgoing request is carried: httpcore2, over connections to judged addresses only. See the package."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache
from typing import Any

import httpcore2

from authsvc.outgoing import OutgoingFailed

SECONDS = 3.0
"""For the whole of one request: name, connection, TLS, answer."""
CONNECT_SECONDS = 1.0

Addresses = Callable[[str, int], Awaitable[list[str]]]
"""Host and port -> where a connection may go. Raises OutgoingFailed."""


async def exchange(
    addresses: Addresses, method: str, url: str, body: bytes | None, limit: int, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """One request: status, the first header of each name in small letters, body of at most `limit` bytes. Raises
    OutgoingFailed."""
    sent = [(b"user-agent", b"authsvc"), (b"accept-encoding", b"identity"), (b"connection", b"close")]
    sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    try:
        async with (
            asyncio.timeout(SECONDS),
            httpcore2.AsyncConnectionPool(
                ssl_context=_tls(), max_keepalive_connections=0, network_backend=_Judged(addresses)
            ) as pool,
            pool.stream(method, url, headers=sent, content=body) as answer,
        ):
            received = b""
            async for chunk in answer.aiter_stream():
                received += chunk
                if len(received) > limit:
                    raise OutgoingFailed("answer_too_large")
            said = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in reversed(answer.headers)}
            return answer.status, said, received
    except (TimeoutError, httpcore2.TimeoutException):
        raise OutgoingFailed("timeout") from None
    except (httpcore2.NetworkError, OSError):
        raise OutgoingFailed("connect") from None
    except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol):
        raise OutgoingFailed("answer_malformed") from None


class _Judged(httpcore2.AsyncNetworkBackend):
    """Connects by name, to judged addresses only. TLS is for the name all the same: httpcore2 adds it on top."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore2
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = OutgoingFailed("name_unknown")
        for address in await self._addresses(host, port):
            try:
                return await self._network.connect_tcp(address, port, CONNECT_SECONDS)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
