"""Claims about the person behind an access token (OpenID Connect Core section 5.3)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.errors import BearerRejected
from authsvc.rules.token.id_token import claims_about
from authsvc.runtime import Runtime
from authsvc.store.authorize import codes


async def userinfo(runtime: Runtime, claims: VerifiedClaims) -> dict[str, Any]:
    """`sub` as in the ID token, and what the scope and the claims parameter open. Raises BearerRejected,
    StoreUnavailable."""
    scope = claims.scope.split()
    if "openid" not in scope:
        raise BearerRejected(
            "scope_openid_missing", error="insufficient_scope", description="The scope openid is needed.", status=403
        )
    known = await codes.person_and_claims(runtime.db, UUID(claims.sid or ""), claims.client_id)
    if known is None or known.user.disabled_at is not None:
        raise BearerRejected(
            "user_gone", error="invalid_token", description="The access token is invalid, expired or revoked."
        )
    return {"sub": claims.sub, **claims_about(known.user, scope, known.names)}
