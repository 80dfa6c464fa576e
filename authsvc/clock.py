"""The clock: PostgreSQL's time, carried forward by this machine's monotonic clock.

Tokens, sessions and keys are judged by one clock, the database's, so that a replica whose own clock is wrong decides
like all others. Between two readings only the monotonic clock is used; it does not jump.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """`offset_seconds` shifts what this process takes for its system time; for fault tests."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self._offset = offset_seconds
        self._base: float | None = None

    def align(self, store_now: datetime, asked_at: float, heard_at: float) -> None:
        """The store said `store_now` between two readings of the monotonic clock."""
        self._base = store_now.timestamp() - (asked_at + heard_at) / 2

    def seconds(self) -> float:
        """Seconds since 1970, by the store's clock once it has been heard."""
        return self._system() if self._base is None else self._base + time.monotonic()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    @property
    def skew_seconds(self) -> float:
        """How far this machine's own clock is ahead of the store's."""
        return 0.0 if self._base is None else self._system() - self.seconds()

    def _system(self) -> float:
        return time.time() + self._offset
