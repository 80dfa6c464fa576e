"""Status lists in PostgreSQL: blocks of indices that are leased, what stands at each index, and which bits are set; and
what this worker remembers of each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from authsvc.clock import monotonic
from authsvc.records import frozen
from authsvc.store.postgres import Database
from authsvc.store.redis import RedisStore
from authsvc.tasks import SharedTasks

LOST_SECONDS = 15
"""A block that was not heard of for so long has lost its process."""
HOLD_SECONDS = 8.0
"""After so long without a word to PostgreSQL a block is given up: well before others take its process for dead."""
BUILD_SECONDS = 10.0

Named = tuple[str, str, int | None]
"""(kind, subject, time of issue where it matters): as `revocations.keys_of` names what could void a token."""


@frozen
class Leased:
    """A block of a slice, counted from 0; nobody else is ever given it."""

    salt: str
    number: int


@frozen
class Entry:
    """A token that was issued: its place, and all that could void it."""

    ends_at: int
    salt: str
    part: int
    index: int
    named: Sequence[Named]


@frozen
class SignedList:
    """A status list token, ready to be sent. Times are seconds since 1970. `built_at`: before PostgreSQL was asked;
    `fresh_until`: from then on it is not sent any more; `ends_at`: when nobody needs it any more."""

    body: bytes = field(repr=False)
    etag: str
    built_at: float
    fresh_until: float
    ends_at: int


@dataclass(slots=True)
class ListMemory:
    """What this worker knows of lists, by name: as they were last signed, and what is being built. `slices`: see
    there; `slices_at`: when they were last asked for (monotonic)."""

    signed: dict[str, SignedList] = field(default_factory=dict)
    builds: SharedTasks[str, SignedList] = field(default_factory=SharedTasks)
    building: asyncio.Lock = field(default_factory=asyncio.Lock)
    slices: dict[str, tuple[int, int]] = field(default_factory=dict)
    slices_at: float = float("-inf")
    readings: SharedTasks[str, None] = field(default_factory=SharedTasks)

    def close(self) -> None:
        self.builds.close()
        self.readings.close()


@dataclass(slots=True)
class Block:
    """Indices of one list in random order. `heard_at`: when PostgreSQL was last told of the block (monotonic)."""

    leased: Leased
    ends_at: int
    part: int
    left: list[int]
    heard_at: float

    def usable(self) -> int:
        """How many indices may still be given."""
        return len(self.left) if monotonic() - self.heard_at <= HOLD_SECONDS else 0


@dataclass(slots=True)
class StatusIndices:
    """The indices that this worker holds, and what it gave away of them and has not yet written down.

    `lives`: seconds that access tokens with a status list live, and when it was last asked for one (monotonic);
    `waiting`: requests that were told that there is an index for them, and are not over.
    """

    blocks: list[Block] = field(default_factory=list)
    pending: list[Entry] = field(default_factory=list)
    lives: dict[int, float] = field(default_factory=dict)
    waiting: int = 0
    leasing: asyncio.Lock = field(default_factory=asyncio.Lock)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def spare(self, ends_at: int) -> int:
        """How many indices of a slice are at hand for those who have not been promised one."""
        return sum(block.usable() for block in self.blocks if block.ends_at == ends_at) - self.waiting

    def take(self, least: float, named: Sequence[Named]) -> Entry | None:
        """An index of the first slice that does not end before `least`, for a token that could be voided by `named`."""
        usable = [block for block in self.blocks if block.ends_at >= least and block.usable()]
        if not usable:
            return None
        block = min(usable, key=lambda each: each.ends_at)
        entry = Entry(block.ends_at, block.leased.salt, block.part, block.left.pop(), named)
        self.pending.append(entry)
        return entry


async def lease(db: Database, ends_at: int) -> Leased | None:
    """The next block of a slice. None: the slice is over."""
    sql = """WITH slice AS (
                 INSERT INTO status_slices (ends_at, database, blocks)
                 SELECT $1::bigint, feed_database(), 1 WHERE to_timestamp($1::bigint) > now()
                 ON CONFLICT (ends_at, database) DO UPDATE SET blocks = status_slices.blocks + 1
                 RETURNING salt, blocks - 1 AS number)
             INSERT INTO status_blocks (salt, number) SELECT salt, number FROM slice RETURNING salt, number"""
    row = await db.fetchrow(sql, ends_at)
    return Leased(**row) if row else None


async def slices(db: Database) -> dict[str, tuple[int, int]]:
    """(end in seconds since 1970, blocks given) of every slice that is not over, by its salt."""
    rows = await db.fetch("SELECT salt, ends_at, blocks FROM status_slices WHERE to_timestamp(ends_at) > now()")
    return {row["salt"]: (row["ends_at"], row["blocks"]) for row in rows}


async def record(
    db: Database, entries: Sequence[Entry], *, held: Sequence[Leased], done: Sequence[Leased]
) -> set[Leased]:
    """Write what was issued, show that the blocks `held` have a process, and give those in `done` back. The blocks of
    `held` that are known. Doing it twice is the same as once."""
    rows = await db.fetch(
        """WITH written AS (
               INSERT INTO status_batches (ends_at, salt, part, kind, indices, subjects, issued)
               SELECT * FROM json_to_recordset($1::json) AS batch (
                   ends_at bigint, salt text, part integer, kind text, indices integer[], subjects text[],
                   issued bigint[])
           ), given_back AS (
               DELETE FROM status_blocks b USING unnest($4::text[], $5::int[]) AS d (salt, number)
               WHERE b.salt = d.salt AND b.number = d.number)
           UPDATE status_blocks b SET heard_at = now() FROM unnest($2::text[], $3::int[]) AS h (salt, number)
           WHERE b.salt = h.salt AND b.number = h.number RETURNING b.salt, b.number""",
        json.dumps(_batches(entries)),
        [block.salt for block in held],
        [block.number for block in held],
        [block.salt for block in done],
        [block.number for block in done],
    )
    return {Leased(**row) for row in rows}


def _batches(entries: Sequence[Entry]) -> list[dict[str, object]]:
    """One for each list and kind."""
    batches: dict[tuple[int, str, int, str], list[tuple[int, str, int | None]]] = {}
    for entry in entries:
        for kind, subject, issued_at in entry.named:
            batch = batches.setdefault((entry.ends_at, entry.salt, entry.part, kind), [])
            batch.append((entry.index, subject, issued_at))
    return [
        {
            "ends_at": ends_at,
            "salt": salt,
            "part": part,
            "kind": kind,
            "indices": [index for index, _, _ in batch],
            "subjects": [subject for _, subject, _ in batch],
            "issued": None if batch[0][2] is None else [issued_at for _, _, issued_at in batch],
        }
        for (ends_at, salt, part, kind), batch in batches.items()
    ]


# What was revoked is one object for each kind, in which every name is looked up. A join with `revocations` would be for
# the planner to arrange, which knows nothing of a slice that has just begun: it took half a minute instead of a second.
VOID = """
WITH lost AS (
    SELECT (number % $4::int) * $3::int AS first FROM status_blocks
    WHERE salt = $1 AND number / $4::int = $2::int AND heard_at < now() - $5::int * interval '1 second'
), void AS MATERIALIZED (
    SELECT kind, jsonb_object_agg(subject, not_before) AS subjects
    FROM (SELECT kind, subject, floor(extract(epoch FROM max(not_before)))::bigint AS not_before
          FROM revocations WHERE expires_at > now() GROUP BY kind, subject) AS revoked
    GROUP BY kind
)
SELECT ARRAY(
    SELECT DISTINCT n.index
    FROM void v JOIN status_batches b ON b.kind = v.kind,
         unnest(b.indices, b.subjects, b.issued) AS n (index, subject, issued)
    WHERE b.salt = $1 AND b.part = $2::int
    AND CASE WHEN n.issued IS NULL THEN v.subjects ? n.subject
             ELSE (v.subjects -> n.subject)::bigint >= n.issued END) AS revoked,
