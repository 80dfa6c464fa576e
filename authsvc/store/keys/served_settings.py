"""Rows of `served_settings`. What they mean is `keys/settings_in_force.py`'s to say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from authsvc.keys.records import ServedSettings
from authsvc.store.postgres import Database


def _record(row: Any) -> ServedSettings:
    return ServedSettings(row["replica"], json.loads(row["settings"]), row["heard_at"])


async def everything(db: Database) -> list[ServedSettings]:
    """All records, the newest first."""
    rows = await db.fetch(
        "SELECT replica, settings::text AS settings, heard_at FROM served_settings ORDER BY heard_at DESC"
    )
    return [_record(row) for row in rows]


async def record(db: Database, replica: str, settings: Mapping[str, object]) -> list[ServedSettings]:
    """Say that `replica` serves by `settings` now. Returns the records of all replicas, this one among them."""
    sql = """WITH said AS (
                 INSERT INTO served_settings (replica, settings, heard_at)
                 VALUES ($1, $2::text::jsonb, clock_timestamp())
                 ON CONFLICT (replica, settings) DO UPDATE SET heard_at = excluded.heard_at
                 RETURNING replica, settings, heard_at)
             SELECT replica, settings::text AS settings, heard_at FROM said
             UNION ALL
             SELECT replica, settings::text, heard_at FROM served_settings s
             WHERE NOT EXISTS (SELECT FROM said WHERE said.replica = s.replica AND said.settings = s.settings)"""
    rows = await db.fetch(sql, replica, json.dumps(settings))
    return [_record(row) for row in rows]
