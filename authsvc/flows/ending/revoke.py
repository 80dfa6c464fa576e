"""Token revocation (RFC 7009). A 2xx is for ever: it is said after the commit, and after `publish_revocation`."""

from __future__ import annotations

from authsvc.flows.caller.authenticate_bearer import verify
from authsvc.flows.session.publish_revocation import publish_revocation, publish_rows
from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.client_record import Client
from authsvc.rules.confirmation import UNBOUND, Confirmation, confirmation_in
from authsvc.rules.errors import Rejected
from authsvc.rules.token.refresh_token import LENGTH, decode
from authsvc.runtime import Runtime
from authsvc.store.revocation import revocations
from authsvc.store.token import grants


async def revoke(runtime: Runtime, client: Client, *, token: str | None, confirmation: Confirmation = UNBOUND) -> str:
    """End what the token stands for, if it is this client's. Returns a word for the log; unknown tokens are no error
    (section 2.2). token_type_hint needs no reading: the two kinds cannot be confused. `confirmation`: what
    the caller proved. Raises Rejected, StoreUnavailable."""
    if not token:
        raise Rejected("invalid_request", "The parameter token is missing.", "token_missing")
    if len(token) == LENGTH and "." not in token:
        return await _revoke_refresh_token(runtime, client, token, confirmation)
    claims = verify(runtime, token, audience=None)
    if not isinstance(claims, VerifiedClaims) or claims.client_id != client.id:
        # Another client's token is refused (section 2.1) in the words of an unknown one: it tells nothing.
        return "token_unknown"
    check_key(confirmation_in(claims.raw), confirmation)
    keep = claims.exp - runtime.clock.seconds() + runtime.settings.clock_skew_seconds
    epoch = await revocations.revoke_token(runtime.db, claims.jti, keep)
    await publish_rows(runtime, [revocations.Revocation("token", claims.jti, claims.iat, keep)], epoch)
    return "access_token_revoked"


async def _revoke_refresh_token(runtime: Runtime, client: Client, token: str, confirmation: Confirmation) -> str:
    presented = decode(token, runtime.refresh_mac_key, client.id)
    if presented is None:
        return "token_unknown"
    if confirmation != UNBOUND:
        seen = await grants.look(runtime.db, presented.grant_id, presented.secret_hash, client_id=client.id)
        check_key(seen.bound_to if seen else UNBOUND, confirmation)
    # Any token of the lineage will do, also a used one: who logs out after a lost answer must be logged out.
    ended = await grants.revoke(
        runtime.db, presented.grant_id, presented.secret_hash, client_id=client.id, reason="revoked"
    )
    if ended is None:
        return "token_unknown"
    await publish_revocation(runtime, ended)
    return "refresh_token_revoked"


def check_key(bound_to: Confirmation, confirmation: Confirmation) -> None:
    """Raises Rejected where a key was proved that is not the one a token is bound to.

    No proof at all is no fault here: RFC 7009 and the libraries know of none, and whoever must log out must succeed. A
    thief gains nothing by it: what was stolen is ended.
    """
    if confirmation != UNBOUND and not confirmation.satisfies(bound_to):
        raise Rejected("invalid_dpop_proof", "The token is bound to another key.", "dpop_other_key")
