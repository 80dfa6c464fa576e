"""People."""

from __future__ import annotations

import unicodedata
from typing import Any
from uuid import UUID

from authsvc.oauth.records import User
from authsvc.store.postgres import Connection, Database

_COLUMNS = "id, email, email_verified, name, roles, password_hash, disabled_at"


def normal_email(text: str) -> str:
    """The form in which an address is stored, compared and counted: one form for all its spellings."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).strip().casefold())


def _user(row: Any) -> User:
    return User(
        id=row["id"],
        email=row["email"],
        email_verified=row["email_verified"],
        name=row["name"],
        roles=tuple(row["roles"]),
        password_hash=row["password_hash"],
        disabled_at=row["disabled_at"],
    )


async def by_email(db: Database, email: str) -> User | None:
    """`email` in its normal form."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE email = $1", email)  # noqa: S608
    return _user(row) if row else None


async def by_id(db: Database, user_id: UUID) -> User | None:
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE id = $1", user_id)  # noqa: S608
    return _user(row) if row else None


async def upgrade_hash(db: Database, user_id: UUID, old: str, new: str) -> bool:
    """Replace a hash by a stronger one of the same password. False where the password was changed meanwhile."""
    status = await db.execute(
        "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", user_id, old, new
    )
    return status == "UPDATE 1"


async def add(
    connection: Connection, email: str, name: str, roles: list[str], password_hash: str | None
) -> UUID | None:
    """A new person; None where the address is taken."""
    found: UUID | None = await connection.fetchval(
        """INSERT INTO users (email, name, roles, password_hash) VALUES ($1, $2, $3, $4)
           ON CONFLICT (email) DO NOTHING RETURNING id""",
        email,
        name,
        roles,
        password_hash,
    )
    return found


async def everyone(db: Database) -> list[Any]:
    """For the operator's list: no hashes, but the scheme of each."""
    return await db.fetch(
        """SELECT u.id, u.email, u.name, u.roles, u.created_at, u.disabled_at,
                  split_part(u.password_hash, '$', 2) AS scheme,
                  count(s.id) FILTER (WHERE s.is_active AND s.expires_at > now()) AS sessions
           FROM users u LEFT JOIN user_sessions s ON s.user_id = u.id GROUP BY u.id ORDER BY u.email"""
    )
