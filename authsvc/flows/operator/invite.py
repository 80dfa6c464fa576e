"""An operator invites somebody: a person without a password, and a letter by which they choose one. No operator types
or sees it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from authsvc.flows.mail.queue import letter, mail_is_on
from authsvc.flows.proofs.issue_proof import issue_proof, new_proof
from authsvc.records import frozen
from authsvc.rules.people.person import Person, judge_person
from authsvc.rules.proofs.proof import Purpose
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.mail import outbox
from authsvc.store.postgres import Connection

SECONDS = 10


@frozen
class Invited:
    """`again`: they were invited before, and the earlier letter is void."""

    id: UUID
    email: str
    roles: tuple[str, ...]
    again: bool


async def invite(
    runtime: Runtime, actor: str, *, email: str, name: str, roles: Sequence[str], language: str
) -> Invited | Refused:
    """Add a person, or invite them once more while they have not come. Raises StoreUnavailable."""
    person = judge_person(email, name, roles)
    if isinstance(person, Refused):
        return person
    if runtime.settings.registration == "off":
        description = "nobody may join: set AUTHSVC_REGISTRATION to invited (or open), here and for the replicas"
        return Refused("conflict", description, "registration_off")
    if not mail_is_on(runtime):
        return Refused("conflict", "there is no mail server: set AUTHSVC_SMTP_URL", "mail_off")
    async with runtime.db.transaction(seconds=SECONDS) as connection:
        invited = await _invited(connection, person)
        if isinstance(invited, Refused):
            return invited
        proof = new_proof(runtime, Purpose.INVITATION, invited.email, invited.id, {"language": language})
        link = (await issue_proof(runtime, connection, proof)).link
        mail = letter(
            runtime,
            template="invitation",
            to=invited.email,
            language=language,
            values={"link": link},
            user_id=invited.id,
        )
        await outbox.queue(connection, mail)
        await audit.record(
            connection, "user_invited", actor, user_id=invited.id, roles=list(invited.roles), again=invited.again
        )
    return invited


async def _invited(connection: Connection, person: Person) -> Invited | Refused:
    added = await users.add(connection, person.email, person.name, list(person.roles), None)
    if added is not None:
        return Invited(added, person.email, person.roles, again=False)
    user = await users.lock(connection, person.email)
    if user is None or user.password_hash is not None or user.email_verified or user.disabled_at is not None:
        return Refused("conflict", f"somebody has the address {person.email} already", "email_taken")
    if person.roles and set(person.roles) != set(user.roles):
        description = f"{person.email} was invited with other roles: `authsvc users roles` changes them"
        return Refused("conflict", description, "roles_differ")
    return Invited(user.id, user.email, user.roles, again=True)
