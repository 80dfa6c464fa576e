"""A person takes their account back: "this was not me", and a change of address that is undone.

Everything ends, the password counts no more, what was added since goes, and a letter to their address lets them choose
another password. None can be chosen here: a notice may lie about for days, or be forwarded.
"""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.proofs.ask_for_letter import asked_here
from authsvc.flows.proofs.issue_proof import new_proof
from authsvc.flows.proofs.remove_added import RemovedSince, remove_added
from authsvc.flows.proofs.spend_proof import Shown, end_rest, proof_void, spend_proof
from authsvc.flows.proofs.tell_person import Place
from authsvc.flows.session.end_all import begin_ending
from authsvc.records import frozen
from authsvc.rules.people.person import normal_email
from authsvc.rules.person_record import User
from authsvc.rules.proofs.proof import SHORT_SECONDS, Purpose
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.postgres import CHANGE_SECONDS, Connection
from authsvc.store.proofs import proofs
from authsvc.store.proofs.proofs import Proof
from authsvc.store.session.endings import Batch


@frozen
class TakenBack:
    """`lettered`: a letter for a new password goes to the address of the proof. It does not where the person has
    another address, which cannot be undone any more, or is somebody else's by now."""

    user_id: UUID
    lettered: bool


async def take_back(runtime: Runtime, shown: Shown, place: Place) -> TakenBack:
    """Spend a proof of either purpose. Raises Rejected (proof_void), StoreUnavailable."""
    lettered = False
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        spent = await spend_proof(connection, shown.secret, shown.purpose)
        if spent is not None:
            proof, user = spent
            lettered = await _restored(connection, proof, user)
            batch = await _ended(connection, proof, user, place, lettered=lettered)
            if lettered:
                wish = new_proof(runtime, Purpose.RESET, proof.email, None, proof.detail)
                await proofs.ask(connection, wish, seconds=SHORT_SECONDS)
    if spent is None:
        raise proof_void()
    asked_here.of(runtime).set()
    await end_rest(runtime, spent[1].id, batch)
    return TakenBack(spent[1].id, lettered)


async def _restored(connection: Connection, proof: Proof, user: User) -> bool:
    """Whether the person has the address of the proof, now at the latest; it is theirs, for they read its mail."""
    if normal_email(user.email) == proof.email:
        if not user.email_verified:
            await users.set_verified(connection, user.id)
        return True
    if proof.purpose == Purpose.NOT_ME and not await proofs.can_undo(connection, user.id, proof.email):
        return False
    return await users.set_email(connection, user.id, proof.email, verified=True)


async def _ended(connection: Connection, proof: Proof, user: User, place: Place, *, lettered: bool) -> Batch:
    await users.clear_password(connection, user.id)
    if proof.purpose == Purpose.UNDO_ADDRESS and proof.made_at is not None:
        # What was made since is the thief's, an undoing of his own change too; an earlier one is the owner's.
        await proofs.void_since(connection, user.id, proof.made_at)
    removed = RemovedSince()
    if lettered and proof.made_at is not None:  # who does not get the account back takes no factor from whoever has it
        removed = await remove_added(connection, user.id, proof.made_at)
    batch = await begin_ending(connection, user.id, "taken_back")
    await audit.record(
        connection,
        "account_taken_back",
        f"user:{user.id}",
        user_id=user.id,
        by=proof.purpose,
        has_address=lettered,
        sessions=batch.count,
        more=batch.more,
        app_removed=removed.app,
        passkeys_removed=removed.passkeys,
        recovery_codes_removed=removed.recovery_codes,
        **place.recorded,
    )
    return batch
