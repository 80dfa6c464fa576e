"""Token revocation (RFC 7009). A 2xx is for ever: it is said after the commit, and after `publish_revocation`."""

from __future__ import annotations

from authsvc.flows.caller.authenticate_bearer import bearer_in, verify
from authsvc.flows.caller.prove_possession import Proof, key_of, spend_dpop_proof
from authsvc.flows.session.publish_revocation import publish_revocation, publish_rows
from authsvc.jose.verify import VerifiedClaims
from authsvc.reason import Reason
from authsvc.rules.client_record import Client
from authsvc.rules.confirmation import UNBOUND, Confirmation, confirmation_in
from authsvc.rules.errors import Rejected
from authsvc.rules.token.refresh_token import LENGTH, decode
from authsvc.runtime import Runtime
from authsvc.store.revocation import revocations
from authsvc.store.token import grants


async def revoke(runtime: Runtime, client: Client, *, token: str | None, proof: Proof | None = None) -> Reason:
    """End what the token stands for, if it is this client's. Returns a word for the log; unknown tokens are no error
    (section 2.2). token_type_hint needs no reading: the two kinds cannot be confused. `proof`: of the key that
    the caller holds; it is spent for what is ours alone. Raises Rejected, StoreUnavailable."""
    if not token:
        raise Rejected("invalid_request", "The parameter token is missing.", "token_missing")
    if len(token) == LENGTH and "." not in token:
        return await _revoke_refresh_token(runtime, client, token, proof)
    claims = verify(runtime, token, audience=None)
    if not isinstance(claims, VerifiedClaims) or claims.client_id != client.id:
        # Another client's token is refused (section 2.1) in the words of an unknown one: it tells nothing.
        return "token_unknown"
    await take_proof(runtime, proof, confirmation_in(claims.raw))
    keep = claims.exp - runtime.clock.seconds() + runtime.settings.clock_skew_seconds
    entry, epoch = await revocations.revoke_token(runtime.db, bearer_in(claims.raw), keep)
    await publish_rows(runtime, [entry], epoch)
    return "access_token_revoked"


async def _revoke_refresh_token(runtime: Runtime, client: Client, token: str, proof: Proof | None) -> Reason:
    presented = decode(token, runtime.refresh_mac_key, client.id)
    if presented is None:
        return "token_unknown"
    if proof is not None:
        seen = await grants.look(runtime.db, presented.grant_id, presented.secret_hash, client_id=client.id)
        await take_proof(runtime, proof, seen.bound_to if seen else UNBOUND)
    # Any token of the lineage will do, also a used one: who logs out after a lost answer must be logged out.
    ended = await grants.revoke(
        runtime.db, presented.grant_id, presented.secret_hash, client_id=client.id, reason="revoked"
    )
    if ended is None:
        return "token_unknown"
    await publish_revocation(runtime, ended)
    return "refresh_token_revoked"


async def take_proof(runtime: Runtime, proof: Proof | None, bound_to: Confirmation) -> None:
    """Spend a proof; Rejected where it is of a key that is not the one a token is bound to. Raises StoreUnavailable.

    No proof at all is no fault here: RFC 7009 and the libraries know of none, and whoever must log out must succeed. A
    thief gains nothing by it: what was stolen is ended.
    """
    if proof is None:
        return
    if not key_of(proof).satisfies(bound_to):
        raise Rejected("invalid_dpop_proof", "The token is bound to another key.", "dpop_other_key")
    await spend_dpop_proof(runtime, proof)
