"""The clock: PostgreSQL's time, carried forward by this machine's monotonic clock.

Tokens, sessions and keys are judged by one clock, the database's, so that a replica whose own clock is wrong decides
like all others. Between two readings only the monotonic clock is used; it does not jump.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

monotonic = time.monotonic
"""Seconds for durations and deadlines, from a moment that means nothing. Whoever needs them asks here."""


class Clock:
    """`offset_seconds` shifts what this process takes for its system time; for fault tests."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self._offset = offset_seconds
        self._base: float | None = None

    def align(self, store_now: datetime, asked_at: float, heard_at: float) -> None:
        """The store said `store_now` between two readings of the monotonic clock.

        So much is sure and no more. What is known better, from a quicker answer, stays; else the later moment is taken
        for the right one: a clock that is late harms nobody, and with one that is early tokens begin in the future.
        """
        earliest, latest = store_now.timestamp() - heard_at, store_now.timestamp() - asked_at
        if self._base is None or not earliest <= self._base <= latest:
            self._base = earliest

    def seconds(self) -> float:
        """Seconds since 1970, by the store's clock once it has been heard."""
        return self._system() if self._base is None else self._base + monotonic()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    @property
    def skew_seconds(self) -> float:
        """How far this machine's own clock is ahead of the store's."""
        return 0.0 if self._base is None else self._system() - self.seconds()

    def _system(self) -> float:
        return time.time() + self._offset
