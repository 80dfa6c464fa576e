"""The operator's part in the life of people: add, import, change a password, disable, enable.

A new password and a disabling end every session of the person in the same transaction; only then is Redis told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from authsvc.flows.session.publish_revocation import publish_revocation
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.session import sessions

BATCH = 2000
IMPORT_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to be added. `email` in its normal form; `password_hash` is argon2id or bcrypt, None: no password."""

    email: str
    name: str
    roles: tuple[str, ...]
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """`taken`: addresses of the file that somebody has already. With any, or in a rehearsal, nothing was added."""

    added: int
    taken: frozenset[str]


class _Undo(Exception):
    """Leaves the transaction without a trace."""


async def add(runtime: Runtime, actor: str, person: Person) -> UUID | None:
    """A new person's id; None where the address is taken."""
    async with runtime.db.transaction(seconds=10) as connection:
        added = await users.add(connection, person.email, person.name, list(person.roles), person.password_hash)
        if added:
            await audit.record(connection, "user_added", actor, user_id=added, roles=list(person.roles))
        return added


async def take_over(
    runtime: Runtime,
    actor: str,
    people: Sequence[Person],
    *,
    skip_taken: bool,
    rehearse: bool,
    progress: Callable[[int], None] = lambda done: None,
) -> Imported:
    """Add many people in one transaction: all, or none. `skip_taken`: all but those whose address is taken.

    `progress` is told how many more were written.
    """
    taken: set[str] = set()
    added = 0
    try:
        async with runtime.db.transaction(seconds=IMPORT_SECONDS) as connection:
            for batch in _batches(people):
                taken |= await users.taken(connection, [person.email for person in batch])
            if taken and not skip_taken:
                raise _Undo
            for batch in _batches([person for person in people if person.email not in taken]):
                rows = [(person.email, person.name, list(person.roles), person.password_hash) for person in batch]
                added += await users.add_many(connection, rows)
                progress(len(batch))
            if rehearse:
                raise _Undo
            await audit.record(connection, "users_imported", actor, count=added)
    except _Undo:
        pass
    return Imported(added, frozenset(taken))


async def set_password(runtime: Runtime, actor: str, email: str, password_hash: str) -> int | None:
    """A new password, and the end of every session; how many were ended. None: no such person."""
    async with runtime.db.transaction(seconds=10) as connection:
        user = await users.lock(connection, email)
        if user is None:
            return None
        await users.set_password(connection, user.id, password_hash)
        ended = await sessions.end_all(connection, user.id, "password_changed")
        await audit.record(connection, "password_set", actor, user_id=user.id, sessions=len(ended.sessions))
    await publish_revocation(runtime, ended)
    return len(ended.sessions)


async def disable(runtime: Runtime, actor: str, email: str) -> int | None:
    """No login from now on, and the end of every session; how many were ended. None: no such person."""
    async with runtime.db.transaction(seconds=10) as connection:
        user = await users.lock(connection, email)
        if user is None:
            return None
        ended = await sessions.end_all(connection, user.id, "user_disabled")
        await users.set_disabled(connection, user.id, True)
        if user.disabled_at is None:
            await audit.record(connection, "user_disabled", actor, user_id=user.id, sessions=len(ended.sessions))
    await publish_revocation(runtime, ended)
    return len(ended.sessions)


async def enable(runtime: Runtime, actor: str, email: str) -> bool:
    """Logins are possible again; sessions that were ended stay ended. False: no such person."""
    async with runtime.db.transaction(seconds=10) as connection:
        user = await users.lock(connection, email)
        if user is None:
            return False
        if user.disabled_at is not None:
            await users.set_disabled(connection, user.id, False)
            await audit.record(connection, "user_enabled", actor, user_id=user.id)
        return True


def _batches(people: Sequence[Person]) -> list[Sequence[Person]]:
    return [people[start : start + BATCH] for start in range(0, len(people), BATCH)]
