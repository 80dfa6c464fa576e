"""Failed proofs of clients are counted: a client and network, and a network. Successes are not.

A blocked pair is remembered here, so that a flood of guesses does not even reach Redis.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.rules.errors import TooMany
from authsvc.runtime import Memory, Runtime
from authsvc.store.caller.attempts import Bucket

_NETWORK_FACTOR = 10
MOST_BLOCKED = 10_000


@dataclass(slots=True)
class Blocks:
    """Pairs of client and network that failed too often. An entry leaves when its time is over, or for a newer one."""

    _until: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._until)

    def add(self, pair: str, seconds: float, now: float) -> None:
        """`now`: monotonic seconds."""
        self._until.pop(pair, None)
        for oldest in list(islice(self._until, 2)):
            if self._until[oldest] <= now or len(self._until) >= MOST_BLOCKED:
                del self._until[oldest]
        self._until[pair] = now + seconds

    def seconds_left(self, pair: str, now: float) -> float:
        """0: it is not blocked."""
        left = self._until.get(pair, now) - now
        if left <= 0:
            self._until.pop(pair, None)
        return max(left, 0)


_blocks = Memory(Blocks)


def refuse_blocked(runtime: Runtime, pair: str) -> None:
    """Raises TooMany where the pair is blocked."""
    if wait := _blocks.of(runtime).seconds_left(pair, monotonic()):
        raise _too_many(int(wait) + 1)


async def count_failure(runtime: Runtime, pair: str, network: str) -> None:
    """`pair`: who failed, a space, and the network that it came from. Raises TooMany where that was one too many."""
    limit = runtime.settings.client_failures
    buckets = [Bucket(f"client:{pair}", limit), Bucket(f"client-network:{network}", limit * _NETWORK_FACTOR)]
    wait = await runtime.attempts.take(buckets, runtime.entropy(8).hex())
    if wait:
        _blocks.of(runtime).add(pair, wait, monotonic())
        raise _too_many(wait)


def _too_many(wait: int) -> TooMany:
    metrics.rate_limited.labels("client").inc()
    return TooMany("client_failures", retry_after=wait)
