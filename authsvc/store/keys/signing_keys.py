"""Rows of `signing_keys`. What they mean is `keys/phases.py`'s to say."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from authsvc.keys.records import SigningKey
from authsvc.store.postgres import Connection, Database

_COLUMNS = "kid, alg, public_jwk, sealed, announced_at, signs_from, signs_until, drop_after, withdrawn_at"


def _key(row: Any) -> SigningKey:
    return SigningKey(**{**row, "public_jwk": json.loads(row["public_jwk"])})


async def everything(source: Database | Connection) -> list[SigningKey]:
    """All keys, the newest first."""
    return [_key(row) for row in await source.fetch(f"SELECT {_COLUMNS} FROM signing_keys ORDER BY signs_from DESC")]  # noqa: S608


_LOCK = "hashtextextended('authsvc:keys', 0)"


async def lock(connection: Connection) -> datetime:
    """One change of keys at a time, over all replicas, until the transaction ends. Returns PostgreSQL's time."""
    await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now


async def try_lock(connection: Connection) -> datetime | None:
    """As `lock`, without waiting: None where somebody else changes keys."""
    if not await connection.fetchval(f"SELECT pg_try_advisory_xact_lock({_LOCK})"):
        return None
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now


async def save(connection: Connection, key: SigningKey) -> None:
    """Insert a key, or change the times of a known one; its material never changes (its seal: `replace_seal`)."""
    await connection.execute(
        f"""INSERT INTO signing_keys ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (kid) DO UPDATE SET signs_from = excluded.signs_from, signs_until = excluded.signs_until,
                drop_after = excluded.drop_after, withdrawn_at = excluded.withdrawn_at""",  # noqa: S608 - a constant
        key.kid,
        key.alg,
        json.dumps(key.public_jwk),
        key.sealed,
        key.announced_at,
        key.signs_from,
        key.signs_until,
        key.drop_after,
        key.withdrawn_at,
    )


async def replace_seal(connection: Connection, kid: str, sealed: bytes) -> None:
    """The same private key under another master key."""
    await connection.execute("UPDATE signing_keys SET sealed = $2 WHERE kid = $1", kid, sealed)


async def note_withdrawal(connection: Connection, kid: str) -> None:
    """Tell every verifier that listens: nothing that this key signed is to be believed."""
    await connection.execute("SELECT revoke('key', $1, 'key_withdrawn')", kid)
