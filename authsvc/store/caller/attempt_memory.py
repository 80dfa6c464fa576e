"""Counters of failed attempts in this process's memory: small, because strangers choose what is counted."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from itertools import islice

from authsvc.records import frozen

MOST_BUCKETS = 20_000
"""When there are more, those that were used longest ago are forgotten."""
_SWEPT = 8
"""How many buckets whose time is over one attempt may clear away: more than it can add."""


@frozen
class Bucket:
    """`name` must not contain a person's address: callers pass a keyed digest of it."""

    name: str
    limit: int


class AttemptMemory:
    """Exact sliding windows. A bucket is 16 bytes of its name, and 16 bytes for each attempt within the window.

    Times are monotonic seconds.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window = _microseconds(window_seconds)
        # Time and name of each attempt, the oldest first; the bucket that was used last comes last. (An ordinary dict
        # would step over all that has left it to find its first.)
        self._logs: OrderedDict[bytes, array[int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._logs)

    def take(self, buckets: Sequence[Bucket], attempt: str, *, share: int, now: float) -> float:
        """0, and a place is taken in every bucket; or the seconds until there is one again. `share`: 1, or of how many
        processes this one may fill its part of the limit."""
        at, wait = _microseconds(now), 0
        over = at - self._window
        found = [(_key(bucket), bucket.limit) for bucket in buckets]
        for key, limit in found:
            log = self._logs.get(key)
            if log is None:
                continue
            if log[0] <= over:
                del log[: 2 * bisect_right(log[::2], over)]
            self._logs.move_to_end(key)
            if len(log) // 2 >= max(1, limit // share):
                wait = max(wait, log[0] - over)
            elif not log:
                del self._logs[key]
        if wait:
            return wait / 1_000_000
        for key, _ in found:
            log = self._logs.pop(key, None) or array("Q")
            log.extend((at, _number(attempt)))
            self._logs[key] = log
        self._sweep(over)
        return 0

    def give_back(self, buckets: Sequence[Bucket], attempt: str) -> None:
        """The attempt does not count."""
        for key in map(_key, buckets):
            log = self._logs.get(key)
            if log is None or (number := _number(attempt)) not in (names := log[1::2]):
                continue
            place = 2 * names.index(number)
            del log[place : place + 2]
            if not log:
                del self._logs[key]

    def _sweep(self, over: int) -> None:
        for key in list(islice(self._logs, _SWEPT)):
            if self._logs[key][-2] <= over or len(self._logs) > MOST_BUCKETS:
                del self._logs[key]


def _microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000)


def _key(bucket: Bucket) -> bytes:
    return blake2b(bucket.name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _number(attempt: str) -> int:
    return hash(attempt) % (1 << 64)
