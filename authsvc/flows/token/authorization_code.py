"""Grant type authorization_code (RFC 6749 section 4.1.3, RFC 7636, OpenID Connect Core section 3.1.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import field, replace
from functools import partial
from typing import NoReturn
from uuid import UUID

from authsvc.clock import monotonic
from authsvc.flows.session.publish_revocation import end_session
from authsvc.flows.token.grant_type import ROLE_MISSING, Caller, GrantType, always
from authsvc.records import frozen
from authsvc.rules.authorize.code import challenge_of, decode, verifier_well_formed
from authsvc.rules.authorize.redemption import RedemptionVerdict, Use
from authsvc.rules.authorize.request import needs_pkce
from authsvc.rules.caller.dpop import refresh_binding
from authsvc.rules.client_record import Client, Digest
from authsvc.rules.errors import Rejected
from authsvc.rules.mac_token import Code
from authsvc.rules.refused import Refused
from authsvc.rules.resource import as_registered, read_resources
from authsvc.rules.token.audience import resources_of
from authsvc.rules.token.granted import Granted, Identified
from authsvc.rules.token.id_token import claims_about
from authsvc.rules.token.refresh_token import RefreshToken, gets_refresh_token
from authsvc.runtime import Memory, Runtime
from authsvc.store import audit
from authsvc.store.authorize import codes
from authsvc.store.errors import StoreUnavailable

_UNSURE_SECONDS = 60
_UNKNOWN = ("gone", "timeout")
"""Failures after which a statement may have been committed."""
_unheard_redemptions = Memory(dict[UUID, tuple[float, bytes]])
"""Redemptions of which nobody knows whether they were committed: grant id -> until when they are remembered (monotonic
s), and the secret of the refresh token that they would have given. No cache: without it, whoever tries again after a
lost connection would be taken for a thief, and lose the session."""
_WORN = "The code is invalid, expired or already used, or does not belong to this request."


@frozen
class CodeRequest:
    """`resource`: what the access token shall be for (RFC 8707), () for all that was granted."""

    code: str = field(repr=False)
    redirect_uri: str
    code_verifier: str | None = field(repr=False)
    resource: tuple[str, ...] = ()


def parse(form: Mapping[str, str]) -> CodeRequest | Refused:
    code, redirect_uri, verifier = (form.get(name) for name in ("code", "redirect_uri", "code_verifier"))
    if not code or not redirect_uri:
        return Refused("invalid_request", "The parameters code and redirect_uri are needed.", "code_parameters")
    if verifier and not verifier_well_formed(verifier):
        return Refused("invalid_grant", "The code_verifier is malformed.", "pkce_verifier_malformed")
    return CodeRequest(code, redirect_uri, verifier or None, read_resources(form.get("resource", "")))


async def redeem_code(runtime: Runtime, caller: Caller, asked: CodeRequest) -> Granted:
    """What a code gives. Raises Rejected, StoreUnavailable, Unavailable."""
    code = _recognize(runtime, caller.client, asked)
    if asked.resource:
        known = resources_of(caller.client, runtime.settings.issuer)
        asked = replace(asked, resource=as_registered(asked.resource, known))
    unheard = _unheard(runtime, code)
    first = RefreshToken(runtime.master.current_id, code.id, 0, unheard or runtime.entropy(16))
    use = Use(
        client_id=caller.client.id,
        redirect_uri=asked.redirect_uri,
        code_challenge=challenge_of(asked.code_verifier) if asked.code_verifier else None,
        resource=asked.resource,
        secret_hash=first.secret_hash,
        proved=caller.confirmation,
        bound_to=refresh_binding(caller.client, caller.confirmation),
        required_role=caller.client.login.required_role,
    )
    redeem = partial(codes.redeem, runtime.db, code.id, code.secret_hash, use)
    try:
        done = await _twice_at_most(redeem)
    except StoreUnavailable as error:
        if unheard or error.kind in _UNKNOWN:
            await _remember_unheard(runtime, code, first)
        raise
    if done is None or done.verdict is not RedemptionVerdict.REDEEMED:
        if unheard:  # a wrong verifier, say: the right one may still come
            _keep_unheard(runtime, code, first)
        await _refuse(runtime, caller.client, code, done)
    if unheard:
        await _take_noted(runtime, code)
    return _granted(caller.client, asked, done, first)


def _recognize(runtime: Runtime, client: Client, asked: CodeRequest) -> Code:
    """The code that we made, or Rejected. Raises StoreUnavailable: the master key is not held."""
    if asked.code_verifier is None and needs_pkce(client):
        # RFC 7636 section 4.6: what is compared differs, for each code of this client is bound to a challenge.
        raise Rejected("invalid_grant", "The code_verifier is missing.", "pkce_verifier_missing")
    code = decode(asked.code, runtime.code_mac_key)
    if code is None:
        raise Rejected("invalid_grant", _WORN, RedemptionVerdict.FORGED.reason)
    return code


def _granted(client: Client, asked: CodeRequest, done: codes.Redeemed, first: RefreshToken) -> Granted:
    opened = done.scope if client.tokens.id_token_claims else ()
    aliases = client.tokens.claim_aliases
    about = claims_about(done.user, opened, done.claims.get("id_token", ()), aliases=aliases)
    return Granted(
        subject=done.login,
        scope=done.scope,
        audience=asked.resource or done.audience,
        now=done.now,
        expires_at=done.expires_at,
        refresh_token=first if gets_refresh_token(client, done.scope) else None,
        identified=Identified(done.nonce, about) if "openid" in done.scope else None,
    )


async def _twice_at_most(redeem: Callable[[], Awaitable[codes.Redeemed | None]]) -> codes.Redeemed | None:
    """A connection that dies leaves in the dark whether the code was redeemed. The same use again is no second one."""
    try:
        return await redeem()
    except StoreUnavailable as error:
        if error.kind != "gone":  # after a timeout there is no time left
            raise
        return await redeem()


def _unheard(runtime: Runtime, code: Code) -> bytes | None:
    """The secret of a use of this code that nobody heard of: whoever comes next repeats it, and nobody else does."""
    until, secret = _unheard_redemptions.of(runtime).pop(code.id, (0.0, None))
    return secret if until > monotonic() else None


def _keep_unheard(runtime: Runtime, code: Code, first: RefreshToken) -> None:
    unheard, now = _unheard_redemptions.of(runtime), monotonic()
    for grant_id in [key for key, (until, _) in unheard.items() if until < now]:
        del unheard[grant_id]
    unheard[code.id] = (now + _UNSURE_SECONDS, first.secret)


async def _remember_unheard(runtime: Runtime, code: Code, first: RefreshToken) -> None:
    """Whoever tries again is no thief: here they get their tokens, at another replica they stay logged in at least."""
    _keep_unheard(runtime, code, first)
    with suppress(StoreUnavailable):
        await codes.note_unheard(runtime.redis, code.id, first.secret_hash, _UNSURE_SECONDS)


async def _take_noted(runtime: Runtime, code: Code) -> Digest | None:
    """The use of this code that a replica noted as unheard of, once."""
    with suppress(StoreUnavailable):
        return await codes.take_unheard(runtime.redis, code.id)
    return None


async def _refuse(runtime: Runtime, client: Client, code: Code, done: codes.Redeemed | None) -> NoReturn:
    verdict = done.verdict if done else RedemptionVerdict.UNKNOWN
    if done is not None and verdict is RedemptionVerdict.REPLAYED:
        if await _take_noted(runtime, code) == done.secret_hash:
            raise Rejected("invalid_grant", _WORN, "code_outcome_unknown")
        # RFC 9700 section 2.1.1, RFC 6749 section 4.1.2: what the first use gave is not to be trusted any more.
        await end_session(runtime, done.login.session_id, "code_replayed")
        await audit.record(
            runtime.db,
            "code_replayed",
            f"client:{client.id}",
            user_id=done.login.user_id,
            client_id=client.id,
            session_id=done.login.session_id,
        )
    if verdict is RedemptionVerdict.ROLE_MISSING:
        raise Rejected("invalid_grant", ROLE_MISSING, verdict.reason)
    if verdict is RedemptionVerdict.TARGET:
        raise Rejected("invalid_target", "The resource was not granted.", verdict.reason)
    raise Rejected("invalid_grant", _WORN, verdict.reason)


AUTHORIZATION_CODE = GrantType(
    name="authorization_code", parse=parse, run=redeem_code, identifies=always, recognize=_recognize
)
