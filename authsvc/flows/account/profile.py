"""The person behind an access token."""

from __future__ import annotations

from authsvc.flows.caller.person_of_token import person_id
from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.errors import BearerRejected
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store.account import users


async def profile(runtime: Runtime, claims: VerifiedClaims) -> User:
    """Read the person behind an access token. Raises BearerRejected where the person is gone, StoreUnavailable."""
    user = await users.by_id(runtime.db, await person_id(runtime, claims))
    if user is None or user.disabled_at is not None:
        raise BearerRejected(
            "user_gone", error="invalid_token", description="The access token is invalid, expired or revoked."
        )
    return user
