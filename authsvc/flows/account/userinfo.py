"""The person behind an access token: as claims (OpenID Connect Core section 5.3), and for our own frontends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from authsvc.flows.caller.authenticate_bearer import insufficient_scope, invalid_token, person_id
from authsvc.flows.session.subject import session_of
from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.levels import roles_reached
from authsvc.rules.person_record import User
from authsvc.rules.token.id_token import claims_about
from authsvc.runtime import Runtime
from authsvc.store.account import users
from authsvc.store.authorize import codes


async def userinfo(runtime: Runtime, claims: VerifiedClaims) -> dict[str, Any]:
    """`sub` as in the ID token, and what the scope and the claims parameter open. Raises BearerRejected,
    StoreUnavailable."""
    scope = claims.scope.split()
    if "openid" not in scope:
        raise insufficient_scope("scope_openid_missing", "The scope openid is needed.")
    known = await codes.person_and_claims(runtime.db, session_of(runtime, claims.sid), claims.client_id)
    if known is None or known[0].disabled_at is not None:
        raise invalid_token("user_gone")
    user, names = known
    client = await runtime.clients.get(claims.client_id)
    aliases = client is not None and client.tokens.claim_aliases
    return {"sub": claims.sub, **claims_about(_as_logged_in(runtime, user, claims), scope, names, aliases=aliases)}


async def profile(runtime: Runtime, claims: VerifiedClaims) -> User:
    """Read the person behind an access token. Raises BearerRejected where the person is gone, StoreUnavailable."""
    user = await users.by_id(runtime.db, await person_id(runtime, claims))
    if user is None or user.disabled_at is not None:
        raise invalid_token("user_gone")
    return _as_logged_in(runtime, user, claims)


def _as_logged_in(runtime: Runtime, user: User, claims: VerifiedClaims) -> User:
    """The person with the roles that the login of this token reaches, as in the token."""
    return replace(user, roles=roles_reached(user.roles, claims.raw.get("amr", ()), runtime.settings.mfa_roles))
