"""Grant type refresh_token (RFC 6749 section 6), rotated at every use. Rule: `oauth/refresh`; SQL: `store/grants`.

PostgreSQL decides alone; Redis is not in this path. A replay commits the end of its session and then fails.
"""

from __future__ import annotations

from authsvc import metrics
from authsvc.flows.acknowledge import acknowledge
from authsvc.flows.issue import Tokens, access_token
from authsvc.oauth.claims import Person
from authsvc.oauth.errors import (
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    Rejected,
    UnauthorizedClientError,
    Unavailable,
)
from authsvc.oauth.records import Client, Refreshed
from authsvc.oauth.refresh_token import RefreshToken, decode, encode
from authsvc.oauth.scope import narrow, parse_scope
from authsvc.runtime import Runtime
from authsvc.store import audit, grants, sessions

GRANT_TYPE = "refresh_token"
_ACCEPTED = frozenset({"rotate", "recover", "repeat", "supersede"})
_WORN = "The refresh token is invalid, expired, revoked or already used."


async def refresh(runtime: Runtime, client: Client, *, refresh_token: str | None, scope: str = "") -> Tokens:
    """New tokens for a refresh token. Raises Rejected, Unavailable, StoreUnavailable."""
    if GRANT_TYPE not in client.grant_types:
        raise Rejected(UnauthorizedClientError("This client may not use refresh tokens."), "grant_type_not_allowed")
    if not refresh_token:
        raise Rejected(InvalidRequestError("The parameter refresh_token is missing."), "refresh_token_missing")
    asked = parse_scope(scope)
    if asked is None:
        raise Rejected(InvalidScopeError("The scope is malformed."), "scope_malformed")
    presented = decode(refresh_token, runtime.refresh_mac_key, client.id)
    if presented is None:
        metrics.refresh.labels("forged").inc()
        raise Rejected(InvalidGrantError(_WORN), "refresh_token_forged_or_foreign")
    async with runtime.turns.take(presented.grant_id):
        done = await grants.refresh(
            runtime.db,
            presented.grant_id,
            presented.secret_hash,
            presented.generation,
            client_id=client.id,
            grace_seconds=_grace_seconds(runtime, client),
            scope=asked,
        )
    verdict = done.verdict if done else "unknown"
    metrics.refresh.labels(verdict).inc()
    if verdict == "recover":
        metrics.state_rollback.inc()
    if done is None or verdict not in _ACCEPTED:
        await _refuse(runtime, client, done, verdict)
        raise AssertionError("unreachable")
    return _answer(runtime, client, presented, done, asked)


def _grace_seconds(runtime: Runtime, client: Client) -> int:
    return (
        runtime.settings.refresh_grace_seconds if client.refresh_grace_seconds is None else client.refresh_grace_seconds
    )


def _answer(
    runtime: Runtime, client: Client, presented: RefreshToken, done: Refreshed, asked: tuple[str, ...]
) -> Tokens:
    scope = narrow(done.scope, asked)
    key = runtime.refresh_mac_key(presented.key_id)
    assert scope is not None
    assert key is not None
    person = Person(str(done.user_id), str(done.session_id), done.auth_time, done.amr, done.roles)
    token, lifetime = access_token(
        runtime, client, grant_type=GRANT_TYPE, scope=scope, audience=done.audience, person=person, now=done.now,
        session_expires_at=done.expires_at,
    )  # fmt: skip
    return Tokens(
        access_token=token,
        expires_in=lifetime,
        scope=scope,
        refresh_token=encode(presented.at_generation(done.generation), key, client.id),
        refresh_token_expires_in=max(0, int((done.expires_at - done.now).total_seconds())),
    )


async def _refuse(runtime: Runtime, client: Client, done: Refreshed | None, verdict: str) -> None:
    if verdict in ("late", "crowded"):
        raise Unavailable(f"refresh_{verdict}", retry_after=1)
    if verdict == "wider_scope":
        raise Rejected(InvalidScopeError("The scope exceeds what was granted."), "scope_wider_than_granted")
    if verdict == "reuse":
        assert done is not None
        # A session that ended meanwhile is ended once more, to no effect; nobody must be told twice.
        ended = await sessions.end(runtime.db, done.session_id, "refresh_token_reuse")
        if ended:
            await acknowledge(runtime, ended)
        await audit.record(
            runtime.db, "refresh_token_reuse", f"client:{client.id}",
            user_id=done.user_id, client_id=client.id, session_id=done.session_id,
        )  # fmt: skip
        raise Rejected(InvalidGrantError(_WORN), "refresh_token_reuse")
    raise Rejected(InvalidGrantError(_WORN), f"refresh_{verdict}")
