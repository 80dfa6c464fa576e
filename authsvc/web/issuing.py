"""What every request for tokens has behind it before anything is decided, so that no grant can forget it."""

from __future__ import annotations

from authsvc.flows.revocation.status_indices import IndexAtHand
from authsvc.rules.confirmation import Confirmation
from authsvc.rules.records import Client
from authsvc.web.http.dpop_header import proved_key
from authsvc.web.http.request import Request


class Issuing:
    """`async with Issuing(request, client) as confirmation`: what the tokens will be bound to (see
    `proved_key`), and room in a status list where they need it. Raises Rejected, StoreUnavailable."""

    __slots__ = ("_client", "_index", "_request")

    def __init__(self, request: Request, client: Client) -> None:
        self._request, self._client = request, client
        self._index = IndexAtHand(request.runtime, client)

    async def __aenter__(self) -> Confirmation:
        confirmation = await proved_key(self._request, self._client)
        await self._index.__aenter__()
        return confirmation

    async def __aexit__(self, *error: object) -> None:
        await self._index.__aexit__(*error)
