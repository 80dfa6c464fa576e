"""Somebody who reads the mail of a person's address chooses a new password for them.

Everything that was opened before ends, and nobody is logged in by it: the next login asks for whatever it asked for
before, a second factor too, and no factor is removed. The address is known to be theirs from now on.
"""

from __future__ import annotations

from dataclasses import replace

from authsvc.flows.proofs.spend_proof import Shown, end_rest, proof_void, spend_proof
from authsvc.flows.proofs.tell_person import Place, tell_person
from authsvc.flows.session.end_all import begin_ending
from authsvc.passwords import Asker
from authsvc.records import frozen
from authsvc.rules.login.device_cookie import account_digest
from authsvc.rules.person_record import User
from authsvc.rules.proofs.proof import Purpose
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.postgres import CHANGE_SECONDS, Connection
from authsvc.store.session.endings import Batch


@frozen
class Chooser:
    """Where a password is chosen: the network for the queue of hashes, the rest for the mail and the event of it."""

    network: str
    place: Place


async def reset_password(runtime: Runtime, shown: Shown, new: str, chooser: Chooser) -> bool:
    """Whether all sessions are over; False: they are still being ended, and the password counts. Raises Rejected
    (proof_void), Unavailable, StoreUnavailable."""
    password_hash = await runtime.passwords.hash(new, asker_of(runtime, shown.proof.email, chooser.network))
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        spent = await spend_proof(connection, shown.secret, Purpose.RESET)
        if spent is not None:
            batch = await _change(connection, spent[1], password_hash, chooser.place)
            await tell_person(
                runtime,
                connection,
                "password_changed",
                spent[1],
                when=runtime.clock.now(),
                place=replace(chooser.place, language=spent[0].detail.get("language", "")),
            )
    if spent is None:
        raise proof_void()
    return await end_rest(runtime, spent[1].id, batch)


async def _change(connection: Connection, user: User, password_hash: str, place: Place) -> Batch:
    await users.set_password(connection, user.id, password_hash)
    if not user.email_verified:
        await users.set_verified(connection, user.id)
    batch = await begin_ending(connection, user.id, "password_reset")
    await audit.record(
        connection,
        "password_reset",
        f"user:{user.id}",
        user_id=user.id,
        sessions=batch.count,
        more=batch.more,
        **place.recorded,
    )
    return batch


def asker_of(runtime: Runtime, email: str, network: str) -> Asker:
    """On whose behalf a password is hashed that a proof allows to choose."""
    return Asker(account_digest(runtime.current_key("account digest"), email).hex(), network, known=False)
