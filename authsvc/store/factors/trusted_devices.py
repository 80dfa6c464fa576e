"""Devices that people trust. Rows are locked in one order: the person, the device, the session. A trigger of `users`
deletes them with whatever makes all of them void (migration 0028)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc.store.postgres import Connection, Database, record_of


@frozen
class NewTrust:
    """A device to trust. `days`: so long; the generations: of the person who trusts it, as they were read."""

    id: UUID
    user_id: UUID
    digest: Digest = field(repr=False)
    device_info: str
    days: int
    device_generation: int
    factor_generation: int


@frozen
class TrustedDevice:
    id: UUID
    device_info: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime


@frozen
class Found:
    """A device that is trusted `since`. `now`: PostgreSQL's time of this reading."""

    id: UUID
    since: datetime
    expires_at: datetime
    now: datetime


async def add(connection: Connection, new: NewTrust, *, most: int) -> bool:
    """Trust a device; with more than `most` the one that was used longest ago goes. False: since the person was read
    something happened that makes every device a stranger's."""
    sql = """WITH person AS (
                 SELECT id FROM users WHERE id = $2 AND disabled_at IS NULL AND device_generation = $6
                 AND factor_generation = $7 FOR NO KEY UPDATE
             )
             INSERT INTO trusted_devices (id, user_id, digest, device_info, expires_at)
             SELECT $1, id, $3, $4, now() + $5::int * interval '1 day' FROM person"""
    asked = (new.id, new.user_id, new.digest, new.device_info, new.days)
    if await connection.execute(sql, *asked, new.device_generation, new.factor_generation) != "INSERT 0 1":
        return False
    sql = """DELETE FROM trusted_devices WHERE id IN (
                 SELECT id FROM trusted_devices WHERE user_id = $1
                 ORDER BY coalesce(last_used_at, created_at) DESC, id OFFSET $2)"""
    await connection.execute(sql, new.user_id, most)
    return True


async def forget(connection: Connection, user_id: UUID, digest: Digest) -> None:
    """Delete the device of a cookie, if it is one of this person."""
    await connection.execute("DELETE FROM trusted_devices WHERE user_id = $1 AND digest = $2", user_id, digest)


async def find(db: Database, user_id: UUID, digest: Digest) -> Found | None:
    """The device of a cookie that this person trusts."""
    sql = """SELECT id, created_at AS since, expires_at, now() AS now FROM trusted_devices
             WHERE digest = $2 AND user_id = $1"""
    row = await db.fetchrow(sql, user_id, digest)
    return record_of(Found, row) if row else None


async def use(connection: Connection, user_id: UUID, device_id: UUID) -> bool:
    """Note a use; until the transaction ends the device stays trusted. False: it is trusted no more."""
    sql = """WITH person AS (
                 SELECT id FROM users WHERE id = $1 AND disabled_at IS NULL FOR SHARE
             )
             UPDATE trusted_devices t SET last_used_at = now()
             FROM person WHERE t.id = $2 AND t.user_id = person.id AND t.expires_at > now()"""
    return bool(await connection.execute(sql, user_id, device_id) == "UPDATE 1")


async def of_person(db: Database | Connection, user_id: UUID) -> Sequence[TrustedDevice]:
    """Those that are trusted now, the most recently used first."""
    sql = """SELECT id, device_info, created_at, last_used_at, expires_at FROM trusted_devices
             WHERE user_id = $1 AND expires_at > now() ORDER BY coalesce(last_used_at, created_at) DESC, id"""
    return [record_of(TrustedDevice, row) for row in await db.fetch(sql, user_id)]


async def remove(connection: Connection, user_id: UUID, device_id: UUID) -> str | None:
    """Trust a device no more. What it is called; None: the person has no such one."""
    sql = "DELETE FROM trusted_devices WHERE user_id = $1 AND id = $2 RETURNING device_info"
    name: str | None = await connection.fetchval(sql, user_id, device_id)
    return name
