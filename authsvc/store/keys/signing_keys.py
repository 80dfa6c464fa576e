"""Rows of `signing_keys`. What they mean is `keys/phases.py`'s to say."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from typing import Any

from authsvc.keys.records import SigningKey
from authsvc.store.postgres import Connection, Database

_NAMES = tuple(item.name for item in fields(SigningKey))
_COLUMNS = ", ".join(_NAMES)


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
    sql = f"SELECT clock_timestamp() WHERE pg_try_advisory_xact_lock({_LOCK})"
    now: datetime | None = await connection.fetchval(sql)
    return now


async def save(connection: Connection, key: SigningKey) -> None:
    """Insert a key, or change the times of a known one; its material never changes (its seal: `replace_seal`)."""
    sql = f"""INSERT INTO signing_keys ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
              ON CONFLICT (kid) DO UPDATE SET signs_from = excluded.signs_from, signs_until = excluded.signs_until,
                  drop_after = excluded.drop_after, withdrawn_at = excluded.withdrawn_at"""  # noqa: S608 - a constant
    values = {name: getattr(key, name) for name in _NAMES} | {"public_jwk": json.dumps(key.public_jwk)}
    await connection.execute(sql, *values.values())


async def replace_seal(connection: Connection, kid: str, sealed: bytes) -> None:
    """The same private key under another master key."""
    await connection.execute("UPDATE signing_keys SET sealed = $2 WHERE kid = $1", kid, sealed)


async def note_withdrawal(connection: Connection, kid: str) -> None:
    """Tell every verifier that listens: nothing that this key signed is to be believed."""
    await connection.execute("SELECT revoke('key', $1, 'key_withdrawn')", kid)
