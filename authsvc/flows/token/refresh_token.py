"""Grant type refresh_token (RFC 6749 section 6), rotated at every use. Rule: `rules/token/refresh`.

PostgreSQL decides alone; Redis is not in this path. A replay commits the end of its session and then fails.
"""

from __future__ import annotations

from functools import partial

from authsvc import metrics
from authsvc.flows.keys.sign import require_keys
from authsvc.flows.session.publish_revocation import publish_revocation
from authsvc.flows.session.subject import person_of
from authsvc.flows.token.tokens import Tokens, session_tokens
from authsvc.rules.authorize.request import read_resources
from authsvc.rules.confirmation import UNBOUND, Confirmation
from authsvc.rules.errors import (
    InvalidDpopProofError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    InvalidTargetError,
    Rejected,
    UnauthorizedClientError,
    Unavailable,
)
from authsvc.rules.records import Client
from authsvc.rules.scope import narrow, parse_scope
from authsvc.rules.token.refresh import ACCEPTED, RefreshVerdict
from authsvc.rules.token.refresh_token import RefreshToken, decode
from authsvc.runtime import Memory, Runtime
from authsvc.store import audit
from authsvc.store.session import sessions
from authsvc.store.token import grants
from authsvc.store.token.grants import Refreshed

GRANT_TYPE = "refresh_token"
_turns = Memory(grants.Turns)
_WORN = "The refresh token is invalid, expired, revoked or already used."


async def refresh(
    runtime: Runtime,
    client: Client,
    *,
    refresh_token: str | None,
    scope: str = "",
    resource: str = "",
    confirmation: Confirmation = UNBOUND,
) -> Tokens:
    """New tokens for a refresh token. `resource`: what the access token shall be for (RFC 8707), '' for all that was
    granted; `confirmation`: what the caller proved.

    Raises Rejected, Unavailable, StoreUnavailable."""
    if GRANT_TYPE not in client.grant_types:
        raise Rejected(UnauthorizedClientError("This client may not use refresh tokens."), "grant_type_not_allowed")
    if not refresh_token:
        raise Rejected(InvalidRequestError("The parameter refresh_token is missing."), "refresh_token_missing")
    asked = parse_scope(scope)
    if asked is None:
        raise Rejected(InvalidScopeError("The scope is malformed."), "scope_malformed")
    presented = decode(refresh_token, runtime.refresh_mac_key, client.id)
    if presented is None:
        metrics.refresh.labels(RefreshVerdict.FORGED).inc()
        raise Rejected(InvalidGrantError(_WORN), RefreshVerdict.FORGED.reason)
    require_keys(runtime, client)
    wanted = read_resources(resource)
    if wanted:
        await _check_resource(runtime, client, presented, wanted)
    statement = partial(
        grants.refresh,
        runtime.db,
        presented.grant_id,
        presented.secret_hash,
        presented.generation,
        client_id=client.id,
        grace_seconds=_grace_seconds(runtime, client),
        scope=asked,
        proved=confirmation,
    )
    done = await _turns.of(runtime).run(presented.grant_id, statement)
    verdict = done.verdict if done else RefreshVerdict.UNKNOWN
    metrics.refresh.labels(verdict).inc()
    if verdict is RefreshVerdict.RECOVER:
        metrics.state_rollback.inc()
    if done is None:
        await refuse_other_key(runtime, client, presented, confirmation)
    if done is None or verdict not in ACCEPTED:
        await _refuse(runtime, client, done, verdict)
        raise AssertionError("unreachable")
    return _answer(runtime, client, presented, done, asked, wanted or done.audience, confirmation)


def _grace_seconds(runtime: Runtime, client: Client) -> int:
    return (
        runtime.settings.refresh_grace_seconds if client.refresh_grace_seconds is None else client.refresh_grace_seconds
    )


def _answer(
    runtime: Runtime,
    client: Client,
    presented: RefreshToken,
    done: Refreshed,
    asked: tuple[str, ...],
    audience: tuple[str, ...],
    confirmation: Confirmation,
) -> Tokens:
    scope = narrow(done.scope, asked)
    assert scope is not None
    person = person_of(
        runtime, client, user_id=done.user_id, session_id=done.session_id, auth_time=done.auth_time, amr=done.amr,
        roles=done.roles,
    )  # fmt: skip
    # No ID token (OIDC Core section 12.2 leaves it to us): nobody has logged in, and it would double the cost.
    return session_tokens(
        runtime, client, person, grant_type=GRANT_TYPE, scope=scope, audience=audience, now=done.now,
        expires_at=done.expires_at, confirmation=confirmation, refresh_token=presented.at_generation(done.generation),
    )  # fmt: skip


async def _check_resource(runtime: Runtime, client: Client, presented: RefreshToken, wanted: tuple[str, ...]) -> None:
    """Before the token is spent: an error must not cost it. What was granted never changes."""
    seen = await grants.look(runtime.db, presented.grant_id, presented.secret_hash, client_id=client.id)
    if seen and not set(wanted) <= set(seen.audience):
        raise Rejected(InvalidTargetError("The resource was not granted."), "resource_not_granted")


async def refuse_other_key(
    runtime: Runtime, client: Client, presented: RefreshToken, confirmation: Confirmation
) -> None:
    """Say what is wrong where a genuine token is bound to a key that was not proved (RFC 9449 section 5). Raises
    Rejected, StoreUnavailable."""
    seen = await grants.look(runtime.db, presented.grant_id, presented.secret_hash, client_id=client.id)
    if seen and not confirmation.satisfies(seen.bound_to):
        raise Rejected(
            InvalidDpopProofError("The refresh token is bound to another key."),
            "dpop_missing" if confirmation == UNBOUND else "dpop_other_key",
        )


async def _refuse(runtime: Runtime, client: Client, done: Refreshed | None, verdict: RefreshVerdict) -> None:
    if verdict in (RefreshVerdict.LATE, RefreshVerdict.CROWDED):
        raise Unavailable(verdict.reason, retry_after=1)
    if verdict is RefreshVerdict.WIDER_SCOPE:
        raise Rejected(InvalidScopeError("The scope exceeds what was granted."), verdict.reason)
    if verdict is RefreshVerdict.REUSE:
        assert done is not None
        # A session that ended meanwhile is ended once more, to no effect; nobody must be told twice.
        ended = await sessions.end(runtime.db, done.session_id, "refresh_token_reuse")
        if ended:
            await publish_revocation(runtime, ended)
        await audit.record(
            runtime.db, "refresh_token_reuse", f"client:{client.id}",
            user_id=done.user_id, client_id=client.id, session_id=done.session_id,
        )  # fmt: skip
    raise Rejected(InvalidGrantError(_WORN), verdict.reason)
