"""What people have allowed clients. `store/account/sessions_and_apps.py` takes it back with the client's grants."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from authsvc.store.postgres import Database


async def allowed_scope(db: Database, user_id: UUID, client_id: str) -> tuple[str, ...]:
    """The scope that a person has allowed a client, () where there is no consent."""
    row = await db.fetchrow("SELECT scope FROM consents WHERE user_id = $1 AND client_id = $2", user_id, client_id)
    return tuple(row["scope"]) if row else ()


async def allow(db: Database, user_id: UUID, client_id: str, scope: Sequence[str]) -> None:
    """Remember a consent; earlier scope stays allowed. Of a person who has been deleted meanwhile nothing is kept.
    Raises ClientRemoved, StoreUnavailable."""
    sql = """INSERT INTO consents (user_id, client_id, scope) SELECT id, $2, $3 FROM users WHERE id = $1 FOR KEY SHARE
             ON CONFLICT (user_id, client_id) DO UPDATE SET granted_at = now(), scope = ARRAY(
                 SELECT DISTINCT unnest(consents.scope || excluded.scope) ORDER BY 1)"""
    await db.execute(sql, user_id, client_id, list(scope))
