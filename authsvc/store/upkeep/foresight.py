"""What PostgreSQL shows of trouble that is still to come. For operators: nothing here is asked while serving."""

from __future__ import annotations

import json

from authsvc.records import frozen
from authsvc.store.postgres import Database, record_of


@frozen
class Slot:
    """A replication slot. `held`: bytes of the log that are kept for it, None where PostgreSQL does not tell; `active`:
    somebody reads it."""

    name: str
    active: bool
    held: int | None


@frozen
class Foresight:
    """`transactions`: age of the oldest unfrozen row of this database, in transactions; `sequence`: how much of the
    fullest sequence is used up (0 to 1); `archive_fails`: the last try to archive the log failed; `bytes`: of all our
    tables with their indices, `largest`: the table that takes most, and its bytes; `dead`: the table with most dead
    rows, how many, and how many live ones there are; `overdue`: seconds since the oldest session or revocation was over
    that is still there."""

    transactions: int
    sequence: float
    archive_fails: bool
    bytes: int
    largest: tuple[str, int]
    dead: tuple[str, int, int]
    overdue: float
    slots: tuple[Slot, ...]


_FORESIGHT = """
WITH ours AS (
    SELECT relname, pg_total_relation_size(relid) AS size, n_dead_tup, n_live_tup FROM pg_stat_user_tables
    WHERE schemaname = (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'service_state'::regclass)
)
SELECT (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database())::int AS transactions,
       (SELECT coalesce(max(last_value::float8 / max_value), 0) FROM pg_sequences) AS sequence,
       (SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)
        FROM pg_stat_archiver) AS archive_fails,
       (SELECT coalesce(sum(size), 0)::bigint FROM ours) AS bytes,
       (SELECT json_build_array(relname, size) FROM ours ORDER BY size DESC LIMIT 1)::text AS largest,
       (SELECT json_build_array(relname, n_dead_tup, n_live_tup) FROM ours
        ORDER BY n_dead_tup DESC LIMIT 1)::text AS dead,
       coalesce(extract(epoch FROM now() - least((SELECT min(expires_at) FROM user_sessions),
                                                 (SELECT min(expires_at) FROM revocations))), 0)::float8 AS overdue,
       (SELECT coalesce(json_agg(json_build_array(slot_name, active,
                                                  flushed_lsn() - (restart_lsn - '0/0'::pg_lsn)::bigint)), '[]')
        FROM pg_replication_slots WHERE restart_lsn IS NOT NULL)::text AS slots
"""


async def look_ahead(db: Database) -> Foresight:
    """Raises StoreUnavailable."""
    row = await db.fetchrow(_FORESIGHT)
    slots = tuple(Slot(*slot) for slot in json.loads(row["slots"]))
    return record_of(
        Foresight,
        row,
        largest=tuple(json.loads(row["largest"])),
        dead=tuple(json.loads(row["dead"])),
        slots=slots,
    )
