"""Status lists in memory: which are held, how long each is believed, and when it is asked for again. Pure.

A list that tokens name is read again when half of its time is over, by nobody's request, until no token named it for a
while. Times are monotonic seconds. One thread writes; what a reader needs of a list is one assignment (`Held`).
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final

from authsvc_verifier.status_list import StatusList

MAX_LISTS: Final = 500
MAX_BYTES: Final = 64 * 2**20
"""Of all lists, unpacked. Beyond either, those that were not asked about for longest are forgotten."""
IDLE_SECONDS: Final = 600.0
"""A list that no token named for so long is forgotten."""
RETRY_SECONDS: Final = (1.0, 10.0)
SHORT_SECONDS: Final = 5.0
"""Between two requests that tokens beyond the end of a list may cause: it may have grown."""


@dataclass(frozen=True, slots=True)
class Held:
    """A list and until when it is believed."""

    found: StatusList
    until: float


@dataclass(slots=True)
class Entry:
    """What is known of one list. `asked_at`: when what we hold was asked for; `failures`: tries in a row that gave
    nothing."""

    held: Held | None = None
    etag: str = ""
    asked_at: float = -math.inf
    tried_at: float = -math.inf
    used_at: float = -math.inf
    failures: int = 0

    def due(self) -> float:
        """When it should be read again."""
        if self.failures:
            least, most = RETRY_SECONDS
            return self.tried_at + min(most, least * 2.0 ** min(self.failures - 1, 10))
        return -math.inf if self.held is None else self.asked_at + (self.held.until - self.asked_at) / 2

    def may_ask(self, index: int, now: float) -> bool:
        """Whether a request may wait for this list to be read. Not where it is read in the background, to no avail."""
        if self.failures:
            return False
        if self.held is None or now >= self.held.until:
            return True
        return self.held.found.status(index) is None and now - self.asked_at >= SHORT_SECONDS


@dataclass(slots=True)
class ListCache:
    """The status lists of this process, by their URI."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def look(self, uri: str, now: float) -> Entry | None:
        """What is known of a list that a token names."""
        entry = self.entries.get(uri)
        if entry is not None:
            entry.used_at = now
        return entry

    def asked(self, uri: str, now: float) -> Entry:
        """A list is about to be read: from now on there is an entry for it."""
        entry = self.entries.get(uri)
        if entry is None:
            entry = self.entries[uri] = Entry(used_at=now)
            self._make_room(uri)
        return entry

    def answered(self, uri: str, found: StatusList | None, etag: str, asked_at: float, wall: float) -> None:
        """`found` None: not modified. `wall`: seconds since 1970."""
        entry = self.asked(uri, asked_at)
        known = entry.held.found if entry.held is not None else None
        # Another replica's answer may be older than the one we hold; then what we hold is as good as this one.
        if found is None or (known is not None and 0 < known.issued_at - found.issued_at <= found.ttl):
            found = known
        if found is None:
            return
        entry.held = Held(found, asked_at + min(found.ttl, found.expires_at - wall))
        entry.etag, entry.asked_at, entry.tried_at, entry.failures = etag, asked_at, asked_at, 0
        self._make_room(uri)

    def failed(self, uri: str, now: float) -> None:
        entry = self.asked(uri, now)
        entry.tried_at = now
        entry.failures += 1

    def due(self, now: float, busy: Container[str]) -> tuple[list[str], float]:
        """(lists to be read now, when the next one is due), less those in `busy`, which are being read. Forgets those
        that no token names any more."""
        now_due, later = [], math.inf
        for uri, entry in list(self.entries.items()):
            if now - entry.used_at >= IDLE_SECONDS:
                del self.entries[uri]
            elif uri in busy:
                continue
            elif entry.due() <= now:
                now_due.append(uri)
            else:
                later = min(later, entry.due())
        return now_due, later

    def _make_room(self, newest: str) -> None:
        size = sum(len(entry.held.found.packed) for entry in self.entries.values() if entry.held is not None)
        for uri, entry in sorted(self.entries.items(), key=lambda item: item[1].used_at):
            if len(self.entries) <= MAX_LISTS and size <= MAX_BYTES:
                return
            if uri != newest:
                size -= len(entry.held.found.packed) if entry.held is not None else 0
                del self.entries[uri]
