"""Registered clients, and each worker's memory of them."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

from authsvc.clock import monotonic
from authsvc.records import frozen
from authsvc.rules.client_record import MAX_DOCUMENT_URL, Client, flat_of, from_flat, in_profile
from authsvc.store.postgres import Connection, Database

MEMORY_SECONDS = 60.0
"""How long a remembered client serves while PostgreSQL is away."""
MEMORY_CLIENTS = 10_000
GRANTS_AT_ONCE = 2000

_NAMES = tuple(flat_of(Client(id="", name="", kind="")))
_COLUMNS = ", ".join(_NAMES)
_PLACES = ", ".join(f"${place}" for place in range(1, len(_NAMES) + 1))


def _client(row: Any) -> Client:
    """Arrays become tuples, and `grant_types` a set."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    values["jwks"] = json.loads(row["jwks"]) if row["jwks"] else None
    return from_flat(values | {"grant_types": frozenset(row["grant_types"])})


def _values(client: Client) -> list[Any]:
    """What `_PLACES` stands for."""
    jwks = client.authentication.jwks
    told = {"jwks": json.dumps(jwks) if jwks else None, "grant_types": sorted(client.grant_types)}
    return list((flat_of(client) | told).values())


async def by_id(db: Database, client_id: str) -> Client | None:
    """One client; None: there is none of this id."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM clients WHERE id = $1", client_id)  # noqa: S608
    return _client(row) if row else None


async def everyone(db: Database) -> list[Client]:
    """All clients."""
    return [_client(row) for row in await db.fetch(f"SELECT {_COLUMNS} FROM clients ORDER BY id")]  # noqa: S608


async def operators_names(db: Database) -> list[str]:
    """Names of the clients that did not register themselves."""
    return [row["name"] for row in await db.fetch("SELECT name FROM clients WHERE registration_hash IS NULL")]


async def longest_token(db: Database) -> int:
    """Seconds of the longest life that a client gives its access or ID tokens; 0: none says."""
    sql = "SELECT coalesce(max(greatest(access_token_seconds, id_token_seconds)), 0) FROM clients"
    seconds: int = await db.fetchval(sql)
    return seconds


async def add(connection: Connection, client: Client) -> bool:
    """Insert a client. False where the id is taken."""
    sql = f"INSERT INTO clients ({_COLUMNS}) VALUES ({_PLACES}) ON CONFLICT (id) DO NOTHING"  # noqa: S608 - constants
    status = await connection.execute(sql, *_values(client))
    return bool(status.endswith(" 1"))


async def replace(connection: Connection, client: Client) -> bool:
    """Write every column of a client anew. False: no such client."""
    sql = f"UPDATE clients SET ({_COLUMNS}) = ROW ({_PLACES}), updated_at = now() WHERE id = $1"  # noqa: S608 - constants
    status = await connection.execute(sql, *_values(client))
    return bool(status.endswith(" 1"))


@frozen
class Removed:
    """What the trigger wrote into `revocations`, for the Redis set. `not_before` in whole seconds since 1970."""

    not_before: int
    keep_seconds: float
    epoch: int


async def remove_grants(db: Database, client_id: str) -> bool:
    """Delete some grants of a client that will be removed. False: there are no others."""
    sql = "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE client_id = $1 LIMIT $2)"
    return await db.execute(sql, client_id, GRANTS_AT_ONCE) == f"DELETE {GRANTS_AT_ONCE}"


async def remove(connection: Connection, client_id: str) -> Removed | None:
    """Delete a client with its grants; a trigger revokes its tokens. None: no such client."""
    sql = """WITH gone AS (DELETE FROM clients WHERE id = $1 RETURNING 1)
             SELECT extract(epoch FROM longest_access_token)::float8 AS keep_seconds, revocation_epoch AS epoch
             FROM service_state, gone"""
    row = await connection.fetchrow(sql, client_id)
    written = """SELECT floor(extract(epoch FROM max(not_before)))::bigint FROM revocations
                 WHERE kind = 'client' AND subject = $1"""
    return Removed(await connection.fetchval(written, client_id), **row) if row else None


async def lock(connection: Connection, client_id: str) -> Client | None:
    """Read a client and lock its row. A client that nobody else changes until the transaction ends."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM clients WHERE id = $1 FOR UPDATE", client_id)  # noqa: S608
    return _client(row) if row else None


@frozen
class Pages:
    """Where pages of clients are: their redirect URIs, and origins that no redirect URI names. `registering`: origins
    of pages that may register clients."""

    redirect_uris: frozenset[str]
    origins: frozenset[str]
    registering: frozenset[str]


class ClientMemory:
    """Clients as this worker last saw them, so that authenticating one costs no round trip; with all that `profile`,
    the service's, or their own turns on.

    `confirm` is called with `service_state.clients_version` and the epoch by the worker's sync: entries of another
    version or epoch are read again. A restored database counts its versions anew and may come by a number that was
    seen; its epoch is another. When PostgreSQL is away, entries serve for MEMORY_SECONDS after the last confirmation.
    """

    def __init__(self, db: Database, profile: str = "none") -> None:
        self._db = db
        self._profile = profile
        self._confirmed = (0, "")
        self._confirmed_at = float("-inf")
        self._entries: OrderedDict[str, tuple[tuple[int, str], Client]] = OrderedDict()
        self._pages: tuple[tuple[int, str], Pages] | None = None

    @property
    def version(self) -> int:
        """`service_state.clients_version` as it was last heard."""
        return self._confirmed[0]

    def confirm(self, version: int, epoch: str, at: float) -> None:
        """`at` is the monotonic time before both were asked for."""
        self._confirmed = version, epoch
        self._confirmed_at = at

    def remembered(self, client_id: str) -> Client | None:
        """The client, where memory can tell."""
        entry = self._entries.get(client_id)
        if entry and entry[0] == self._confirmed and monotonic() - self._confirmed_at <= MEMORY_SECONDS:
            return entry[1]
        return None

    def has_seen(self, client_id: str) -> bool:
        """Whether there was such a client when it was last asked for, whatever has become of it."""
        return client_id in self._entries

    async def get(self, client_id: str) -> Client | None:
        """The client, or None where there is none. Raises StoreUnavailable when neither memory nor store can tell."""
        if known := self.remembered(client_id):
            return known
        confirmed = self._confirmed
        client = await by_id(self._db, client_id) if len(client_id) <= MAX_DOCUMENT_URL else None
        if client is None:
            self._entries.pop(client_id, None)
            return None
        client = in_profile(client, self._profile)
        self._entries[client_id] = (confirmed, client)
        self._entries.move_to_end(client_id)
        if len(self._entries) > MEMORY_CLIENTS:
            self._entries.popitem(last=False)
        return client

    async def pages(self) -> Pages:
        """Of all clients. Raises StoreUnavailable as `get` does."""
        known, confirmed = self._pages, self._confirmed
        if known and known[0] == confirmed and monotonic() - self._confirmed_at <= MEMORY_SECONDS:
            return known[1]
        rows = await self._db.fetch(
            """SELECT 'redirect' AS kind, unnest(redirect_uris) AS address FROM clients
               UNION SELECT 'origin', unnest(origins) FROM clients
               UNION SELECT 'registering', unnest(origins) FROM registration_tokens"""
        )
        kinds = ("redirect", "origin", "registering")
        pages = Pages(*(frozenset(row["address"] for row in rows if row["kind"] == kind) for kind in kinds))
        self._pages = (confirmed, pages)
        return pages
