"""People."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from authsvc.rules.person_record import User
from authsvc.store.postgres import Connection, Database, record_of

_COLUMNS = """id, email, email_verified, name, roles, password_hash, disabled_at, device_generation,
              factor_generation, first_login_at IS NOT NULL AS logged_in_before, coalesce(locale, '') AS locale"""


# A row that is not there would be 15 us less to send and to read: enough to tell addresses apart (SECURITY.md item 25).
_BY_EMAIL = f"""
(SELECT {_COLUMNS}, true AS found FROM users WHERE email IN ($1, $2) ORDER BY email = $1 DESC LIMIT 1)
UNION ALL
SELECT '00000000-0000-0000-0000-000000000000', $1, false, 'Nobody', '{{customer}}', repeat('x', 97), NULL, 0, 0, true,
       '', false
LIMIT 1
"""  # noqa: S608


async def by_email(db: Database, email: str, former: str = "") -> User | None:
    """`email` in its normal form; `former`: as it may have been stored before that was normal. An address that nobody
    has costs the same: a row is sent, read and thrown away."""
    row = await db.fetchrow(_BY_EMAIL, email, former)
    user = record_of(User, row)
    return user if row["found"] else None


async def by_id(db: Database | Connection, user_id: UUID) -> User | None:
    """One person; None: there is none of this id."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE id = $1", user_id)  # noqa: S608
    return record_of(User, row) if row else None


async def by_session(db: Database, session_id: UUID) -> User | None:
    """The person of a session."""
    sql = f"SELECT {_COLUMNS} FROM users WHERE id = (SELECT user_id FROM user_sessions WHERE id = $1)"  # noqa: S608
    row = await db.fetchrow(sql, session_id)
    return record_of(User, row) if row else None


async def of_session(connection: Connection, session_id: UUID) -> UUID | None:
    """Whose session it is."""
    found: UUID | None = await connection.fetchval("SELECT user_id FROM user_sessions WHERE id = $1", session_id)
    return found


async def subject_salt(db: Database) -> bytes:
    """What pairwise subjects are made with; never changes."""
    salt: bytes = await db.fetchval("SELECT subject_salt FROM service_state")
    return salt


async def upgrade_hash(db: Database, user_id: UUID, old: str, new: str) -> bool:
    """Replace a hash by a stronger one of the same password. False where the password was changed meanwhile."""
    sql = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2"
    status = await db.execute(sql, user_id, old, new)
    return status == "UPDATE 1"


async def add(
    connection: Connection,
    email: str,
    name: str,
    roles: list[str],
    password_hash: str | None,
    *,
    email_verified: bool = False,
) -> UUID | None:
    """A new person; None where the address is taken."""
    sql = """INSERT INTO users (email, name, roles, password_hash, email_verified) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (email) DO NOTHING RETURNING id"""
    found: UUID | None = await connection.fetchval(sql, email, name, roles, password_hash, email_verified)
    return found


async def add_many(connection: Connection, people: Sequence[Mapping[str, Any]]) -> int:
    """Many new people in one statement: `email`, `name`, `roles`, `password_hash`, `email_verified`, `id` (None: a new
    one). Those whose address is taken are left out; returns how many were added."""
    sql = """INSERT INTO users (id, email, name, roles, password_hash, email_verified)
             SELECT coalesce(id, gen_random_uuid()), email, name, roles, password_hash, email_verified
             FROM jsonb_to_recordset($1::jsonb)
                  AS r (id uuid, email text, name text, roles text[], password_hash text, email_verified boolean)
             ON CONFLICT (email) DO NOTHING"""
    rows = json.dumps(list(people), default=str)
    status: str = await connection.execute(sql, rows, timeout=60)
    return int(status.rpartition(" ")[2])


async def taken(connection: Connection, emails: Sequence[str]) -> set[str]:
    """Which of these addresses (in their normal form) are somebody's."""
    rows = await connection.fetch("SELECT email FROM users WHERE email = ANY($1::text[])", list(emails), timeout=60)
    return {row["email"] for row in rows}


