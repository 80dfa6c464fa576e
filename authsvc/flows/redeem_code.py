"""Grant type authorization_code (RFC 6749 section 4.1.3, RFC 7636, OpenID Connect Core section 3.1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import monotonic

from authsvc.flows.acknowledge import acknowledge
from authsvc.flows.issue import Tokens, access_token, id_token, person_of
from authsvc.oauth.authorization import read_resources
from authsvc.oauth.code import Code, challenge_of, decode, verifier_well_formed
from authsvc.oauth.dpop import bound_key
from authsvc.oauth.errors import (
    InvalidGrantError,
    InvalidRequestError,
    InvalidTargetError,
    Rejected,
    UnauthorizedClientError,
)
from authsvc.oauth.id_token import claims_about
from authsvc.oauth.records import Client
from authsvc.oauth.refresh_token import RefreshToken, encode
from authsvc.runtime import Runtime
from authsvc.store import audit, codes, sessions
from authsvc.store.codes import Redeemed
from authsvc.store.errors import StoreUnavailable

GRANT_TYPE = "authorization_code"
_UNSURE_SECONDS = 60
_WORN = "The code is invalid, expired or already used, or does not belong to this request."


async def redeem_code(runtime: Runtime, client: Client, form: Mapping[str, str], dpop_jkt: str) -> Tokens:
    """Tokens for a code. `dpop_jkt`: see `access_token`. Raises Rejected, Unavailable, StoreUnavailable."""
    if GRANT_TYPE not in client.grant_types:
        raise Rejected(UnauthorizedClientError("This client may not use codes."), "grant_type_not_allowed")
    text, redirect_uri, verifier = (form.get(name) for name in ("code", "redirect_uri", "code_verifier"))
    if not text or not redirect_uri or not verifier:
        raise Rejected(
            InvalidRequestError("The parameters code, redirect_uri and code_verifier are needed."), "code_parameters"
        )
    if not verifier_well_formed(verifier):
        raise Rejected(InvalidGrantError("The code_verifier is malformed."), "pkce_verifier_malformed")
    code = decode(text, runtime.code_mac_key)
    if code is None:
        raise Rejected(InvalidGrantError(_WORN), "code_forged")
    first = RefreshToken(runtime.master.current_id, code.grant_id, 0, runtime.entropy(16))
    resource = read_resources(form.get("resource", ""))
    try:
        done = await codes.redeem(
            runtime.db,
            code.grant_id,
            code.secret_hash,
            client_id=client.id,
            redirect_uri=redirect_uri,
            code_challenge=challenge_of(verifier),
            resource=resource,
            secret_hash=first.secret_hash,
            proved_jkt=dpop_jkt,
            bound_jkt=bound_key(client, dpop_jkt),
        )
    except StoreUnavailable:
        _remember_unsure(runtime, code)
        raise
    if done is None or done.verdict != "redeemed":
        await _refuse(runtime, client, code, done)
        raise AssertionError("unreachable")
    return _answer(runtime, client, replace(done, audience=resource or done.audience), first, dpop_jkt)


def _answer(runtime: Runtime, client: Client, done: Redeemed, first: RefreshToken, dpop_jkt: str) -> Tokens:
    person = person_of(
        runtime, client, user_id=done.user.id, session_id=done.session_id, auth_time=done.auth_time, amr=done.amr,
        roles=done.user.roles,
    )  # fmt: skip
    token, lifetime = access_token(
        runtime, client, grant_type=GRANT_TYPE, scope=done.scope, audience=done.audience, person=person,
        dpop_jkt=dpop_jkt, now=done.now, session_expires_at=done.expires_at,
    )  # fmt: skip
    tokens = Tokens(access_token=token, expires_in=lifetime, scope=done.scope)
    if "openid" in done.scope:
        about = claims_about(done.user, (), done.claims.get("id_token", ()))
        tokens = replace(
            tokens,
            id_token=id_token(
                runtime, client, person=person, access_token=token, now=done.now, nonce=done.nonce, about=about
            ),
        )
    if "refresh_token" in client.grant_types and (client.first_party or "offline_access" in done.scope):
        key = runtime.refresh_mac_key(first.key_id)
        assert key is not None
        tokens = replace(
            tokens,
            refresh_token=encode(first, key, client.id),
            refresh_token_expires_in=max(0, int((done.expires_at - done.now).total_seconds())),
        )
    return tokens


def _remember_unsure(runtime: Runtime, code: Code) -> None:
    """Nobody knows whether this redemption was committed: the client that tries again is no thief."""
    now = monotonic()
    for grant_id in [key for key, until in runtime.unsure_codes.items() if until < now]:
        del runtime.unsure_codes[grant_id]
    runtime.unsure_codes[code.grant_id] = now + _UNSURE_SECONDS


async def _refuse(runtime: Runtime, client: Client, code: Code, done: Redeemed | None) -> None:
    verdict = done.verdict if done else "unknown"
    if verdict == "replayed" and runtime.unsure_codes.get(code.grant_id, 0) > monotonic():
        raise Rejected(InvalidGrantError(_WORN), "code_outcome_unknown")
    if done is not None and verdict == "replayed":
        # RFC 9700 section 2.1.1, RFC 6749 section 4.1.2: what the first use gave is not to be trusted any more.
        ended = await sessions.end(runtime.db, done.session_id, "code_replayed")
        if ended:
            await acknowledge(runtime, ended)
        await audit.record(
            runtime.db, "code_replayed", f"client:{client.id}",
            user_id=done.user.id, client_id=client.id, session_id=done.session_id,
        )  # fmt: skip
    if verdict == "target":
        raise Rejected(InvalidTargetError("The resource was not granted."), "resource_not_granted")
    raise Rejected(InvalidGrantError(_WORN), f"code_{verdict}")
