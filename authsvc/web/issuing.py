"""What every request for tokens has behind it before anything is decided, so that no grant can forget it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from authsvc.flows.status_indices import index_at_hand
from authsvc.oauth.records import Client
from authsvc.web.dpop import proved_key
from authsvc.web.http import Request


@asynccontextmanager
async def issuing(request: Request, client: Client) -> AsyncIterator[str]:
    """The key that the tokens will be bound to ('' for none: see `proved_key`), and room in a status list where they
    need it. Raises Rejected, StoreUnavailable."""
    dpop_jkt = await proved_key(request, client)
    async with index_at_hand(request.runtime, client):
        yield dpop_jkt
