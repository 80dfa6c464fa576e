"""The mails that wait. A row is the promise that a mail is sent: it is written with what the mail tells, is held by one
worker for as long as an attempt lasts, and loses its words in the statement that says what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any
from uuid import UUID

from authsvc.records import frozen
from authsvc.store.postgres import Connection, Database

LEASE_SECONDS = 60
"""What a worker claimed and holds no more, because it died, is due again after that."""
MOST_A_DAY = 20
"""Mails of one template to a person that each tell of something else."""
_WAITING = "sent_at IS NULL AND given_up_at IS NULL"


@frozen
class QueuedMail:
    """A mail to be sent. `sealed`: what it says. `holds_secret`: it gives something to whoever reads it. `about`: what
    is not told again on the same day; None: it is always told."""

    id: UUID
    template: str
    recipient: str
    language: str
    user_id: UUID | None
    sealed: str = field(repr=False)
    holds_secret: bool
    lifetime_seconds: int
    about: bytes | None = None


@frozen
class DueMail:
    """A mail that this worker holds. `attempts` counts this one, and is the proof that the row is still ours;
    `refusals`: how often it failed before because of itself."""

    id: UUID
    template: str
    recipient: str
    language: str
    user_id: UUID | None
    sealed: str = field(repr=False)
    attempts: int
    refusals: int
    created_at: datetime


@frozen
class GivenUp:
    """A mail that will not be sent."""

    id: UUID
    template: str
    user_id: UUID | None
    attempts: int
    reason: str
    status: int | None


@frozen
class Waiting:
    """How many mails wait, and since when the oldest of them does (seconds)."""

    count: int
    oldest_seconds: float


async def queue(connection: Connection | Database, mail: QueuedMail) -> None:
    """Promise a mail, in the caller's transaction. What was told about the same within a day is not told again."""
    sql = """INSERT INTO mails (id, template, recipient, language, user_id, sealed, holds_secret, expires_at, about)
             SELECT $1, $2, $3, $4, $5, $6, $7, now() + $8::int * interval '1 second', $9
             WHERE $9::bytea IS NULL OR NOT EXISTS (
                 SELECT FROM mails WHERE user_id = $5 AND about = $9 AND created_at > now() - interval '1 day')"""
    await connection.execute(
        sql,
        mail.id,
        mail.template,
        mail.recipient,
        mail.language,
        mail.user_id,
        mail.sealed,
        mail.holds_secret,
        mail.lifetime_seconds,
        mail.about,
    )


async def was_told(connection: Connection, user_id: UUID, template: str, about: bytes) -> bool:
    """Whether a person was told about this within a day, or about so many others that they have been told enough: who
    knows a password cannot bury one mail under thousands."""
    sql = """SELECT coalesce(bool_or(about = $3), false) OR count(*) >= $4 FROM mails
             WHERE user_id = $1 AND template = $2 AND about IS NOT NULL AND created_at > now() - interval '1 day'"""
    told: bool = await connection.fetchval(sql, user_id, template, about, MOST_A_DAY)
    return told


async def claim(db: Database, limit: int) -> list[DueMail]:
    """Take what is due and hold it for LEASE_SECONDS; replicas skip what another one takes."""
    sql = f"""WITH due AS MATERIALIZED (
                  SELECT id FROM mails WHERE next_at <= now() AND expires_at > now() AND {_WAITING}
                  ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED)
              UPDATE mails SET attempts = attempts + 1, next_at = now() + $1::int * interval '1 second',
                               reason = NULL, status = NULL
              FROM due WHERE mails.id = due.id
              RETURNING mails.id, template, recipient, language, user_id, sealed, attempts, refusals,
                        created_at"""  # noqa: S608 - a constant
    return [DueMail(**row) for row in await db.fetch(sql, LEASE_SECONDS, limit)]


async def hold(db: Database, held: Mapping[UUID, int]) -> None:
    """Go on holding these mails (id -> attempts), each where it is still ours."""
    sql = f"""UPDATE mails SET next_at = now() + $1::int * interval '1 second'
              FROM unnest($2::uuid[], $3::int[]) AS mine (id, attempts)
              WHERE mails.id = mine.id AND mails.attempts = mine.attempts AND {_WAITING}"""  # noqa: S608
    await db.execute(sql, LEASE_SECONDS, list(held), list(held.values()))


