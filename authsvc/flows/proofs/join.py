"""Somebody joins: by registering, or because an operator invited them.

There is no account before its address is proved. Who asks for a letter to somebody else's address has prepared nothing
there: password and name are chosen by whoever opens the letter. Nobody is logged in by it.
"""

from __future__ import annotations

from dataclasses import field
from uuid import UUID

from authsvc.flows.proofs.reset_password import asker_of
from authsvc.flows.proofs.spend_proof import Shown, proof_void, spend_of_nobody, spend_proof
from authsvc.flows.proofs.tell_person import Place
from authsvc.records import frozen
from authsvc.rules.people.person import judge_person
from authsvc.rules.proofs.proof import Purpose
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.postgres import CHANGE_SECONDS, Connection

CLIENT = "client"
"""The member of a proof's detail that names the client where somebody registered."""


@frozen
class Joining:
    """What somebody chose for themselves; the password was judged."""

    name: str
    password: str = field(repr=False)
    network: str
    place: Place


async def register(runtime: Runtime, shown: Shown, joining: Joining) -> UUID | Refused | None:
    """The id of a new person, with the role that their client gives. Refused: their name is none; None: somebody has
    the address by now. Raises Rejected (proof_void), Unavailable, StoreUnavailable."""
    client_id = shown.proof.detail.get(CLIENT)
    client = await runtime.clients.get(client_id) if client_id else None
    role = client.login.registration_role if client else None
    person = judge_person(shown.proof.email, joining.name, (role,) if role else ())
    if isinstance(person, Refused):
        return person
    if runtime.settings.registration != "open":
        raise proof_void()
    password_hash = await runtime.passwords.hash(joining.password, asker_of(runtime, person.email, joining.network))
    added = None
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        spent = await spend_of_nobody(connection, shown.secret, Purpose.REGISTRATION)
        if spent is not None:
            roles = list(person.roles)
            added = await users.add(connection, spent.email, person.name, roles, password_hash, email_verified=True)
        if added is not None:
            await audit.record(
                connection,
                "user_registered",
                f"user:{added}",
                user_id=added,
                client_id=client_id,
                roles=roles,
                **joining.place.recorded,
            )
    if spent is None:
        raise proof_void()
    return added


async def accept_invitation(runtime: Runtime, shown: Shown, joining: Joining) -> UUID | Refused:
    """The id of the person, who can log in from now on. Refused: their name is none. Raises Rejected (proof_void),
    Unavailable, StoreUnavailable."""
    person = judge_person(shown.proof.email, joining.name, ())
    if isinstance(person, Refused):
        return person
    if runtime.settings.registration == "off":
        raise proof_void()
    password_hash = await runtime.passwords.hash(joining.password, asker_of(runtime, person.email, joining.network))
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        spent = await spend_proof(connection, shown.secret, Purpose.INVITATION)
        if spent is not None:
            await _welcome(connection, spent[1].id, person.name, password_hash, joining.place)
    if spent is None:
        raise proof_void()
    return spent[1].id


async def _welcome(connection: Connection, user_id: UUID, name: str, password_hash: str, place: Place) -> None:
    await users.set_password(connection, user_id, password_hash)
    await users.set_verified(connection, user_id)
    await users.set_name(connection, user_id, name)
    await audit.record(
        connection,
        "invitation_accepted",
        f"user:{user_id}",
        user_id=user_id,
        **place.recorded,
    )
