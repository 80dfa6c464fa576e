"""What PostgreSQL counts of our tables."""

from __future__ import annotations

from authsvc.store.postgres import Database

UPDATED = ("clients", "grants", "mails", "outbox", "user_sessions", "users")
"""Tables in which requests and loops update rows. One that touches an index (is not HOT) costs several times more."""


async def hot_update_ratios(db: Database) -> dict[str, float]:
    """Table -> share of its updates that touched no index, from 0 to 1; tables without an update are left out."""
    sql = """SELECT relname, n_tup_hot_upd::float8 / n_tup_upd AS ratio FROM pg_stat_user_tables
             WHERE schemaname = current_schema() AND relname = ANY($1::text[]) AND n_tup_upd > 0"""
    return {row["relname"]: row["ratio"] for row in await db.fetch(sql, list(UPDATED))}
