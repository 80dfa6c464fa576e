"""Who stands behind an access token that was sent to one of our own endpoints (RFC 6750), and whose are taken there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from authsvc.flows.caller.check_revoked import is_revoked
from authsvc.flows.caller.prove_possession import Shown, check_proof, judge_algorithm, spend_dpop_proof
from authsvc.flows.session.subject import session_of
from authsvc.jose.verify import Invalid, Marks, VerifiedClaims
from authsvc.rules.caller.certificate import SentCertificate
from authsvc.rules.confirmation import CERTIFICATE, UNBOUND, Confirmation, confirmation_in
from authsvc.rules.confirmation import certificate as certificate_with
from authsvc.rules.errors import BearerRejected, Rejected, Unavailable
from authsvc.rules.token.access_token import ABSENT, ACCESS_TOKEN_TYPE, PRESENT
from authsvc.rules.token.audience import FEED_SCOPE, userinfo_of
from authsvc.runtime import Runtime
from authsvc.store.account import users
from authsvc.store.revocation.revocations import Bearer, Source

KEYS_FRESH_SECONDS = 3.0
INVALID = "The access token is invalid, expired or revoked."
_OF_FEED = "A token of client_credentials with the scope revocations is needed."
_MARKS = Marks(PRESENT, ABSENT)
_OF_CERTIFICATE = "The access token is bound to a certificate: send it by a TLS connection with that one."
_BOUND = "The access token is bound to a key: send it with the scheme DPoP and a proof."


def invalid_token(reason: str, scheme: str = "Bearer") -> BearerRejected:
    """What is raised for a token that was no good, or is not any more."""
    return BearerRejected(reason, error="invalid_token", description=INVALID, scheme=scheme)


def insufficient_scope(reason: str, description: str) -> BearerRejected:
    """What is raised for a good token that does not open this endpoint (RFC 6750 section 3.1)."""
    return BearerRejected(reason, error="insufficient_scope", description=description, status=403)


def check_recent_login(runtime: Runtime, claims: VerifiedClaims, seconds: int) -> None:
    """Raises BearerRejected (RFC 9470 section 3) where the login behind the token was longer ago."""
    auth_time = claims.raw.get("auth_time")
    if isinstance(auth_time, int) and runtime.clock.seconds() - auth_time <= seconds:
        return
    raise BearerRejected(
        "login_too_old",
        error="insufficient_user_authentication",
        description="This needs a login of the last minutes: log in again, and come back.",
        scheme=confirmation_in(claims.raw).token_type,
        max_age=seconds,
    )


def bearer_in(claims: Mapping[str, Any]) -> Bearer:
    """What a revocation may name, of the claims of an access token: verified, or ours."""
    sid = claims.get("sid")
    sources = tuple(
        Source(source["jti"], source["client_id"], source["iat"]) for source in claims.get("exchanged_from", ())
    )
    user_id = claims["sub"] if sid else None
    return Bearer(claims["jti"], claims["client_id"], claims["iat"], sid, user_id, sources)


def verify(runtime: Runtime, token: str, *, audience: Collection[str] | None) -> VerifiedClaims | Invalid:
    """Signature, type, issuer, audience, expiry; nothing about revocation. No I/O.

    Raises Unavailable for a key that this worker does not know and that PostgreSQL, out of reach, may know.
    """
    verdict = runtime.keyring.verify(
        token,
        typ=ACCESS_TOKEN_TYPE,
        issuer=runtime.settings.issuer,
        audience=audience,
        now=runtime.clock.now(),
        marks=_MARKS,
    )
    if (
        isinstance(verdict, Invalid)
        and verdict.reason in ("no_keys", "unknown_kid")
        and runtime.following.age() > KEYS_FRESH_SECONDS
    ):
        raise Unavailable("keys_not_read")
    return verdict


async def authenticate_bearer(
    runtime: Runtime,
    authorization: str | None,
    shown: Shown | None = None,
    certificate: SentCertificate | None = None,
) -> VerifiedClaims:
    """The claims of a live token of a person that opens /userinfo at least; `shown`: the DPoP proof that came with it,
    `certificate`: that of the TLS client. What else it opens says `first_party_only`. Raises BearerRejected,
    StoreUnavailable."""
    issuer = runtime.settings.issuer
    claims = await _shown_token(runtime, authorization, shown, certificate, (issuer, userinfo_of(issuer)))
    if claims.sid is None:
        raise BearerRejected("bearer_without_session", error="invalid_token", description="The token is no person's.")
    await _check_live(runtime, claims)
    return claims


async def authenticate_subscriber(
    runtime: Runtime, authorization: str | None, shown: Shown | None, certificate: SentCertificate | None
) -> VerifiedClaims:
    """The claims of a live token that a client got for itself to read the revocation feed. Raises BearerRejected,
    StoreUnavailable."""
    claims = await _shown_token(runtime, authorization, shown, certificate, (runtime.settings.issuer,))
    if claims.sid is not None or FEED_SCOPE not in claims.scope.split(" "):
        raise insufficient_scope("scope_revocations_missing", _OF_FEED)
    await _check_live(runtime, claims)
    return claims


async def _shown_token(
    runtime: Runtime,
    authorization: str | None,
    shown: Shown | None,
    certificate: SentCertificate | None,
    audience: Collection[str],
) -> VerifiedClaims:
    """Valid, and shown as it must be; whether it was revoked is not asked yet."""
    if authorization is None:
        raise BearerRejected("bearer_missing", error=None)
    scheme, _, token = authorization.partition(" ")
    scheme, token = scheme.lower(), token.strip(" ")
    if scheme not in ("bearer", "dpop"):
        raise BearerRejected("bearer_missing", error=None)
    claims = verify(runtime, token, audience=audience)
    if isinstance(claims, Invalid):
        raise invalid_token(claims.reason)
    bound_to = confirmation_in(claims.raw)
    if bound_to.method == CERTIFICATE:
        _check_certificate(bound_to, scheme, certificate)
    elif scheme == "dpop" or bound_to != UNBOUND:
        await _check_binding(runtime, bound_to, scheme, token, shown, claims.client_id)
    return claims


def _check_certificate(bound_to: Confirmation, scheme: str, sent: SentCertificate | None) -> None:
    """A token that is bound to a certificate comes as Bearer, by a TLS connection with it (RFC 8705 section 3)."""
    if scheme != "bearer":
        raise invalid_token("dpop_unbound_token")
    if sent is None:
        raise BearerRejected("certificate_missing", error="invalid_token", description=_OF_CERTIFICATE)
    if certificate_with(sent.thumbprint) != bound_to:
        raise BearerRejected("certificate_other", error="invalid_token", description=_OF_CERTIFICATE)


async def _check_live(runtime: Runtime, claims: VerifiedClaims) -> None:
    if await is_revoked(runtime, bearer_in(claims.raw)):
        raise invalid_token("token_revoked")


async def _check_binding(
    runtime: Runtime, bound_to: Confirmation, scheme: str, token: str, shown: Shown | None, client_id: str
) -> None:
    """A bound token is shown with the scheme DPoP and a proof by its key, another one never (RFC 9449 section 7)."""
    if bound_to == UNBOUND:
        raise invalid_token("dpop_unbound_token")
    if scheme != "dpop":  # section 7.2: or a thief would simply leave the key away
        raise BearerRejected("dpop_downgraded", error="invalid_token", description=_BOUND, scheme="DPoP")
    if shown is None:
        raise BearerRejected("dpop_missing", error="invalid_dpop_proof", description=_BOUND, scheme="DPoP")
    try:
        proof = check_proof(runtime, shown, access_token=token)
        if not proof.confirmation.satisfies(bound_to):
            raise invalid_token("dpop_other_key", scheme="DPoP")
        if client := await runtime.clients.get(client_id):
            judge_algorithm(client, proof)
        await spend_dpop_proof(runtime, proof)
    except Rejected as error:
        raise BearerRejected(
            error.reason, error=error.error.error, description=error.error.description or "", scheme="DPoP"
        ) from None


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


async def person_id(runtime: Runtime, claims: VerifiedClaims) -> UUID:
    """The person's id; found by the session where the subject is pairwise. Raises BearerRejected, StoreUnavailable."""
    if _UUID(claims.sub):
        return UUID(claims.sub)
    user = await users.by_session(runtime.db, session_of(runtime, claims.sid))
    if user is None:
        raise invalid_token("user_gone")
    return user.id


async def first_party_only(runtime: Runtime, claims: VerifiedClaims) -> None:
    """Sessions and profile are for the frontends of the house: a consent to read a name must not open them, and neither
    does a token that was asked for /userinfo alone. Raises BearerRejected, StoreUnavailable."""
    client = await runtime.clients.get(claims.client_id)
    if client is None or not client.first_party or runtime.settings.issuer not in claims.aud:
        raise insufficient_scope("client_not_first_party", "This endpoint is for first-party clients.")
