"""A refresh token was found to be a copy: its session ends, and the person is told: all in one transaction, so that no
theft is found that nobody hears of."""

from __future__ import annotations

from datetime import datetime

from authsvc.flows.mail.queue import mail_is_on
from authsvc.flows.proofs.tell_person import Place, tell_person
from authsvc.flows.session.publish_revocation import publish_revocation
from authsvc.rules.client_record import Client
from authsvc.rules.person_record import Login
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.session import sessions

REUSE = "refresh_token_reuse"


async def end_stolen(runtime: Runtime, client: Client, login: Login, now: datetime) -> None:
    """End the session of a copied refresh token, record it and tell its owner. Raises StoreUnavailable: then nothing of
    it was done, or all."""
    user = await users.by_id(runtime.db, login.user_id) if mail_is_on(runtime) else None
    place = await sessions.place_of(runtime.db, login.session_id)
    async with runtime.db.transaction() as connection:
        # A session that ended meanwhile is ended once more, to no effect; nobody must be told twice.
        ended = await sessions.end(connection, login.session_id, REUSE)
        await audit.record(
            connection,
            REUSE,
            f"client:{client.id}",
            user_id=login.user_id,
            client_id=client.id,
            session_id=login.session_id,
            device=place.device,
            address=place.address,
            ended=place.clients,
        )
        if user:
            await tell_person(
                runtime,
                connection,
                "theft",
                user,
                when=now,
                place=Place(place.device, place.address),
                about=str(login.session_id),
            )
    if ended is not None:
        await publish_revocation(runtime, ended)