ARRAY(
    SELECT generate_series(first, first + $3::int - 1) FROM lost
    EXCEPT
    SELECT unnest(indices) FROM status_batches
    WHERE EXISTS (SELECT FROM lost) AND salt = $1 AND part = $2::int AND kind = 'token') AS unwritten
"""


async def void_indices(db: Database, *, salt: str, part: int, block: int, blocks: int) -> Sequence[int]:
    """Indices of a list whose tokens are void. `block`: indices of a block, `blocks`: how many a list has.

    Void is what a revocation names, by the rule of `revocations.is_revoked`; and what a process that died may have
    issued without writing it down, for then nobody can tell what would void it.
    """
    async with db.transaction(seconds=BUILD_SECONDS) as connection:
        row = await connection.fetchrow(VOID, salt, part, block, blocks, LOST_SECONDS, timeout=BUILD_SECONDS)
    return [*row["revoked"], *row["unwritten"]]


async def share(redis: RedisStore, name: str, signed: SignedList, seconds: float) -> None:
    """Let the other workers send this list, `seconds` long. Raises StoreUnavailable."""
    text = f"{signed.built_at:.3f} {signed.body.decode('ascii')}"
    await redis.command("SET", redis.key("statuslist", name), text, "PX", max(1, int(seconds * 1000)))


async def shared(redis: RedisStore, name: str) -> tuple[float, bytes] | None:
    """(when it was built, status list token), as another worker left it. Raises StoreUnavailable."""
    text = await redis.command("GET", redis.key("statuslist", name))
    if not text:
        return None
    built_at, _, body = str(text).partition(" ")
    return float(built_at), body.encode("ascii")
