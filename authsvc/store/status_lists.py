"""Status lists in PostgreSQL: blocks of indices that are leased, what stands at each index, and which bits are set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from authsvc.store.postgres import Database

LOST_SECONDS = 15
"""A block that was not heard of for so long has lost its process."""

Named = tuple[str, str, int | None]
"""(kind, subject, time of issue where it matters): as `revocations.keys_of` names what could void a token."""


@dataclass(frozen=True, slots=True)
class Leased:
    """A block of a slice, counted from 0; nobody else is ever given it."""

    salt: str
    number: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A token that was issued: its place, and all that could void it."""

    ends_at: int
    salt: str
    part: int
    index: int
    named: Sequence[Named]


@dataclass(frozen=True, slots=True)
class SignedList:
    """A status list token, ready to be sent. Times are seconds since 1970; `ends_at`: when nobody needs it any more."""

    body: bytes = field(repr=False)
    etag: str
    fresh_until: int
    expires_at: int
    ends_at: int


async def lease(db: Database, ends_at: int) -> Leased | None:
    """The next block of a slice. None: the slice is over."""
    row = await db.fetchrow(
        """WITH slice AS (
               INSERT INTO status_slices (ends_at, database, blocks)
               SELECT $1::bigint, feed_database(), 1 WHERE to_timestamp($1::bigint) > now()
               ON CONFLICT (ends_at, database) DO UPDATE SET blocks = status_slices.blocks + 1
               RETURNING salt, blocks - 1 AS number)
           INSERT INTO status_blocks (salt, number) SELECT salt, number FROM slice RETURNING salt, number""",
        ends_at,
    )
    return Leased(**row) if row else None


async def record(
    db: Database, entries: Sequence[Entry], *, held: Sequence[Leased], done: Sequence[Leased]
) -> set[Leased]:
    """Write what was issued, show that the blocks `held` have a process, and give those in `done` back. The blocks of
    `held` that are known. Doing it twice is the same as once."""
    rows = await db.fetch(
        """WITH written AS (
               INSERT INTO status_batches (ends_at, salt, part, indices, kinds, subjects, issued)
               SELECT * FROM json_to_recordset($1::json) AS batch (
                   ends_at bigint, salt text, part integer, indices integer[], kinds text[], subjects text[],
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
    """One for each list; every name of a token is an element of the parallel arrays."""
    lists: dict[tuple[int, str, int], list[tuple[int, Named]]] = {}
    for entry in entries:
        of_list = lists.setdefault((entry.ends_at, entry.salt, entry.part), [])
        of_list += [(entry.index, named) for named in entry.named]
    return [
        {
            "ends_at": ends_at,
            "salt": salt,
            "part": part,
            "indices": [index for index, _ in found],
            "kinds": [kind for _, (kind, _, _) in found],
            "subjects": [subject for _, (_, subject, _) in found],
            "issued": [issued_at for _, (_, _, issued_at) in found],
        }
        for (ends_at, salt, part), found in lists.items()
    ]


async def void_indices(
    db: Database, *, ends_at: int, salt: str, part: int, block: int, blocks: int
) -> Sequence[int] | None:
    """Indices of a list whose tokens are void; None: there is no such list. `block`: indices of a block, `blocks`: how
    many a list has.

    Void is what a revocation names, by the rule of `revocations.is_revoked`; and what a process that died may have
    issued without writing it down, for then nobody can tell what would void it.
    """
    row = await db.fetchrow(
        """WITH lost AS (
               SELECT (number % $5::int) * $4::int AS first FROM status_blocks
               WHERE salt = $2 AND number / $5::int = $3::int AND heard_at < now() - $6::int * interval '1 second')
           SELECT ARRAY(
               SELECT DISTINCT n.index
               FROM status_batches b,
                    unnest(b.indices, b.kinds, b.subjects, b.issued) AS n (index, kind, subject, issued)
               JOIN revocations r ON r.kind = n.kind AND r.subject = n.subject
               WHERE b.salt = $2 AND b.part = $3::int
               AND (n.issued IS NULL OR r.not_before >= to_timestamp(n.issued))) AS revoked,
           ARRAY(
               SELECT generate_series(first, first + $4::int - 1) FROM lost
               EXCEPT
               SELECT unnest(b.indices) FROM status_batches b
               WHERE EXISTS (SELECT FROM lost) AND b.salt = $2 AND b.part = $3::int) AS unwritten
           FROM status_slices
           WHERE salt = $2 AND ends_at = $1 AND to_timestamp(ends_at) > now() AND blocks > $3::int * $5::int""",
        ends_at,
        salt,
        part,
        block,
        blocks,
        LOST_SECONDS,
    )
    return None if row is None else [*row["revoked"], *row["unwritten"]]
