"""Failed proofs of clients are counted: a client and network, and a network. Successes are not.

A blocked pair is remembered here, so that a flood of guesses does not even reach Redis. What is right is no guess: it
is looked at while the pair is blocked, as often as that is cheap.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import islice

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.flows.caller.limits import network_buckets, take_place
from authsvc.rules.errors import TooMany
from authsvc.runtime import Memory, Runtime
from authsvc.store.caller.attempts import Bucket

_NETWORK_FACTOR = 10
MOST_BLOCKED = 10_000
LOOKS_A_SECOND = 20
"""How often what costs a signature check or a statement is looked at while its pair is blocked, a worker."""


@dataclass(slots=True)
class _Block:
    """`until` and `looking_since`: monotonic seconds. `looks`: those taken in the second that began then."""

    until: float
    looking_since: float = float("-inf")
    looks: int = 0


@dataclass(slots=True)
class Blocks:
    """Pairs of client and network that failed too often. An entry leaves when its time is over, or for a newer one."""

    _found: OrderedDict[str, _Block] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._found)

    def add(self, pair: str, seconds: float, now: float) -> None:
        """`now`: monotonic seconds."""
        self._found.pop(pair, None)
        for oldest in list(islice(self._found, 2)):
            if self._found[oldest].until <= now or len(self._found) >= MOST_BLOCKED:
                del self._found[oldest]
        self._found[pair] = _Block(now + seconds)

    def seconds_left(self, pair: str, now: float) -> float:
        """0: it is not blocked."""
        block = self._of(pair, now)
        return block.until - now if block else 0

    def take_look(self, pair: str, now: float) -> bool:
        """Whether there is time for a look at what this pair sends now."""
        block = self._of(pair, now)
        if block is None:
            return True
        if now - block.looking_since >= 1:
            block.looking_since, block.looks = now, 0
        block.looks += 1
        return block.looks <= LOOKS_A_SECOND

    def _of(self, pair: str, now: float) -> _Block | None:
        block = self._found.get(pair)
        if block is not None and block.until <= now:
            del self._found[pair]
            return None
        return block


_blocks = Memory(Blocks)


def is_blocked(runtime: Runtime, pair: str) -> bool:
    """Whether too many failures of this pair were counted before."""
    return _blocks.of(runtime).seconds_left(pair, monotonic()) > 0


def refuse_blocked(runtime: Runtime, pair: str) -> None:
    """Raises TooMany where the pair is blocked."""
    if wait := _blocks.of(runtime).seconds_left(pair, monotonic()):
        raise _too_many(int(wait) + 1)


def refuse_flood(runtime: Runtime, pair: str) -> None:
    """Raises TooMany where the pair is blocked and sends more than there is time to look at: it may try again soon."""
    if not _blocks.of(runtime).take_look(pair, monotonic()):
        raise _too_many(1)


async def count_failure(runtime: Runtime, pair: str, network: str) -> None:
    """`pair`: who failed, a space, and the network that it came from. Raises TooMany where that was one too many."""
    limit = runtime.settings.client_failures
    buckets = [
        Bucket(f"client:{pair}", limit),
        *network_buckets("client-network", network, limit * _NETWORK_FACTOR),
    ]
    try:
        await take_place(runtime, buckets, "client", "client_failures")
    except TooMany as refused:
        _blocks.of(runtime).add(pair, refused.retry_after, monotonic())
        raise


def _too_many(wait: int) -> TooMany:
    metrics.rate_limited.labels("client").inc()
    return TooMany("client_failures", retry_after=wait)
