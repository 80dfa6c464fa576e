"""Token introspection (RFC 7662, RFC 9701): for callers that may, of tokens that are meant for them, and only while the
truth is known."""

from __future__ import annotations

from typing import Any

from authsvc.flows.caller.authenticate_bearer import bearer_in, verify
from authsvc.flows.caller.check_revoked import is_revoked
from authsvc.flows.keys.sign import signed
from authsvc.flows.session.subject import subject_for
from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.client_record import DEFAULT_ALG, FAPI2, Client
from authsvc.rules.confirmation import confirmation_in
from authsvc.rules.errors import Rejected
from authsvc.rules.token.introspection import may_be_told
from authsvc.rules.token.refresh_rotation import ACCEPTED, STRICT, judge_refresh
from authsvc.rules.token.refresh_token import LENGTH, decode
from authsvc.runtime import Runtime
from authsvc.store.token import grants

INACTIVE: dict[str, Any] = {"active": False}
INTROSPECTION_TYPE = "token-introspection+jwt"
"""Header `typ` and media type of a signed answer (RFC 9701 section 5)."""


async def introspect(runtime: Runtime, client: Client, *, token: str | None) -> dict[str, Any]:
    """The response members of section 2.2. Raises Rejected, StoreUnavailable (never `active: false` for that)."""
    if not client.confidential or not client.introspection:
        raise Rejected("access_denied", "This client may not introspect tokens.", "introspection_denied", status=403)
    if not token:
        raise Rejected("invalid_request", "The parameter token is missing.", "token_missing")
    if len(token) == LENGTH and "." not in token:
        return await _introspect_refresh_token(runtime, client, token)
    claims = verify(runtime, token, audience=None)
    if not isinstance(claims, VerifiedClaims) or not may_be_told(
        client, holder=claims.client_id, audience=claims.aud, issuer=runtime.settings.issuer
    ):
        return INACTIVE
    if await is_revoked(runtime, bearer_in(claims.raw)):
        return INACTIVE
    return {"active": True, "token_type": confirmation_in(claims.raw).token_type, **claims.raw}


async def signed_introspection(runtime: Runtime, client: Client, answer: dict[str, Any]) -> str:
    """The answer as a JWT for the client that asked (RFC 9701 section 5), by RS256: it has no
    introspection_signed_response_alg of its own. Under the profile FAPI 2.0, which has no RS256 (section 5.4.1), by the
    algorithm of its ID tokens. Raises Unavailable.

    No access token: another `typ`, and neither `sub` nor `exp`, which the section advises against.
    """
    now = runtime.clock.now()
    claims = {
        "iss": runtime.settings.issuer,
        "aud": client.id,
        "iat": int(now.timestamp()),
        "token_introspection": answer,
    }
    alg = client.tokens.id_token_signed_response_alg if client.profile == FAPI2 else DEFAULT_ALG
    return await signed(runtime, claims, INTROSPECTION_TYPE, now, alg)


async def _introspect_refresh_token(runtime: Runtime, client: Client, token: str) -> dict[str, Any]:
    # The MAC covers the client: only the client that a refresh token was given to can ask about it.
    presented = decode(token, runtime.refresh_mac_key, client.id)
    seen = presented and await grants.look(runtime.db, presented.grant_id, presented.secret_hash, client_id=client.id)
    if not presented or not seen:
        return INACTIVE
    grant = seen.grant
    role_missing = client.misses_role(seen.roles)
    verdict, _ = judge_refresh(
        grant, presented.generation, patience=STRICT, scope=(), now=seen.now, role_missing=role_missing
    )
    if verdict not in ACCEPTED:
        return INACTIVE
    return {
        "active": True,
        "iss": runtime.settings.issuer,
        "client_id": client.id,
        "sub": subject_for(runtime, client, seen.user_id),
        "sid": seen.session_name or str(seen.session_id),
        "scope": " ".join(grant.scope),
        "iat": int(grant.rotated_at.timestamp()),
        "exp": int(grant.expires_at.timestamp()),
        **seen.bound_to.claims,
    }
