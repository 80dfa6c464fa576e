"""Our own frontends end sessions: the one that asks (log out), another one of the person, or all others.

A session ends with every grant that it gave. A client that is not of the house ends its own grant. Ending another
session needs a recent login, or a thief with one access token would throw the owner out and stay.
"""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.caller.authenticate_bearer import check_recent_login, person_id
from authsvc.flows.caller.prove_possession import Proof
from authsvc.flows.ending.revoke import revoke, take_proof
from authsvc.flows.session.end_all import REQUEST_SECONDS, begin_ending, finish_ending
from authsvc.flows.session.publish_revocation import end_session, publish_revocation
from authsvc.flows.session.subject import session_of
from authsvc.jose.verify import VerifiedClaims
from authsvc.reason import Reason
from authsvc.records import frozen
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected
from authsvc.rules.person_record import Session
from authsvc.rules.token.refresh_token import decode
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.session import sessions
from authsvc.store.token import grants

RECENT_SECONDS = 900
"""How long ago the login may be of who reaches beyond this session (SECURITY.md item 31)."""


async def logout_by_refresh_token(
    runtime: Runtime, client: Client, refresh_token: str, *, proof: Proof | None = None
) -> Reason:
    """End the session that a refresh token belongs to, or what a client that is not first-party has from it
    (docs/decisions/revocation.md). Unknown tokens are no error; a key that is not the token's is.

    Raises Rejected, StoreUnavailable."""
    if not client.first_party:
        return await revoke(runtime, client, token=refresh_token, proof=proof)
    presented = decode(refresh_token, runtime.refresh_mac_key, client.id)
    seen = presented and await grants.look(runtime.db, presented.grant_id, presented.secret_hash, client_id=client.id)
    if not seen:
        return "token_unknown"
    await take_proof(runtime, proof, seen.bound_to)
    return await _end(runtime, seen.session_id, None)


async def logout_by_access_token(runtime: Runtime, claims: VerifiedClaims) -> Reason:
    """End the session of an access token. Raises StoreUnavailable."""
    return await _end(runtime, session_of(runtime, claims.sid), await person_id(runtime, claims))


async def _end(runtime: Runtime, session_id: UUID, user_id: UUID | None) -> Reason:
    return "logged_out" if await end_session(runtime, session_id, "logout", user_id=user_id) else "session_unknown"


async def list_own(runtime: Runtime, claims: VerifiedClaims) -> tuple[list[Session], UUID]:
    """Live sessions, the most recently used first, and which of them asks. Raises StoreUnavailable."""
    return await sessions.live(runtime.db, await person_id(runtime, claims)), session_of(runtime, claims.sid)


async def end_own(runtime: Runtime, claims: VerifiedClaims, session_id: str) -> None:
    """End one session of the person of a token. Another one than the token's own needs a recent login. Raises
    BearerRejected, Rejected, StoreUnavailable."""
    own = session_of(runtime, claims.sid)
    wanted = own if session_id == claims.sid else read_session_id(session_id)
    if wanted != own:
        check_recent_login(runtime, claims, RECENT_SECONDS)
    await end_one_of(runtime, await person_id(runtime, claims), wanted)


async def end_others(runtime: Runtime, claims: VerifiedClaims) -> int:
    """End all sessions of this person but the one that asks; how many. Raises BearerRejected, StoreUnavailable."""
    check_recent_login(runtime, claims, RECENT_SECONDS)
    done = await end_all_but(runtime, await person_id(runtime, claims), session_of(runtime, claims.sid))
    return done.count


def read_session_id(text: str) -> UUID:
    """Raises Rejected: what is no id at all is an unknown one."""
    try:
        return UUID(text)
    except ValueError:
        raise _unknown() from None


async def end_one_of(runtime: Runtime, user_id: UUID, session_id: UUID) -> None:
    """End one session of this person; another person's looks like none at all. Raises Rejected, StoreUnavailable."""
    async with runtime.db.transaction() as connection:
        ended = await sessions.end(connection, session_id, "ended_by_user", user_id=user_id)
        if ended is not None:
            await audit.record(connection, "session_ended", f"user:{user_id}", user_id=user_id, session_id=session_id)
    if ended is None:
        raise _unknown()
    await publish_revocation(runtime, ended)


@frozen
class OthersEnded:
    """How many sessions were ended; `device_generation`: the number of device cookies that are good from now on."""

    count: int
    device_generation: int


async def end_all_but(runtime: Runtime, user_id: UUID, keep: UUID) -> OthersEnded:
    """End all sessions of this person but one, and know none of their devices any more. Raises StoreUnavailable."""
    async with runtime.db.transaction(seconds=5) as connection:
        generation = await users.forget_devices(connection, user_id)
        batch = await begin_ending(connection, user_id, "ended_by_user", keep=keep)
        await audit.record(
            connection,
            "sessions_ended",
            f"user:{user_id}",
            user_id=user_id,
            session_id=keep,
            sessions=batch.count,
            more=batch.more,
        )
    return OthersEnded(await finish_ending(runtime, user_id, batch, seconds=REQUEST_SECONDS), generation)


def _unknown() -> Rejected:
    return Rejected("not_found", "There is no such session.", "session_unknown", status=404)
