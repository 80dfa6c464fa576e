"""Log out: the session ends, and with it every grant it gave. A client that is not of the house ends its own grant."""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.caller.authenticate_bearer import person_id
from authsvc.flows.ending.revoke import check_key, revoke
from authsvc.flows.session.publish_revocation import end_session
from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.client_record import Client
from authsvc.rules.confirmation import UNBOUND, Confirmation
from authsvc.rules.token.refresh_token import decode
from authsvc.runtime import Runtime
from authsvc.store.token import grants


async def logout_by_refresh_token(
    runtime: Runtime, client: Client, refresh_token: str, *, confirmation: Confirmation = UNBOUND
) -> str:
    """End the session that a refresh token belongs to, or what a client that is not first-party has from it
    (docs/decisions/revocation.md). Unknown tokens are no error; a key that is not the token's is.

    Raises Rejected, StoreUnavailable."""
    if not client.first_party:
        return await revoke(runtime, client, token=refresh_token, confirmation=confirmation)
    presented = decode(refresh_token, runtime.refresh_mac_key, client.id)
    seen = presented and await grants.look(runtime.db, presented.grant_id, presented.secret_hash, client_id=client.id)
    if not seen:
        return "token_unknown"
    check_key(seen.bound_to, confirmation)
    return await _end(runtime, seen.session_id, None)


async def logout_by_access_token(runtime: Runtime, claims: VerifiedClaims) -> str:
    """End the session of an access token. Raises StoreUnavailable."""
    return await _end(runtime, UUID(claims.sid or ""), await person_id(runtime, claims))


async def _end(runtime: Runtime, session_id: UUID, user_id: UUID | None) -> str:
    return "logged_out" if await end_session(runtime, session_id, "logout", user_id=user_id) else "session_unknown"
