"""Clients that nobody registered, and when the document of each was last read well. Their rows in `clients` are kept by
`store/caller/clients`."""

from __future__ import annotations

from authsvc.store.postgres import Connection, Database

_SEEN = """INSERT INTO stranger_clients (client_id) VALUES ($1)
           ON CONFLICT (client_id) DO UPDATE SET read_at = now()"""


async def note_read(target: Database | Connection, client_id: str) -> None:
    """The document was read just now; the client has a row."""
    await target.execute(_SEEN, client_id)


async def read_within(db: Database, client_id: str, seconds: int) -> bool:
    """Whether the client has a row, and its document was read well within so many seconds."""
    sql = """SELECT true FROM stranger_clients
             WHERE client_id = $1 AND read_at > now() - $2::int * interval '1 second'"""
    return bool(await db.fetchval(sql, client_id, seconds))
