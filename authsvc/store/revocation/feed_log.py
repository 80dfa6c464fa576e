"""The revocation feed as one worker remembers it, and its words on the wire. Pure: no clock, no I/O.

The log holds everything that is still of consequence, so whoever comes back with a number of this database can be told
exactly what he missed, however long he was away. Only a number that this database never gave calls for a snapshot.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

from authsvc.compact_json import compact_json

TIMED = frozenset({"grant", "user", "client"})
"""Kinds that void only what was issued at or before `not_before`."""
PIECE = 200
"""Revocations in one piece of a snapshot: some 30 KB."""
MOST_IN_EVENT = 200_000
"""Revocations in one event: some 32 MB, half of what a verifier takes."""


def entry(sequence: int, kind: str, subject: str, not_before: int, expires_at: int) -> bytes:
    """One revocation as a JSON object: the member of a snapshot, and the data of an event. Times in epoch seconds."""
    said: dict[str, object] = {"sequence": sequence, "kind": kind, "subject": subject}
    if kind in TIMED:
        said["not_before"] = not_before
    return compact_json({**said, "expires_at": expires_at})


def event(name: str, data: bytes, number: int | None = None) -> bytes:
    """A server-sent event (HTML Living Standard, section 9.2). `data` has no line ends: it is our JSON."""
    identity = b"" if number is None else b"id: %d\n" % number
    return b"%sevent: %s\ndata: %s\n\n" % (identity, name.encode("ascii"), data)


def heartbeat(sequence: int, now: int) -> bytes:
    """Everything up to `sequence` has been sent, and that was all there was at `now` (epoch seconds)."""
    return event("heartbeat", b'{"sequence":%d,"time":%d}' % (sequence, now))


def judge_resume(last: int | None, floor: int, newest: int) -> int | None:
    """After which number to go on with a subscriber whose last one is `last`; None: he needs a snapshot.

    Numbers below `floor` may have been given by a database that was restored or failed over since, and one above
    `newest` was not given by this one: it may name other rows than those that we know.
    """
    return last if last is not None and floor <= last <= newest else None


class Log:
    """Revocations in the order of their numbers, each as the bytes of its JSON object: some 200 bytes for one.

    `floor`: where the numbers of this database begin. `newest`: everything up to it is in here, or over.
    """

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.newest = floor
        self._numbers = array("q")
        self._ends = array("q")
        self._entries: list[bytes] = []

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, sequence: int, expires_at: int, data: bytes) -> None:
        """Numbers only ever grow; ValueError where one does not."""
        if self._numbers and sequence <= self._numbers[-1]:
            raise ValueError(f"number {sequence} after {self._numbers[-1]}")
        self._numbers.append(sequence)
        self._ends.append(expires_at)
        self._entries.append(data)

    def after(self, sequence: int, most: int) -> list[tuple[int, bytes]]:
        """(number, JSON object) of the next ones, `most` at the most."""
        start = bisect_right(self._numbers, sequence)
        chosen = slice(start, start + most)
        return list(zip(self._numbers[chosen], self._entries[chosen], strict=True))

    def live(self, now: float) -> list[bytes]:
        """All that is of consequence at `now` (epoch seconds)."""
        return [data for data, end in zip(self._entries, self._ends, strict=True) if end > now]

    def forget(self, now: float) -> int:
        """Drop what is over, once it is a quarter of everything; how many were dropped."""
        over = sum(end <= now for end in self._ends)
        if not over or over * 4 < len(self._entries):
            return 0
        kept = [place for place, end in enumerate(self._ends) if end > now]
        self._numbers = array("q", (self._numbers[place] for place in kept))
        self._ends = array("q", (self._ends[place] for place in kept))
        self._entries = [self._entries[place] for place in kept]
        return over


def document(
    issuer: str, sequence: int, heartbeat_seconds: int, entries: Sequence[bytes], **members: object
) -> Iterator[bytes]:
    """The snapshot, in pieces: `entries` is everything of consequence up to and including `sequence`."""
    head = {"issuer": issuer, "sequence": sequence, "heartbeat_seconds": heartbeat_seconds, **members}
    yield compact_json({**head, "revocations": []}).removesuffix(b"]}")
    rest = iter(entries)
    comma = b""
    while piece := list(islice(rest, PIECE)):
        yield comma + b",".join(piece)
        comma = b","
    yield b"]}"


def snapshot_events(
    issuer: str, sequence: int, heartbeat_seconds: int, entries: Sequence[bytes], most: int = MOST_IN_EVENT
) -> Iterator[bytes]:
    """The snapshot as an event, in pieces; one that is too large for that as several `snapshot_part`.

    Only the last of them has an id: who was cut off before it begins anew. Who does not know them takes none of them
    for all there is.
    """
    if len(entries) <= most:
        yield b"id: %d\nevent: snapshot\ndata: " % sequence
        yield from document(issuer, sequence, heartbeat_seconds, entries)
        yield b"\n\n"
        return
    for start in range(0, len(entries), most):
        more = start + most < len(entries)
        yield b"event: snapshot_part\ndata: " if more else b"id: %d\nevent: snapshot_part\ndata: " % sequence
        yield from document(issuer, sequence, heartbeat_seconds, entries[start : start + most], more=more)
        yield b"\n\n"
