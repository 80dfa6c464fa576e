"""What PostgreSQL says of how far it has come, and the operator's decision about one that went backwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from authsvc.records import frozen
from authsvc.rules.restore.position import Position
from authsvc.store.postgres import Connection, Database, record_of
from authsvc.store.revocation.revocations import Revocation

BATCH = 2000
"""Revocations healed in one statement."""


@frozen
class Life:
    """`adopted`: a replica was content with this database before; `suspected_of`: how far it had been seen when it was
    found to have gone backwards, and nobody has decided since."""

    position: Position
    adopted: bool
    suspected_of: Position | None


def written(position: Position) -> str:
    """A position as text, for Redis, a file, and the database."""
    return json.dumps(asdict(position), sort_keys=True)


def parse(text: str | None) -> Position | None:
    """None: there is none that can be read."""
    try:
        value = json.loads(text or "null")
        return Position(**value) if value else None
    except (ValueError, TypeError):
        return None


async def read(db: Database | Connection) -> Life:
    """Raises StoreUnavailable."""
    return life_of(await db.fetchval("SELECT to_json(p)::text FROM database_position() p"))


def life_of(text: str) -> Life:
    """From a row of database_position() as JSON (`State.life`)."""
    row = json.loads(text)
    position = record_of(Position, row)
    # Suspected by who knew no more than that it is: of having been where it is now.
    return Life(position, row["adopted"], row["suspected_of"] and (parse(row["suspected_of"]) or position))


async def beat(db: Database, seconds: float) -> None:
    """A replica is content, and says so where nobody did for so many seconds, or never of this database."""
    sql = """UPDATE database_life l SET beat = greatest(l.beat, clock_timestamp()), database = here.database,
                    resumed = CASE WHEN l.database = here.database THEN l.resumed ELSE l.beat END
             FROM (SELECT feed_database() AS database OFFSET 0) AS here
             WHERE l.suspected_at IS NULL
             AND (l.database <> here.database OR l.beat < clock_timestamp() - $1::float8 * interval '1 second')"""
    await db.execute(sql, seconds)


async def suspect(db: Database, seen: Position) -> None:
    """Tell every replica that this database went backwards. The first who does is heard."""
    sql = """UPDATE database_life SET suspected_at = clock_timestamp(), suspected_of = $1::jsonb
             WHERE suspected_at IS NULL"""
    await db.execute(sql, written(seen))


async def heal(db: Database | Connection, rows: Sequence[Revocation]) -> int:
    """Write down, and carry out, what Redis says was revoked and this database does not know; how many."""
    healed = 0
    for start in range(0, len(rows), BATCH):
        entries = [
            {"kind": row.kind, "subject": row.subject, "not_before": row.not_before, "keep": row.keep_seconds}
            for row in rows[start : start + BATCH]
        ]
        healed += await db.fetchval("SELECT heal_revocations($1::jsonb)", json.dumps(entries))
    return healed


_END_BATCH = """
WITH living AS (
    SELECT id FROM user_sessions WHERE is_active AND expires_at > now() ORDER BY id LIMIT $1 FOR NO KEY UPDATE
)
SELECT cardinality(end_sessions(ARRAY(SELECT id FROM living), 'restored'))
"""


async def end_some_sessions(db: Database, count: int) -> int:
    """End so many live sessions, whosesoever; how many there were."""
    ended: int = await db.fetchval(_END_BATCH, count)
    return ended


async def forget_what_was_handed_out(connection: Connection) -> None:
    """Letters, proofs and trusted devices of the backup: which of them were used or ended since, nobody knows. Proofs
    stay that only take power away."""
    await connection.execute("DELETE FROM mailed_proofs WHERE purpose NOT IN ('undo_address', 'not_me')")
    await connection.execute("DELETE FROM trusted_devices")
    await connection.execute("DELETE FROM mails WHERE sent_at IS NULL AND given_up_at IS NULL")


async def decide(connection: Connection) -> None:
    """The database is good as it is now, whatever was seen before: who remembers more forgets it. What replicas and
    verifiers have learned of it is foreign: numbers of the feed and status lists begin anew, all is read anew."""
    await connection.execute(
        """UPDATE database_life SET beat = clock_timestamp(), resumed = clock_timestamp(), database = feed_database(),
                  fence = greatest(fence + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
                  suspected_at = NULL, suspected_of = NULL"""
    )
    await connection.execute(
        """UPDATE feed_state SET newest = n.number, floor = n.number
           FROM (SELECT greatest(newest + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS number
                 FROM feed_state) AS n"""
    )
    await connection.execute(
        """UPDATE status_slices s SET database = s.database || '.before.' || l.fence FROM database_life l
           WHERE s.database = feed_database()"""
    )
    await connection.execute(
        """UPDATE service_state SET revocation_epoch = revocation_epoch + 1, keys_version = keys_version + 1,
                  clients_version = clients_version + 1"""
    )
