"""What is on record about a person's own account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from authsvc.rules.people.recorded_event import Recorded
from authsvc.store.postgres import Database, record_of

# By the index on user_id. Device and address are those that the event tells, else those of its session, as long as it
# is kept. Names of clients that were removed are gone.
_SHOWN = """
SELECT e.id, e.at, e.event, e.actor = 'user:' || e.user_id AS by_owner, e.session_id,
       coalesce(e.detail->>'device', s.device_info, '') AS device,
       coalesce(e.detail->>'address', host(s.ip_address), '') AS address,
       ARRAY(SELECT c.name FROM clients c
             WHERE c.id = ANY (e.client_id || ARRAY(SELECT jsonb_array_elements_text(e.detail->'ended')))
             ORDER BY lower(c.name), c.id) AS apps
FROM audit_events e LEFT JOIN user_sessions s ON s.id = e.session_id AND s.user_id = e.user_id
WHERE e.user_id = $1
"""
_RECORDED = f"""{_SHOWN} AND e.event = ANY ($2)
AND ($3::bigint = 0 OR (e.at, e.id) < (SELECT at, id FROM audit_events WHERE id = $3 AND user_id = $1))
ORDER BY e.at DESC, e.id DESC LIMIT $4
"""  # noqa: S608
_NEWEST = f"""{_SHOWN} AND e.id IN (
    (SELECT id FROM audit_events WHERE user_id = $1 AND event = ANY ($2) ORDER BY at DESC, id DESC LIMIT $3)
    UNION ALL
    (SELECT id FROM audit_events WHERE user_id = $1 AND event = ANY ($4) AND at > now() - $5::interval
     ORDER BY at DESC, id DESC LIMIT $6))
ORDER BY e.at DESC, e.id DESC
"""  # noqa: S608


async def recorded(
    db: Database, user_id: UUID, events: Sequence[str], *, limit: int, before: int = 0
) -> list[Recorded]:
    """Events of these names about a person, the newest first. `before`: the id of one of theirs, 0 for none."""
    rows = await db.fetch(_RECORDED, user_id, list(events), before, limit)
    return [record_of(Recorded, row) for row in rows]


async def newest(
    db: Database,
    user_id: UUID,
    events: Sequence[str],
    *,
    limit: int,
    also: Sequence[str],
    also_limit: int,
    within: timedelta,
) -> list[Recorded]:
    """The newest events of these names, and behind them those of the names in `also` that are no older than `within`,
    which may be among the first; all the newest first."""
    rows = await db.fetch(_NEWEST, user_id, list(events), limit, list(also), within, also_limit)
    return [record_of(Recorded, row) for row in rows]
