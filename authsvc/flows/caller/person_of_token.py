"""Who is meant by the subject of a token at our own endpoints, and whose tokens are taken there."""

from __future__ import annotations

import re
from uuid import UUID

from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.errors import BearerRejected
from authsvc.runtime import Runtime
from authsvc.store.account import users

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


async def person_id(runtime: Runtime, claims: VerifiedClaims) -> UUID:
    """The person's id; found by the session where the subject is pairwise. Raises BearerRejected, StoreUnavailable."""
    if _UUID(claims.sub):
        return UUID(claims.sub)
    user = await users.by_session(runtime.db, UUID(claims.sid or ""))
    if user is None:
        raise BearerRejected(
            "user_gone", error="invalid_token", description="The access token is invalid, expired or revoked."
        )
    return user.id


async def first_party_only(runtime: Runtime, claims: VerifiedClaims) -> None:
    """Sessions and profile are for the frontends of the house: a consent to read a name must not open them. Raises
    BearerRejected, StoreUnavailable."""
    client = await runtime.clients.get(claims.client_id)
    if client is None or not client.first_party:
        raise BearerRejected(
            "client_not_first_party",
            error="insufficient_scope",
            description="This endpoint is for first-party clients.",
            status=403,
        )
