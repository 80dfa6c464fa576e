"""A person's own address: shown to be theirs, or changed for another that is theirs.

A change needs a fresh login, is made by whoever reads the mail of the new address, and can be undone by whoever reads
that of the old one for 72 hours. All sessions end with it (SECURITY.md item 18).
"""

from __future__ import annotations

from authsvc.flows.mail.queue import letter
from authsvc.flows.proofs.issue_proof import issue_proof, new_proof
from authsvc.flows.proofs.spend_proof import Shown, end_rest, proof_void, spend_proof
from authsvc.flows.proofs.tell_person import Place
from authsvc.flows.session.end_all import begin_ending
from authsvc.rules.person_record import User
from authsvc.rules.proofs.proof import Purpose
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.mail import outbox
from authsvc.store.postgres import CHANGE_SECONDS, Connection
from authsvc.store.proofs.proofs import Proof
from authsvc.store.session.endings import Batch


async def verify_address(runtime: Runtime, shown: Shown, place: Place) -> None:
    """The address is known to be theirs: the next ID token and userinfo say so. Raises Rejected (proof_void),
    StoreUnavailable."""
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        spent = await spend_proof(connection, shown.secret, Purpose.VERIFY)
        if spent is not None and not spent[1].email_verified:
            await users.set_verified(connection, spent[1].id)
            await audit.record(
                connection,
                "user_address_verified",
                f"user:{spent[1].id}",
                user_id=spent[1].id,
                **place.recorded,
            )
    if spent is None:
        raise proof_void()


async def change_address(runtime: Runtime, shown: Shown, place: Place) -> bool:
    """Give a person the address that the proof was mailed to. False: it is somebody else's by now, and nothing is
    changed. Raises Rejected (proof_void), StoreUnavailable."""
    batch = None
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        spent = await spend_proof(connection, shown.secret, Purpose.ADDRESS_CHANGE)
        if spent is not None:
            batch = await _change(runtime, connection, *spent, place)
    if spent is None:
        raise proof_void()
    if batch is None:
        return False
    await end_rest(runtime, spent[1].id, batch)
    return True


async def _change(runtime: Runtime, connection: Connection, proof: Proof, user: User, place: Place) -> Batch | None:
    if not await users.set_email(connection, user.id, proof.email, verified=True):
        return None
    undo = new_proof(runtime, Purpose.UNDO_ADDRESS, user.email, user.id, proof.detail)
    link = (await issue_proof(runtime, connection, undo)).link
    mail = letter(
        runtime,
        template="address_changed_old",
        to=user.email,
        language=user.locale or proof.detail["language"],
        values={"link": link},
        user_id=user.id,
    )
    await outbox.queue(connection, mail)
    batch = await begin_ending(connection, user.id, "address_changed")
    await audit.record(
        connection,
        "user_address_changed",
        f"user:{user.id}",
        user_id=user.id,
        email_verified=True,
        sessions=batch.count,
        more=batch.more,
        **place.recorded,
    )
    return batch
