"""Registered clients, and each worker's memory of them."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Any

from authsvc.oauth.records import Client
from authsvc.store.postgres import Connection, Database

MEMORY_SECONDS = 60.0
"""How long a remembered client serves while PostgreSQL is away."""
MEMORY_CLIENTS = 10_000

_COLUMNS = """id, name, kind, secret_hashes, redirect_uris, grant_types, scopes, audiences, jwks, first_party,
    introspection, required_role, remember_me_allowed, access_token_seconds, session_seconds, remember_me_seconds,
    refresh_grace_seconds"""


def _client(row: Any) -> Client:
    return Client(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        secret_hashes=tuple(row["secret_hashes"]),
        redirect_uris=tuple(row["redirect_uris"]),
        grant_types=frozenset(row["grant_types"]),
        scopes=tuple(row["scopes"]),
        audiences=tuple(row["audiences"]),
        jwks=json.loads(row["jwks"]) if row["jwks"] else None,
        first_party=row["first_party"],
        introspection=row["introspection"],
        required_role=row["required_role"],
        remember_me_allowed=row["remember_me_allowed"],
        access_token_seconds=row["access_token_seconds"],
        session_seconds=row["session_seconds"],
        remember_me_seconds=row["remember_me_seconds"],
        refresh_grace_seconds=row["refresh_grace_seconds"],
    )


async def by_id(db: Database, client_id: str) -> Client | None:
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM clients WHERE id = $1", client_id)  # noqa: S608
    return _client(row) if row else None


async def everyone(db: Database) -> list[Client]:
    return [_client(row) for row in await db.fetch(f"SELECT {_COLUMNS} FROM clients ORDER BY id")]  # noqa: S608


async def add(connection: Connection, client: Client) -> bool:
    """False where the id is taken."""
    status = await connection.execute(
        f"""INSERT INTO clients ({_COLUMNS})
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
            ON CONFLICT (id) DO NOTHING""",  # noqa: S608 - a constant
        client.id, client.name, client.kind, list(client.secret_hashes), list(client.redirect_uris),
        sorted(client.grant_types), list(client.scopes), list(client.audiences),
        json.dumps(client.jwks) if client.jwks else None, client.first_party, client.introspection,
        client.required_role, client.remember_me_allowed, client.access_token_seconds, client.session_seconds,
        client.remember_me_seconds, client.refresh_grace_seconds,
    )  # fmt: skip
    return bool(status.endswith(" 1"))


async def set_secrets(connection: Connection, client_id: str, hashes: list[bytes]) -> bool:
    """Replace the secrets (the newest first, two at most). False: no such confidential client."""
    status = await connection.execute(
        "UPDATE clients SET secret_hashes = $2, updated_at = now() WHERE id = $1 AND kind = 'confidential'",
        client_id,
        hashes,
    )
    return bool(status.endswith(" 1"))


@dataclass(frozen=True, slots=True)
class Removed:
    """What the trigger wrote into `revocations`, for the Redis set. `not_before` in whole seconds since 1970."""

    not_before: int
    keep_seconds: float
    epoch: int


async def remove(connection: Connection, client_id: str) -> Removed | None:
    """Delete a client with its grants; a trigger revokes its tokens. None: no such client."""
    row = await connection.fetchrow(
        """WITH gone AS (DELETE FROM clients WHERE id = $1 RETURNING 1)
           SELECT floor(extract(epoch FROM now() + interval '2 seconds'))::bigint AS not_before,
                  extract(epoch FROM longest_access_token)::float8 AS keep_seconds, revocation_epoch AS epoch
           FROM service_state, gone""",
        client_id,
    )
    return Removed(**row) if row else None


async def lock(connection: Connection, client_id: str) -> Client | None:
    """A client that nobody else changes until the transaction ends."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM clients WHERE id = $1 FOR UPDATE", client_id)  # noqa: S608
    return _client(row) if row else None


class ClientMemory:
    """Clients as this worker last saw them, so that authenticating one costs no round trip.

    `confirm(version)` is called with `service_state.clients_version` by the worker's sync: entries of another version
    are read again. When PostgreSQL is away, entries serve for MEMORY_SECONDS after the last confirmation.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._version = 0
        self._confirmed_at = float("-inf")
        self._entries: OrderedDict[str, tuple[int, Client]] = OrderedDict()

    def confirm(self, version: int, at: float) -> None:
        """`at` is the monotonic time before the version was asked for."""
        self._version = version
        self._confirmed_at = at

    async def get(self, client_id: str) -> Client | None:
        """The client, or None where there is none. Raises StoreUnavailable when neither memory nor store can tell."""
        entry = self._entries.get(client_id)
        if entry and entry[0] == self._version and monotonic() - self._confirmed_at <= MEMORY_SECONDS:
            return entry[1]
        version = self._version
        client = await by_id(self._db, client_id) if len(client_id) <= 128 else None
        if client is None:
            self._entries.pop(client_id, None)
            return None
        self._entries[client_id] = (version, client)
        self._entries.move_to_end(client_id)
        if len(self._entries) > MEMORY_CLIENTS:
            self._entries.popitem(last=False)
        return client
