"""The revocation feed: one reading of PostgreSQL, what this worker remembers of it, and who listens.

Many listen, one reads. A subscriber is a place in the shared log: he who reads slowly costs no memory of ours but what
the kernel and one write hold.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from authsvc.clock import monotonic
from authsvc.records import frozen
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Database
from authsvc.store.revocation.feed_log import Log
from authsvc.tasks import end_tasks

BATCH = 5_000
"""Revocations in one reading: well within a statement's time. After a mass log-out there are several."""


@frozen
class Numbered:
    """A revocation with its number. Times in epoch seconds; `age`: seconds since its transaction began."""

    sequence: int
    kind: str
    subject: str
    not_before: int
    expires_at: int
    age: float


@frozen
class Reading:
    """`rows`: all that came after the asked number, up to `newest`, and is of consequence. `more`: read on at once."""

    floor: int
    newest: int
    now: datetime
    more: bool
    rows: tuple[Numbered, ...]


async def read(db: Database, after: int) -> Reading:
    """What is committed and was not read yet; whatever has no number gets one. Raises StoreUnavailable."""
    row = await db.fetchrow("SELECT * FROM read_feed($1, $2)", after, BATCH)
    rows = tuple(Numbered(*item) for item in json.loads(row["rows"]))
    return Reading(row["floor"], row["newest"], row["now"], row["more"], rows)


@dataclass(slots=True, eq=False)
class Subscriber:
    """Somebody who listens. `cursor`: everything up to it was sent; None: nothing yet.

    `names`: revocations by which his own token ends; `ends_at`: its `exp` (epoch seconds).
    """

    cursor: int | None
    names: frozenset[tuple[str, str]] = frozenset()
    ends_at: float = float("inf")
    etag: str | None = None
    beat: int = -1
    pieces: Iterator[bytes] | None = None
    sending: bool = False
    ended: str | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, reason: str) -> None:
        """The stream ends after what is being sent; the first reason stays."""
        self.ended = self.ended or reason
        self.news.set()


@dataclass(slots=True)
class Feed:
    """This worker's memory of the feed. `log`: None while nothing was read. `heard_at`: when the newest whole reading
    was asked for (monotonic s). `beat` counts the heartbeats that are due."""

    heartbeat_seconds: float = 5.0
    log: Log | None = None
    heard_at: float = float("-inf")
    beat: int = 0
    beaten_at: float = float("-inf")
    used_at: float = float("-inf")
    etag: str | None = None
    subscribers: set[Subscriber] = field(default_factory=set)
    hinted: asyncio.Event = field(default_factory=asyncio.Event)
    reader: asyncio.Task[None] | None = None
    waiting: asyncio.Future[StoreUnavailable | None] | None = None

    def hint(self) -> None:
        """There may be something new: read now rather than at the next turn."""
        self.hinted.set()

    def age(self) -> float:
        """Seconds since PostgreSQL said that there was nothing else."""
        return monotonic() - self.heard_at

    def wake(self) -> None:
        for subscriber in self.subscribers:
            subscriber.news.set()

    def end(self, reason: str, *, of: tuple[str, str] | None = None) -> None:
        """End every stream, or those whose token goes by this name; the subscribers come again, here or elsewhere."""
        for subscriber in self.subscribers:
            if of is None or of in subscriber.names:
                subscriber.end(reason)

    async def close(self) -> None:
        """At the end of the process."""
        self.end("closed")
        if (reader := self.reader) is not None:
            await end_tasks([reader])

    def next_reading(self) -> asyncio.Future[StoreUnavailable | None]:
        """Done when a reading that begins after this call is; its result is the trouble that there was."""
        if self.waiting is None:
            self.waiting = asyncio.get_running_loop().create_future()
        self.hint()
        return self.waiting

    def take_waiting(self) -> asyncio.Future[StoreUnavailable | None] | None:
        """Those who wait for the reading that begins now."""
        waiting, self.waiting = self.waiting, None
        return waiting
