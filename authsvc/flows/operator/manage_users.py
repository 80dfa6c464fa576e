"""The operator's part in the life of people: add, import, change a password, disable, enable, end sessions.

Whatever comes is judged by `rules/people`, whoever brings it. A new password and a disabling end every session of the
person: the first of them, and the promise to end the others, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import field, replace
from uuid import UUID

from authsvc.flows.factors.one_time_code import seal as seal_app
from authsvc.flows.people.choose_password import judge_given
from authsvc.flows.proofs.tell_person import Place, tell_person
from authsvc.flows.session.end_all import begin_ending, finish_ending
from authsvc.flows.session.publish_revocation import publish_revocation
from authsvc.records import frozen
from authsvc.rules.people.import_rows import ImportRow, Unreadable, judge_rows
from authsvc.rules.people.person import Person, judge_person, normal_email
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.factors import one_time_codes
from authsvc.store.session import sessions

BATCH = 2000
IMPORT_SECONDS = 1800.0
ENDED_BY_OPERATOR = "operator"
_COLUMNS = ("email", "name", "roles", "password_hash", "email_verified", "id")


@frozen
class Imported:
    """How many were `added`, how many of them `without_password`, how many were left out as `skipped`."""

    added: int
    skipped: int
    without_password: int


@frozen
class NotImported:
    """Nobody was added: what is wrong, by line."""

    refused: dict[int, Refused] = field(default_factory=dict)


class _Undo(Exception):
    """Leaves the transaction without a trace."""


async def add(
    runtime: Runtime,
    actor: str,
    *,
    email: str,
    name: str = "",
    roles: Sequence[str] = (),
    password: str | None,
    verified: bool = False,
) -> tuple[UUID, Person] | Refused:
    """A new person and their id. `password` None: nobody logs in until there is one; `verified`: the address is known
    to be theirs. Raises Unavailable where the queue for hashing is full, StoreUnavailable."""
    person = judge_person(email, name, roles)
    if isinstance(person, Refused):
        return person
    person = replace(person, email_verified=verified)
    if password is not None and (
        refused := await judge_given(runtime, password, account=person.email, name=person.name)
    ):
        return refused
    password_hash = None if password is None else await runtime.passwords.hash(password)
    async with runtime.db.transaction(seconds=10) as connection:
        added = await users.add(
            connection, person.email, person.name, list(person.roles), password_hash, email_verified=verified
        )
        if added is None:
            return Refused("conflict", f"somebody has the address {person.email} already", "email_taken")
        roles = list(person.roles)
        await audit.record(connection, "user_added", actor, user_id=added, roles=roles, email_verified=verified)
    return added, person


async def take_over(
    runtime: Runtime,
    actor: str,
    rows: Sequence[ImportRow | Unreadable],
    *,
    skip_taken: bool,
    rehearse: bool,
    progress: Callable[[int], None] = lambda done: None,
) -> Imported | NotImported:
    """Add many people in one transaction: all, or none. `skip_taken`: all but those whose address is taken;
    `rehearse`: judge and count only. `progress` is told how many more were written. Raises StoreUnavailable."""
    judged = judge_rows(rows)
    if judged.refused:
        return NotImported(judged.refused)
    taken: set[str] = set()
    added = 0
    with suppress(_Undo):
        async with runtime.db.transaction(seconds=IMPORT_SECONDS) as connection:
            for batch in _batches(list(judged.people.values())):
                taken |= await users.taken(connection, [person.email for person in batch])
            if taken and not skip_taken:
                return NotImported(
                    {
                        line: Refused("conflict", f"{person.email} is here already", "email_taken")
                        for line, person in judged.people.items()
                        if person.email in taken
                    }
                )
            fresh = [person for person in judged.people.values() if person.email not in taken]
            ids = await users.taken_ids(connection, [person.id for person in fresh if person.id])
            if ids:
                return NotImported(
                    {
                        line: Refused("conflict", f"the id {person.id} is somebody else's here", "id_taken")
                        for line, person in judged.people.items()
                        if person.id in ids and person.email not in taken
                    }
                )
            fresh = [_with_id(runtime, person) for person in fresh]
            for batch in _batches(fresh):
                added += await users.add_many(
                    connection, [{name: getattr(one, name) for name in _COLUMNS} for one in batch]
                )
                await one_time_codes.take_over(connection, _apps(runtime, batch))
                progress(len(batch))
            if rehearse:
                raise _Undo
            await audit.record(connection, "users_imported", actor, count=added)
    return Imported(added, len(taken), sum(person.password_hash is None for person in fresh))


def _with_id(runtime: Runtime, person: Person) -> Person:
    """Who brings an app along has an id before they are written: it is sealed for that."""
    if person.totp_secret is None or person.id is not None:
        return person
    return replace(person, id=UUID(bytes=runtime.entropy(16), version=4))


def _apps(runtime: Runtime, people: Sequence[Person]) -> list[tuple[UUID, UUID, bytes]]:
    found = []
    for person in people:
        if person.totp_secret is not None and person.id is not None:
            factor_id = UUID(bytes=runtime.entropy(16), version=4)
            found.append((person.id, factor_id, seal_app(runtime, person.id, factor_id, person.totp_secret)))
    return found


async def set_password(runtime: Runtime, actor: str, email: str, password: str) -> int | Refused:
    """A new password, and the end of every session; how many were ended. Raises Unavailable, StoreUnavailable."""
    known = await users.by_email(runtime.db, normal_email(email))
    if refused := await judge_given(runtime, password, account=normal_email(email), name=known.name if known else ""):
        return refused
    password_hash = await runtime.passwords.hash(password)
    async with runtime.db.transaction(seconds=10) as connection:
        user = await users.lock(connection, normal_email(email))
        if user is None:
            return _nobody(email)
        await users.set_password(connection, user.id, password_hash)
        batch = await begin_ending(connection, user.id, "password_changed")
        await audit.record(connection, "password_set", actor, user_id=user.id, sessions=batch.count, more=batch.more)
        now = runtime.clock.now()
        await tell_person(runtime, connection, "password_changed", user, when=now, place=Place())
    return await finish_ending(runtime, user.id, batch)


async def disable(runtime: Runtime, actor: str, email: str) -> int | Refused:
    """No login from now on, and the end of every session; how many were ended."""
    async with runtime.db.transaction(seconds=10) as connection:
        user = await users.lock(connection, normal_email(email))
        if user is None:
            return _nobody(email)
        batch = await begin_ending(connection, user.id, "user_disabled")
        await users.set_disabled(connection, user.id, True)
        if user.disabled_at is None:
            await audit.record(
                connection, "user_disabled", actor, user_id=user.id, sessions=batch.count, more=batch.more
            )
    return await finish_ending(runtime, user.id, batch)


async def enable(runtime: Runtime, actor: str, email: str) -> Refused | None:
    """Logins are possible again; sessions that were ended stay ended."""
    async with runtime.db.transaction(seconds=10) as connection:
        user = await users.lock(connection, normal_email(email))
        if user is None:
            return _nobody(email)
        if user.disabled_at is not None:
            await users.set_disabled(connection, user.id, False)
            await audit.record(connection, "user_enabled", actor, user_id=user.id)
    return None


def _nobody(email: str) -> Refused:
    return Refused(
        "not_found", f"nobody has the address {email}: `authsvc users list` shows who there is", "user_unknown"
    )


def _batches(people: Sequence[Person]) -> list[Sequence[Person]]:
    return [people[start : start + BATCH] for start in range(0, len(people), BATCH)]


async def end_session(runtime: Runtime, actor: str, session_id: UUID) -> bool:
    """End one session. False: no such session. Ending twice is the same as once."""
    async with runtime.db.transaction(seconds=10) as connection:
        ended = await sessions.end(connection, session_id, ENDED_BY_OPERATOR)
        if ended is None:
            return False
        owner = await users.of_session(connection, session_id)
        await audit.record(connection, "session_ended", actor, user_id=owner, session_id=session_id)
    await publish_revocation(runtime, ended)
    return True


async def end_sessions_of(runtime: Runtime, actor: str, user_id: UUID) -> int:
    """End all sessions of a person, and know none of their devices any more; how many sessions."""
    async with runtime.db.transaction(seconds=10) as connection:
        await users.forget_devices(connection, user_id)
        batch = await begin_ending(connection, user_id, ENDED_BY_OPERATOR)
        await audit.record(connection, "sessions_ended", actor, user_id=user_id, sessions=batch.count, more=batch.more)
    return await finish_ending(runtime, user_id, batch)
