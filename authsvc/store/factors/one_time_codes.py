"""Authenticator apps: a sealed secret, and the newest code that was taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from uuid import UUID

from authsvc.records import frozen
from authsvc.store.audit import LONG_SECONDS
from authsvc.store.postgres import Connection, Database, record_of

_COLUMNS = "user_id, id, sealed, last_step, drift, confirmed_at, used_at, now() AS now"


@frozen
class Authenticator:
    """A person's app. `confirmed_at`: None while it is being set up; `now`: PostgreSQL's time of this reading."""

    user_id: UUID
    id: UUID
    sealed: bytes = field(repr=False)
    last_step: int
    drift: int
    confirmed_at: datetime | None
    used_at: datetime | None
    now: datetime


async def confirmed(db: Database | Connection, user_id: UUID) -> Authenticator | None:
    """The app that is a factor of this person."""
    sql = f"SELECT {_COLUMNS} FROM one_time_codes WHERE user_id = $1 AND confirmed_at IS NOT NULL"  # noqa: S608
    row = await db.fetchrow(sql, user_id)
    return record_of(Authenticator, row) if row else None


async def being_set_up(db: Database, user_id: UUID, session_id: UUID, *, seconds: int) -> Authenticator | None:
    """The app that this session began to set up, so many seconds ago at most."""
    sql = f"""SELECT {_COLUMNS} FROM one_time_codes WHERE user_id = $1 AND begun_in = $2 AND confirmed_at IS NULL
              AND created_at > now() - $3::int * interval '1 second'"""  # noqa: S608
    row = await db.fetchrow(sql, user_id, session_id, seconds)
    return record_of(Authenticator, row) if row else None


async def begin(db: Database, user_id: UUID, session_id: UUID, factor_id: UUID, sealed: bytes) -> bool:
    """Begin to set up an app, in place of one that was never confirmed. False: there is one that was."""
    sql = """INSERT INTO one_time_codes (user_id, id, sealed, begun_in) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id) DO UPDATE SET id = $2, sealed = $3, begun_in = $4, last_step = -1, drift = 0,
                                                 created_at = now()
             WHERE one_time_codes.confirmed_at IS NULL"""
    return bool(await db.execute(sql, user_id, factor_id, sealed, session_id) == "INSERT 0 1")


async def take(
    db: Database | Connection, user_id: UUID, factor_id: UUID, *, step: int, drift: int, begun_in: UUID | None = None
) -> bool:
    """Take the code of a step, which is good once and closes all steps before it; of one that is being set up in
    `begun_in` it makes a factor. False: it was taken already, or the app is another one. `step` -1: none fits."""
    sql = """UPDATE one_time_codes SET last_step = $3, drift = $4, used_at = now(), begun_in = NULL,
                                       confirmed_at = coalesce(confirmed_at, now())
             WHERE user_id = $1 AND id = $2 AND last_step < $3 AND begun_in IS NOT DISTINCT FROM $5
             AND (confirmed_at IS NULL) = ($5::uuid IS NOT NULL)"""
    return bool(await db.execute(sql, user_id, factor_id, step, drift, begun_in) == "UPDATE 1")


async def remove(connection: Connection, user_id: UUID) -> UUID | None:
    """Delete a person's app. Its id; None: there was none."""
    sql = "DELETE FROM one_time_codes WHERE user_id = $1 AND confirmed_at IS NOT NULL RETURNING id"
    found: UUID | None = await connection.fetchval(sql, user_id)
    return found


async def take_over(connection: Connection, apps: Sequence[tuple[UUID, UUID, bytes]]) -> None:
    """Apps that people had in another system: user id, id, sealed secret. Who was not added has none."""
    sql = """INSERT INTO one_time_codes (user_id, id, sealed, confirmed_at)
             SELECT a.user_id, a.id, a.sealed, now()
             FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS a (user_id, id, sealed)
             JOIN users u ON u.id = a.user_id"""
    if apps:
        await connection.execute(sql, *(list(column) for column in zip(*apps, strict=True)), timeout=60)


async def under_others(
    connection: Connection, master_id: int, *, after: UUID, limit: int
) -> list[tuple[UUID, UUID, bytes]]:
    """User id, id and sealed secret of some apps that are sealed under another master key, locked, in the order of
    their people."""
    sql = """SELECT user_id, id, sealed FROM one_time_codes WHERE user_id > $1 AND get_byte(sealed, 1) <> $2
             ORDER BY user_id LIMIT $3 FOR NO KEY UPDATE"""
    return [tuple(row) for row in await connection.fetch(sql, after, master_id, limit, timeout=LONG_SECONDS)]


async def by_master_key(connection: Connection) -> dict[int, int]:
    """Master key id -> how many apps are sealed under it. Reads all of the table."""
    sql = "SELECT get_byte(sealed, 1) AS id, count(*) AS count FROM one_time_codes GROUP BY 1"
    return {row["id"]: row["count"] for row in await connection.fetch(sql, timeout=LONG_SECONDS)}


async def replace_seals(connection: Connection, sealed: Sequence[tuple[UUID, UUID, bytes]]) -> None:
    """Store secrets that were sealed anew: user id, id, secret."""
    sql = "UPDATE one_time_codes SET sealed = $3 WHERE user_id = $1 AND id = $2"
    await connection.executemany(sql, list(sealed), timeout=LONG_SECONDS)
