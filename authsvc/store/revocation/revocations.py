"""Revocations as PostgreSQL knows them, and the state row that every worker polls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from authsvc.records import frozen
from authsvc.rules.revocation.token_entries import MOST_TOKEN_ENTRIES
from authsvc.store.postgres import Database, record_of


@frozen
class Revocation:
    """`subject` by kind: sid | jti | "sid:client id" | user id | client id | kid.

    `not_before` is whole seconds since 1970: for the kinds grant, user and client, tokens issued at or before it are
    void; for session and token it does not matter. `keep_seconds`: how long a token that it voids may still live.
    """

    kind: str
    subject: str
    not_before: int
    keep_seconds: float


@frozen
class Source:
    """A token that another was made from (RFC 8693). `issued_at`: seconds since 1970."""

    jti: str
    client_id: str
    issued_at: int


@frozen
class Bearer:
    """What a token says of itself, as far as revocations may name it: it is void with any of its `sources`. `sid`: as
    it calls its session."""

    jti: str
    client_id: str
    issued_at: int
    sid: str | None
    user_id: str | None
    sources: tuple[Source, ...] = ()


@frozen
class State:
    """One reading of `service_state`, in one snapshot with `rows`.

    `epoch` names this database, its timeline and its revocation epoch: content of Redis under any other is foreign.
    `mark`: every revocation with a transaction id below it is committed and visible; `rows` are those from the asked
    mark on, in the order of their sequence. `life`: how far the database has come, as `store/restore/life` reads it.
    """

    now: datetime
    epoch: str
    epoch_number: int
    keys_version: int
    clients_version: int
    mark: int
    life: str
    rows: tuple[Revocation, ...]


_STATE = """
SELECT clock_timestamp() AS now, revocation_epoch AS epoch_number, keys_version, clients_version,
       pg_is_in_recovery() AS standby,
       instance::text || '.' || feed_database() || '.' || revocation_epoch AS epoch,
       pg_snapshot_xmin(pg_current_snapshot())::text AS mark,
       (SELECT to_json(p) FROM database_position() p)::text AS life,
       (SELECT coalesce(json_agg(json_build_array(kind, subject, floor(extract(epoch FROM not_before))::bigint,
                                                  extract(epoch FROM expires_at - now())) ORDER BY sequence), '[]')
        FROM revocations WHERE xid >= $1::text::xid8 AND expires_at > now())::text AS rows
FROM service_state
"""
_NOTHING = str(2**64 - 1)


async def read_state(db: Database, since_mark: int | None) -> State:
    """What changed. `since_mark` None: no rows; 0: all that is still of consequence. Raises StoreUnavailable, for a
    standby too: behind a pooler the server may change under a connection, and a standby may lack revocations."""
    row = await db.fetchrow(_STATE, _NOTHING if since_mark is None else str(since_mark))
    if row["standby"]:
        raise db.leave_standby()
    rows = tuple(Revocation(*item) for item in json.loads(row["rows"]))
    return record_of(State, row, mark=int(row["mark"]), rows=rows)


async def next_epoch(db: Database) -> int:
    """Declare whatever is in Redis foreign, on every replica that hears of it. Returns the new number."""
    number: int = await db.fetchval(
        "UPDATE service_state SET revocation_epoch = revocation_epoch + 1 RETURNING revocation_epoch"
    )
    return number


async def current_epoch(db: Database) -> int:
    """The revocation epoch that is in force."""
    number: int = await db.fetchval("SELECT revocation_epoch FROM service_state")
    return number


async def is_revoked(db: Database, token: Bearer) -> bool:
    """Whether PostgreSQL holds a revocation that voids this token, or one it was made from."""
    kinds, subjects, times = zip(*keys_of(token), strict=True)
    sql = """SELECT EXISTS (
                 SELECT FROM unnest($1::text[], $2::text[], $3::bigint[]) AS named (kind, subject, issued_at)
                 JOIN revocations r ON r.kind = named.kind AND r.subject = named.subject
                 WHERE r.expires_at > now()
                 AND (named.issued_at IS NULL OR r.not_before >= to_timestamp(named.issued_at)))"""
    found: bool = await db.fetchval(sql, kinds, subjects, times)
    return found


# not_before of an entry `grant` is never before the token that it shall void, whichever clock gave that its time.
_REVOKE_TOKEN = f"""
WITH known AS (
    SELECT kind, subject, not_before, expires_at FROM revocations
    WHERE expires_at > now() AND ((kind = 'token' AND subject = $1)
                                  OR (kind = 'grant' AND subject = $3 AND not_before >= to_timestamp($4::bigint)))
    LIMIT 1
), own AS (
    SELECT count(*) = {MOST_TOKEN_ENTRIES} AS many FROM (
        SELECT FROM revocations WHERE holder = $3 AND expires_at > now() LIMIT {MOST_TOKEN_ENTRIES}) AS living
), told AS (
    INSERT INTO revocations (kind, subject, holder, not_before, expires_at, reason)
    SELECT CASE WHEN own.many THEN 'grant' ELSE 'token' END,
           CASE WHEN own.many THEN $3 ELSE $1 END,
           CASE WHEN own.many THEN NULL ELSE $3 END,
           CASE WHEN own.many THEN greatest(now(), to_timestamp($4::bigint)) ELSE now() END,
           now() + CASE WHEN own.many THEN s.longest_access_token ELSE $2::float8 * interval '1 second' END,
           'revoked'
    FROM own, service_state s WHERE NOT EXISTS (SELECT FROM known)
    RETURNING kind, subject, not_before, expires_at
)
SELECT entry.kind, entry.subject, floor(extract(epoch FROM entry.not_before))::bigint AS not_before,
       extract(epoch FROM entry.expires_at - now())::float8 AS keep_seconds, s.revocation_epoch AS epoch
FROM service_state s, (SELECT * FROM known UNION ALL SELECT * FROM told) AS entry
"""  # noqa: S608 - a constant


async def revoke_token(db: Database, token: Bearer, keep_seconds: float) -> tuple[Revocation, int]:
    """Void one access token until `keep_seconds` from now, or all that its client has of its session so far
    (`rules/revocation/token_entries`): the entry that voids it, and the revocation epoch that the statement saw. Doing
    it twice is the same as once."""
    holder = f"{token.sid}:{token.client_id}" if token.sid else None
    row = await db.fetchrow(_REVOKE_TOKEN, token.jti, keep_seconds, holder, token.issued_at)
    return record_of(Revocation, row), row["epoch"]


async def keep_at_least(db: Database, seconds: int) -> None:
    """Make revocations outlive tokens of `seconds` (the longest that may be issued, skew included)."""
    sql = """UPDATE service_state SET longest_access_token = $1::int * interval '1 second'
             WHERE longest_access_token < $1::int * interval '1 second'"""
    await db.execute(sql, seconds)


def keys_of(token: Bearer) -> Sequence[tuple[str, str, int | None]]:
    """(kind, subject, time of issue where it matters) of all that could void this token."""
    named: list[tuple[str, str, int | None]] = [("session", token.sid, None)] if token.sid else []
    links: tuple[Bearer | Source, ...] = (token, *token.sources)
    for link in links:
        named += [("token", link.jti, None), ("client", link.client_id, link.issued_at)]
        if token.sid:
            named.append(("grant", f"{token.sid}:{link.client_id}", link.issued_at))
    if token.user_id:
        # What ends all that a person has so far ends also what was made of it later.
        named.append(("user", token.user_id, min(link.issued_at for link in links)))
    return named
