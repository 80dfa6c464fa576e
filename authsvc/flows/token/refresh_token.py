"""Grant type refresh_token (RFC 6749 section 6), rotated at every use. Rule: `rules/token/refresh_rotation`.

PostgreSQL decides alone; Redis is not in this path. A replay commits the end of its session and then fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from functools import partial
from typing import NoReturn

from authsvc import metrics
from authsvc.flows.token.end_stolen import end_stolen
from authsvc.flows.token.grant_type import ROLE_MISSING, Caller, GrantType
from authsvc.flows.token.identify import identify
from authsvc.records import frozen
from authsvc.rules.client_record import Client
from authsvc.rules.confirmation import CERTIFICATE, UNBOUND
from authsvc.rules.errors import Rejected, Unavailable
from authsvc.rules.refused import Refused
from authsvc.rules.resource import as_registered, read_resources
from authsvc.rules.scope import narrow, parse_scope
from authsvc.rules.token.granted import Granted
from authsvc.rules.token.refresh_rotation import ACCEPTED, Patience, RefreshVerdict
from authsvc.rules.token.refresh_token import RefreshToken, decode
from authsvc.runtime import Memory, Runtime
from authsvc.store.token import grants

_turns = Memory(grants.Turns)
_WORN = "The refresh token is invalid, expired, revoked or already used."


@frozen
class RefreshRequest:
    """`scope`, `resource` (RFC 8707): what the access token shall be for, () for all that was granted."""

    refresh_token: str = field(repr=False)
    scope: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()


def parse(form: Mapping[str, str]) -> RefreshRequest | Refused:
    refresh_token = form.get("refresh_token")
    if not refresh_token:
        return Refused("invalid_request", "The parameter refresh_token is missing.", "refresh_token_missing")
    scope = parse_scope(form.get("scope", ""))
    if scope is None:
        return Refused("invalid_scope", "The scope is malformed.", "scope_malformed")
    return RefreshRequest(refresh_token, scope, read_resources(form.get("resource", "")))


async def refresh(runtime: Runtime, caller: Caller, asked: RefreshRequest) -> Granted:
    """New tokens for a refresh token. Raises Rejected, Unavailable, StoreUnavailable."""
    presented = _recognize(runtime, caller.client, asked)
    if asked.resource:
        asked = replace(asked, resource=await _granted_resource(runtime, caller.client, presented, asked.resource))
    statement = partial(
        grants.refresh,
        runtime.db,
        presented.grant_id,
        presented.secret_hash,
        presented.generation,
        client_id=caller.client.id,
        patience=_patience(runtime, caller.client),
        scope=asked.scope,
        proved=caller.confirmation,
        required_role=caller.client.login.required_role,
    )
    done = await _turns.of(runtime).run(presented.grant_id, statement)
    verdict = done.verdict if done else RefreshVerdict.UNKNOWN
    metrics.refreshes_judged(verdict).inc()
    if verdict is RefreshVerdict.RECOVER:
        metrics.state_rollback.inc()
    if done is None:
        await _refuse_other_key(runtime, caller, presented)
    if done is None or verdict not in ACCEPTED:
        await _refuse(runtime, caller.client, done, verdict)
    scope = narrow(done.scope, asked.scope)
    assert scope is not None
    return Granted(
        subject=done.login,
        scope=scope,
        audience=asked.resource or done.audience,
        now=done.now,
        expires_at=done.expires_at,
        refresh_token=presented.at_generation(done.generation),
        identified=await identify(runtime, caller.client, done.login, scope) if _identifies(caller.client) else None,
    )


def _recognize(runtime: Runtime, client: Client, asked: RefreshRequest) -> RefreshToken:
    """The token that we made for this client, or Rejected. Raises StoreUnavailable: the master key is not held."""
    presented = decode(asked.refresh_token, runtime.refresh_mac_key, client.id)
    if presented is None:
        metrics.refreshes_judged(RefreshVerdict.FORGED).inc()
        raise Rejected("invalid_grant", _WORN, RefreshVerdict.FORGED.reason)
    return presented


def _patience(runtime: Runtime, client: Client) -> Patience:
    grace, lost_answer = client.tokens.refresh_grace_seconds, client.tokens.refresh_lost_answer_seconds
    return Patience(
        runtime.settings.refresh_grace_seconds if grace is None else grace,
        runtime.settings.refresh_lost_answer_seconds if lost_answer is None else lost_answer,
    )


def _identifies(client: Client) -> bool:
    """OIDC Core section 12.2 leaves it to us: nobody has logged in, and an ID token would double the cost."""
    return client.tokens.id_token_on_refresh


async def _granted_resource(
    runtime: Runtime, client: Client, presented: RefreshToken, wanted: tuple[str, ...]
) -> tuple[str, ...]:
    """What was asked for, as it was granted. Judged before the token is spent: an error must not cost it. What was
    granted never changes."""
    seen = await grants.look(runtime.db, presented.grant_id, presented.secret_hash, client_id=client.id)
    resource = as_registered(wanted, seen.audience) if seen else wanted
    if seen and not set(resource) <= set(seen.audience):
        raise Rejected("invalid_target", "The resource was not granted.", "resource_not_granted")
    return resource


async def _refuse_other_key(runtime: Runtime, caller: Caller, presented: RefreshToken) -> None:
    """Say what is wrong where a genuine token is bound to a key that was not proved (RFC 9449 section 5), or to another
    certificate (RFC 8705 section 4). Raises Rejected, StoreUnavailable."""
    seen = await grants.look(runtime.db, presented.grant_id, presented.secret_hash, client_id=caller.client.id)
    if seen and seen.bound_to.method == CERTIFICATE and not caller.confirmation.satisfies(seen.bound_to):
        raise Rejected("invalid_grant", "The refresh token is bound to another certificate.", "certificate_other")
    if seen and not caller.confirmation.satisfies(seen.bound_to):
        raise Rejected(
            "invalid_dpop_proof",
            "The refresh token is bound to another key.",
            "dpop_missing" if caller.confirmation == UNBOUND else "dpop_other_key",
        )


async def _refuse(runtime: Runtime, client: Client, done: grants.Refreshed | None, verdict: RefreshVerdict) -> NoReturn:
    if verdict in (RefreshVerdict.LATE, RefreshVerdict.CROWDED):
        raise Unavailable(verdict.reason, retry_after=1)
    if verdict is RefreshVerdict.WIDER_SCOPE:
        raise Rejected("invalid_scope", "The scope exceeds what was granted.", verdict.reason)
    if verdict is RefreshVerdict.ROLE_MISSING:
        raise Rejected("invalid_grant", ROLE_MISSING, verdict.reason)
    if verdict is RefreshVerdict.REUSE:
        assert done is not None
        await end_stolen(runtime, client, done.login, done.now)
    raise Rejected("invalid_grant", _WORN, verdict.reason)


REFRESH_TOKEN = GrantType(name="refresh_token", parse=parse, run=refresh, identifies=_identifies, recognize=_recognize)
