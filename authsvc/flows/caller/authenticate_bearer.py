"""Who stands behind an access token that was sent to one of our own endpoints (RFC 6750)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authsvc.flows.caller.check_revoked import is_revoked
from authsvc.flows.caller.prove_possession import Shown, prove_possession
from authsvc.jose.verify import Invalid, VerifiedClaims
from authsvc.rules.confirmation import UNBOUND, Confirmation, confirmation_in
from authsvc.rules.errors import BearerRejected, Rejected, Unavailable
from authsvc.rules.token.access_token import ACCESS_TOKEN_TYPE
from authsvc.runtime import Runtime
from authsvc.store.revocation.revocations import Bearer, Source

KEYS_FRESH_SECONDS = 3.0
INVALID = "The access token is invalid, expired or revoked."
FEED_SCOPE = "revocations"
_OF_FEED = "A token of client_credentials with the scope revocations is needed."
_BOUND = "The access token is bound to a key: send it with the scheme DPoP and a proof."


def bearer_of(claims: VerifiedClaims) -> Bearer:
    """What a revocation may name."""
    return bearer_in(claims.raw)


def bearer_in(claims: Mapping[str, Any]) -> Bearer:
    """As `bearer_of`, for the claims of an access token that we made."""
    session_id = claims.get("sid")
    sources = tuple(
        Source(source["jti"], source["client_id"], source["iat"]) for source in claims.get("exchanged_from", ())
    )
    user_id = claims["sub"] if session_id else None
    return Bearer(claims["jti"], claims["client_id"], claims["iat"], session_id, user_id, sources)


def verify(runtime: Runtime, token: str, *, audience: str | None) -> VerifiedClaims | Invalid:
    """Signature, type, issuer, audience, expiry; nothing about revocation. No I/O.

    Raises Unavailable for a key that this worker does not know and that PostgreSQL, out of reach, may know.
    """
    verdict = runtime.keyring.verify(
        token, typ=ACCESS_TOKEN_TYPE, issuer=runtime.settings.issuer, audience=audience, now=runtime.clock.now()
    )
    if (
        isinstance(verdict, Invalid)
        and verdict.reason in ("no_keys", "unknown_kid")
        and runtime.following.age() > KEYS_FRESH_SECONDS
    ):
        raise Unavailable("keys_not_read")
    return verdict


async def authenticate_bearer(
    runtime: Runtime, authorization: str | None, shown: Shown | None = None
) -> VerifiedClaims:
    """The claims of a live token of a person; `shown`: the DPoP proof that came with it. Raises BearerRejected,
    StoreUnavailable."""
    claims = await _shown_token(runtime, authorization, shown)
    if claims.sid is None:
        raise BearerRejected("bearer_without_session", error="invalid_token", description="The token is no person's.")
    await _check_live(runtime, claims)
    return claims


async def authenticate_subscriber(runtime: Runtime, authorization: str | None, shown: Shown | None) -> VerifiedClaims:
    """The claims of a live token that a client got for itself to read the revocation feed. Raises BearerRejected,
    StoreUnavailable."""
    claims = await _shown_token(runtime, authorization, shown)
    if claims.sid is not None or FEED_SCOPE not in claims.scope.split(" "):
        raise BearerRejected("scope_revocations_missing", error="insufficient_scope", description=_OF_FEED, status=403)
    await _check_live(runtime, claims)
    return claims


async def _shown_token(runtime: Runtime, authorization: str | None, shown: Shown | None) -> VerifiedClaims:
    """Valid, and shown as it must be; whether it was revoked is not asked yet."""
    if authorization is None:
        raise BearerRejected("bearer_missing", error=None)
    scheme, _, token = authorization.partition(" ")
    scheme, token = scheme.lower(), token.strip()
    if scheme not in ("bearer", "dpop"):
        raise BearerRejected("bearer_missing", error=None)
    claims = verify(runtime, token, audience=runtime.settings.issuer)
    if isinstance(claims, Invalid):
        raise BearerRejected(claims.reason, error="invalid_token", description=INVALID)
    if scheme == "dpop" or confirmation_in(claims.raw) != UNBOUND:
        await _check_binding(runtime, confirmation_in(claims.raw), scheme, token, shown)
    return claims


async def _check_live(runtime: Runtime, claims: VerifiedClaims) -> None:
    if await is_revoked(runtime, bearer_of(claims)):
        raise BearerRejected("token_revoked", error="invalid_token", description=INVALID)


async def _check_binding(
    runtime: Runtime, bound_to: Confirmation, scheme: str, token: str, shown: Shown | None
) -> None:
    """A bound token is shown with the scheme DPoP and a proof by its key, another one never (RFC 9449 section 7)."""
    if bound_to == UNBOUND:
        raise BearerRejected("dpop_unbound_token", error="invalid_token", description=INVALID)
    if scheme != "dpop":  # section 7.2: or a thief would simply leave the key away
        raise BearerRejected("dpop_downgraded", error="invalid_token", description=_BOUND, scheme="DPoP")
    if shown is None:
        raise BearerRejected("dpop_missing", error="invalid_dpop_proof", description=_BOUND, scheme="DPoP")
    try:
        proved = await prove_possession(runtime, shown, access_token=token)
    except Rejected as error:
        raise BearerRejected(
            error.reason, error=error.error.error, description=error.error.description or "", scheme="DPoP"
        ) from None
    if not proved.satisfies(bound_to):
        raise BearerRejected("dpop_other_key", error="invalid_token", description=INVALID, scheme="DPoP")