async def taken_ids(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these ids are somebody's."""
    rows = await connection.fetch("SELECT id FROM users WHERE id = ANY($1::uuid[])", list(ids), timeout=60)
    return {row["id"] for row in rows}


async def lock(connection: Connection, email: str) -> User | None:
    """A person, whose logins wait until the transaction ends."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE email = $1 FOR NO KEY UPDATE", email)  # noqa: S608
    return record_of(User, row) if row else None


async def set_password(connection: Connection, user_id: UUID, password_hash: str) -> int:
    """Store the hash of a new password: who knew the old one has no known device any more. Returns the number that new
    device cookies must bear."""
    sql = """UPDATE users SET password_hash = $2, device_generation = device_generation + 1, updated_at = now()
             WHERE id = $1 RETURNING device_generation"""
    generation: int = await connection.fetchval(sql, user_id, password_hash)
    return generation


async def clear_password(connection: Connection, user_id: UUID) -> None:
    """Take a password away: nobody logs in by it, and no device of theirs is known."""
    sql = """UPDATE users SET password_hash = NULL, device_generation = device_generation + 1, updated_at = now()
             WHERE id = $1"""
    await connection.execute(sql, user_id)


async def set_first_login(db: Database | Connection, user_id: UUID) -> None:
    """Store that a person has logged in: every later login on an unknown device is worth telling."""
    await db.execute("UPDATE users SET first_login_at = now() WHERE id = $1 AND first_login_at IS NULL", user_id)


async def forget_devices(db: Database | Connection, user_id: UUID) -> int:
    """Make every device cookie of a person one of a stranger; the number that new ones must bear."""
    sql = "UPDATE users SET device_generation = device_generation + 1 WHERE id = $1 RETURNING device_generation"
    generation: int = await db.fetchval(sql, user_id)
    return generation


async def with_foreign_domains(connection: Connection) -> list[User]:
    """The people whose address may not be in its normal form: its domain is not ASCII, or says so by `xn--`."""
    sql = f"SELECT {_COLUMNS} FROM users WHERE email ~ '@.*(xn--|[^ -~])' ORDER BY email FOR NO KEY UPDATE"  # noqa: S608
    return [record_of(User, row) for row in await connection.fetch(sql, timeout=60)]


async def respell_email(connection: Connection, user_id: UUID, email: str) -> None:
    """Store another spelling of a person's address, which nobody has."""
    await connection.execute("UPDATE users SET email = $2, updated_at = now() WHERE id = $1", user_id, email)


async def set_disabled(connection: Connection, user_id: UUID, disabled: bool) -> None:
    """A trigger ends whatever session a disabled person still has, and no device of theirs is known any more. Enabling
    brings none of that back."""
    sql = """UPDATE users SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END,
                              device_generation = device_generation + $2::int, updated_at = now()
             WHERE id = $1"""
    await connection.execute(sql, user_id, disabled)


async def set_name(connection: Connection, user_id: UUID, name: str) -> None:
    """Store a new name."""
    await connection.execute("UPDATE users SET name = $2, updated_at = now() WHERE id = $1", user_id, name)


async def set_profile(connection: Connection, user_id: UUID, name: str, locale: str) -> None:
    """Store a new name and language ('': none)."""
    sql = "UPDATE users SET name = $2, locale = nullif($3, ''), updated_at = now() WHERE id = $1"
    await connection.execute(sql, user_id, name, locale)


async def set_email(connection: Connection, user_id: UUID, email: str, *, verified: bool) -> bool:
    """Store a new address, in its normal form. False: it is somebody else's."""
    sql = "UPDATE users SET email = $2, email_verified = $3, updated_at = now() WHERE id = $1"
    try:
        async with connection.transaction():  # a savepoint: the caller's goes on
            await connection.execute(sql, user_id, email, verified)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def set_verified(connection: Connection, user_id: UUID) -> None:
    """Store that the address is known to be theirs."""
    await connection.execute("UPDATE users SET email_verified = true, updated_at = now() WHERE id = $1", user_id)


async def set_roles(connection: Connection, user_id: UUID, roles: Sequence[str]) -> None:
    """Store all roles that they have from now on."""
    await connection.execute("UPDATE users SET roles = $2, updated_at = now() WHERE id = $1", user_id, list(roles))


async def remove(connection: Connection, user_id: UUID) -> None:
    """Delete a person, and with them their sessions, grants, consents and device requests."""
    await connection.execute("DELETE FROM users WHERE id = $1", user_id)


async def search(db: Database, *, text: str, limit: int) -> list[Any]:
    """For the operator's list, by address: no hashes, but the scheme of each. `text`: a part of the address or name."""
    sql = """SELECT u.id, u.email, u.email_verified, u.name, u.roles, u.created_at, u.disabled_at,
                    split_part(u.password_hash, '$', 2) AS scheme,
                    (SELECT count(*) FROM user_sessions s
                     WHERE s.user_id = u.id AND s.is_active AND s.expires_at > now()) AS sessions
             FROM users u
             WHERE $1 = '' OR strpos(u.email, lower($1)) > 0 OR strpos(lower(u.name), lower($1)) > 0
             ORDER BY u.email LIMIT $2"""
    return await db.fetch(sql, text, limit)
