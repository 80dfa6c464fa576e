"""Recovery codes: digests, each of which one statement can spend."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from authsvc.rules.client_record import Digest
from authsvc.store.postgres import Connection, Database


async def spend(db: Database | Connection, user_id: UUID, digest: Digest) -> int | None:
    """Spend a code: how many are left. None: there is no such code, or not any more."""
    sql = """WITH spent AS (DELETE FROM recovery_codes WHERE user_id = $1 AND digest = $2 RETURNING 1)
             SELECT (SELECT count(*) FROM spent) AS spent,
                    (SELECT count(*) FROM recovery_codes WHERE user_id = $1) AS before"""
    row = await db.fetchrow(sql, user_id, digest)
    return row["before"] - 1 if row["spent"] else None


async def replace(connection: Connection, user_id: UUID, digests: Sequence[Digest]) -> None:
    """A new set of codes in place of the old one; an empty one removes them."""
    await connection.execute("DELETE FROM recovery_codes WHERE user_id = $1", user_id)
    sql = "INSERT INTO recovery_codes (user_id, digest) SELECT $1, unnest($2::bytea[])"
    await connection.execute(sql, user_id, list(digests))


async def left(db: Database | Connection, user_id: UUID) -> int:
    """How many codes a person still has."""
    count: int = await db.fetchval("SELECT count(*) FROM recovery_codes WHERE user_id = $1", user_id)
    return count
