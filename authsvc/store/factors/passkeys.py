"""Passkeys of people. Rows are locked in one order: the person, the passkey, the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc.rules.factors.passkey_record import Passkey, Use
from authsvc.rules.person_record import User
from authsvc.store.postgres import Connection, Database, record_of
from authsvc.store.session import sessions

_COLUMNS = ", ".join(f"p.{item.name}" for item in fields(Passkey))
_PERSON = """u.email, u.email_verified, u.name AS person_name, u.roles, u.disabled_at, u.device_generation,
             u.factor_generation, u.first_login_at IS NOT NULL AS logged_in_before"""


@frozen
class Held:
    """A passkey and whose it is."""

    passkey: Passkey
    user: User


async def by_credential(db: Database, credential_id: bytes) -> Held | None:
    """The passkey that a browser names; None: nobody has it."""
    sql = f"""SELECT {_COLUMNS}, {_PERSON} FROM passkeys p JOIN users u ON u.id = p.user_id
              WHERE p.credential_id = $1"""  # noqa: S608
    row = await db.fetchrow(sql, credential_id)
    if row is None:
        return None
    return Held(record_of(Passkey, row), record_of(User, row, id=row["user_id"], name=row["person_name"]))


async def of_person(db: Database | Connection, user_id: UUID) -> list[Passkey]:
    """A person's passkeys, the oldest first."""
    sql = f"SELECT {_COLUMNS} FROM passkeys p WHERE p.user_id = $1 ORDER BY p.created_at, p.id"  # noqa: S608
    return [record_of(Passkey, row) for row in await db.fetch(sql, user_id)]


async def lock_owner(connection: Connection, session_id: UUID) -> UUID | None:
    """The person of a live session, who can neither log in, nor add or remove a passkey, until the transaction ends.
    None: it has ended, or the person is disabled."""
    sql = """SELECT id FROM users WHERE id = (SELECT user_id FROM user_sessions WHERE id = $1)
             AND disabled_at IS NULL FOR NO KEY UPDATE"""
    found: UUID | None = await connection.fetchval(sql, session_id)
    # A statement that waited for the lock reads joined rows as they were before the wait.
    return found if found and await sessions.is_live(connection, session_id) else None


async def add(connection: Connection, new: Passkey, *, most: int) -> str:
    """`added`; or `full`: the person, who is locked, has so many; or `known`: somebody has this credential."""
    sql = """WITH room AS (
                 SELECT count(*) < $12 AS free FROM passkeys WHERE user_id = $2
             ), added AS (
                 INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, backup_eligible, backed_up,
                                       aaguid, transports, rp_id, name)
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM room WHERE free
                 ON CONFLICT (credential_id) DO NOTHING RETURNING id
             )
             SELECT CASE WHEN EXISTS (SELECT FROM added) THEN 'added' WHEN free THEN 'known' ELSE 'full' END
             FROM room"""
    outcome: str = await connection.fetchval(
        sql,
        new.id,
        new.user_id,
        new.credential_id,
        new.public_key,
        new.sign_count,
        new.backup_eligible,
        new.backed_up,
        new.aaguid,
        new.transports,
        new.rp_id,
        new.name,
        most,
    )
    return outcome


async def spend_challenge(connection: Connection, digest: Digest, seconds: int) -> bool:
    """True the first time, for ever. Whoever comes second waits until it is known what became of the first."""
    sql = """INSERT INTO spent_challenges (digest, expires_at) VALUES ($1, now() + $2::int * interval '1 second')
             ON CONFLICT (digest) DO NOTHING"""
    return bool(await connection.execute(sql, digest, seconds) == "INSERT 0 1")


async def note_use(connection: Connection, use: Use) -> bool:
    """Keep what an authenticator said when it was last used. The counter never goes back, so that the signal stays.
    False: the passkey was removed, or its person disabled, since it was read. Until the transaction ends neither is."""
    sql = """WITH person AS (
                 SELECT id FROM users WHERE id = $2 AND disabled_at IS NULL FOR SHARE
             )
             UPDATE passkeys p SET sign_count = greatest(sign_count, $3), backed_up = $4, last_used_at = now()
             FROM person WHERE p.id = $1 AND p.user_id = person.id"""
    done = await connection.execute(sql, use.passkey_id, use.user_id, use.sign_count, use.backed_up)
    return bool(done == "UPDATE 1")


async def rename(db: Database, user_id: UUID, passkey_id: UUID, name: str) -> bool:
    """False: the person has no such passkey."""
    sql = "UPDATE passkeys SET name = $3 WHERE id = $2 AND user_id = $1"
    return await db.execute(sql, user_id, passkey_id, name) == "UPDATE 1"


async def remove(connection: Connection, user_id: UUID, passkey_id: UUID) -> bool:
    """Delete a passkey; False: the person has no such one."""
    sql = "DELETE FROM passkeys WHERE id = $2 AND user_id = $1"
    return bool(await connection.execute(sql, user_id, passkey_id) == "DELETE 1")


async def may_log_in_without(connection: Connection, user_id: UUID) -> bool:
    """Whether the person has a password, or any passkey left."""
    sql = """SELECT password_hash IS NOT NULL OR EXISTS (SELECT FROM passkeys WHERE user_id = $1)
             FROM users WHERE id = $1"""
    return bool(await connection.fetchval(sql, user_id))


async def counts_by_rp_id(db: Database) -> Sequence[tuple[str, int]]:
    """For what RP IDs passkeys were made, and how many. Reads all of the table: for operators."""
    rows: list[Any] = await db.fetch("SELECT rp_id, count(*) FROM passkeys GROUP BY rp_id ORDER BY rp_id")
    return [tuple(row) for row in rows]
