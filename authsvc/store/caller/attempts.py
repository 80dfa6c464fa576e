"""Counters of failed attempts: exact sliding windows, kept in Redis in one atomic script; in this process's memory, at
the limit's share of one replica, while Redis is away. Never open: an attacker would knock Redis over first.

An attempt takes its place before anything costly is done, so that 200 parallel guesses with a limit of 10 are 10
guesses; a success gives the place back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress

from authsvc import traces
from authsvc.clock import monotonic
from authsvc.store.caller.attempt_memory import AttemptMemory, Bucket
from authsvc.store.errors import StoreUnavailable
from authsvc.store.redis import RedisStore, Script

# KEYS: buckets.   ARGV: window in ms, the attempt's name, then a limit for each bucket.   Returns ms to wait, or 0.
_TAKE = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, wait = tonumber(ARGV[1]), 0
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
  if redis.call('ZCARD', key) >= tonumber(ARGV[2 + i]) then
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    wait = math.max(wait, (oldest[2] and tonumber(oldest[2]) or now) + window - now, 1)
  end
end
if wait > 0 then return wait end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now, ARGV[2])
  redis.call('PEXPIRE', key, window)
end
return 0
""")
_GIVE_BACK = Script("for _, key in ipairs(KEYS) do redis.call('ZREM', key, unpack(ARGV)) end return 0")
_MOST_OWED = 200


class Attempts:
    """Counts failed attempts in sliding windows. Take a place in every bucket, or in none. `processes`: all workers of
    all replicas, each of which may fill its share of a limit while Redis is away."""

    def __init__(
        self,
        redis: RedisStore,
        *,
        window_seconds: int,
        processes: int,
        on_verdict: Callable[[str], None] = lambda verdict: None,
    ) -> None:
        self._redis = redis
        self._window = window_seconds
        self._processes = processes
        self._memory = AttemptMemory(window_seconds)
        self._owed: dict[str, list[str]] = {}
        """Keys of attempts that were successes, by attempt, until Redis has heard of it."""
        self._on_verdict = on_verdict

    async def take(self, buckets: Sequence[Bucket], attempt: str) -> int:
        """0, and a place is taken in every bucket; or the seconds until there is one again. `attempt` is unique."""
        with traces.span("limiter", within=True) as span:
            wait = await self._take(buckets, attempt)
            span.set("authsvc.limited", wait > 0)
            return wait

    def _judged(self, wait: int, where: str = "") -> int:
        self._on_verdict(f"{'limited' if wait else 'free'}{where}")
        return wait

    async def _take(self, buckets: Sequence[Bucket], attempt: str) -> int:
        keys = [self._redis.key("fail", bucket.name) for bucket in buckets]
        args = [self._window * 1000, attempt, *(bucket.limit for bucket in buckets)]
        try:
            wait = await self._redis.script(_TAKE, keys, args)
            if wait and self._owed:
                await self._give_back_owed()
                wait = await self._redis.script(_TAKE, keys, args)
        except StoreUnavailable:
            return self._judged(self._take_in_memory(buckets, attempt, self._processes), "_without_redis")
        # Both must have room: or Redis, coming or going in mid-burst, would allow the limit twice over.
        return self._judged(math.ceil(int(wait) / 1000) or self._take_in_memory(buckets, attempt, 1))

    async def give_back(self, buckets: Sequence[Bucket], attempt: str) -> None:
        """The attempt was a success: it does not count. What Redis cannot be told now, it is told with a later call."""
        self._memory.give_back(buckets, attempt)
        if len(self._owed) >= _MOST_OWED:
            del self._owed[next(iter(self._owed))]
        self._owed[attempt] = [self._redis.key("fail", bucket.name) for bucket in buckets]
        with suppress(StoreUnavailable):
            await self._give_back_owed()

    async def _give_back_owed(self) -> None:
        owed = dict(self._owed)
        keys = dict.fromkeys(key for keys in owed.values() for key in keys)
        await self._redis.script(_GIVE_BACK, [*keys], [*owed])
        for attempt in owed:
            self._owed.pop(attempt, None)

    def _take_in_memory(self, buckets: Sequence[Bucket], attempt: str, share: int) -> int:
        return math.ceil(self._memory.take(buckets, attempt, share=share, now=monotonic()))


__all__ = ["Attempts", "Bucket"]