async def sent(target: Database | Connection, mail: DueMail) -> bool:
    """It was sent: its words go. False: another worker has it, or it is gone."""
    sql = f"""UPDATE mails SET sent_at = now(), sealed = NULL, reason = NULL, status = NULL
              WHERE id = $1 AND attempts = $2 AND {_WAITING} RETURNING id"""  # noqa: S608
    return await target.fetchrow(sql, mail.id, mail.attempts) is not None


async def later(
    target: Database | Connection,
    mail: DueMail,
    pause_seconds: float,
    *,
    reason: str,
    status: int | None,
    refused: bool,
) -> None:
    """Put a mail back, to be tried again after a pause. `refused`: it failed because of itself."""
    sql = f"""UPDATE mails SET next_at = now() + $3::float8 * interval '1 second', reason = $4, status = $5,
                               refusals = refusals + $6::boolean::int
              WHERE id = $1 AND attempts = $2 AND {_WAITING}"""  # noqa: S608
    await target.execute(sql, mail.id, mail.attempts, pause_seconds, reason, status, refused)


async def give_up(target: Database | Connection, mail: DueMail, *, reason: str, status: int | None) -> bool:
    """It will not be sent: a link or a code in it goes. False: another worker has it, or it is gone."""
    sql = f"""UPDATE mails SET given_up_at = now(), reason = $3, status = $4,
                               sealed = CASE WHEN holds_secret THEN NULL ELSE sealed END
              WHERE id = $1 AND attempts = $2 AND {_WAITING} RETURNING id"""  # noqa: S608
    return await target.fetchrow(sql, mail.id, mail.attempts, reason, status) is not None


async def give_up_expired(target: Database | Connection, limit: int) -> list[GivenUp]:
    """Give up what has waited for as long as it is good, and is under way nowhere."""
    sql = f"""WITH over AS MATERIALIZED (
                  SELECT id FROM mails WHERE expires_at <= now() AND next_at <= now() AND {_WAITING}
                  LIMIT $1 FOR UPDATE SKIP LOCKED)
              UPDATE mails SET given_up_at = now(), reason = coalesce(reason, 'expired'),
                               sealed = CASE WHEN holds_secret THEN NULL ELSE sealed END
              FROM over WHERE mails.id = over.id
              RETURNING mails.id, template, user_id, attempts, reason, status"""  # noqa: S608
    return [GivenUp(**row) for row in await target.fetch(sql, limit)]


async def waiting(db: Database) -> Waiting:
    """How long the queue is, and how old."""
    sql = f"""SELECT count(*) AS count,
                     coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest_seconds
              FROM mails WHERE {_WAITING}"""  # noqa: S608
    return Waiting(**await db.fetchrow(sql))


async def last_end(connection: Connection, *, queued_before: datetime) -> datetime | None:
    """When the last of the mails that wait since before then will be over, and with it the need for the key that sealed
    it."""
    sql = f"SELECT max(expires_at) FROM mails WHERE created_at < $1 AND {_WAITING}"  # noqa: S608
    end: datetime | None = await connection.fetchval(sql, queued_before)
    return end


async def recent(db: Database, *, everything: bool, limit: int) -> Sequence[Any]:
    """For the operator's list: what waits or was given up; with `everything` also what was sent. Never its words."""
    sql = f"""SELECT id, template, recipient, language, user_id, attempts, created_at, next_at, expires_at, sent_at,
                     given_up_at, reason, status, sealed IS NOT NULL AS has_words
              FROM mails WHERE $1 OR sent_at IS NULL
              ORDER BY ({_WAITING}) DESC, created_at DESC LIMIT $2"""  # noqa: S608
    return await db.fetch(sql, everything, limit)


async def retry(connection: Connection, mail_id: UUID | None) -> int:
    """Make a mail due now, or all that wait (None); also one that was given up and still has its words. What is under
    way (an attempt without a reason yet) is left alone. How many."""
    sql = """UPDATE mails SET next_at = now(), refusals = 0, given_up_at = NULL,
                              expires_at = CASE WHEN given_up_at IS NULL THEN expires_at
                                                ELSE greatest(expires_at, now() + interval '1 day') END
             WHERE sent_at IS NULL AND sealed IS NOT NULL
             AND (id = $1 OR ($1::uuid IS NULL AND given_up_at IS NULL))
             AND (given_up_at IS NOT NULL OR attempts = 0 OR reason IS NOT NULL)"""
    status: str = await connection.execute(sql, mail_id)
    return int(status.rpartition(" ")[2])
