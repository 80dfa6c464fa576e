"""Counters of failed attempts: exact sliding windows, kept in Redis in one atomic script; in this process's memory, at
the limit's share of one replica, while Redis is away. Never open: an attacker would knock Redis over first.

An attempt takes its place before anything costly is done, so that 200 parallel guesses with a limit of 10 are 10
guesses; a success gives the place back.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from authsvc.clock import monotonic
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
_GIVE_BACK = Script("for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end return 0")
_MEMORY_BUCKETS = 100_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """`name` must not contain a person's address: callers pass a keyed digest of it."""

    name: str
    limit: int


class Attempts:
    """Counts failed attempts in sliding windows. Take a place in every bucket, or in none."""

    def __init__(self, redis: RedisStore, *, window_seconds: int, replicas: int) -> None:
        self._redis = redis
        self._window = window_seconds
        self._replicas = replicas
        self._memory: OrderedDict[str, deque[tuple[float, str]]] = OrderedDict()

    async def take(self, buckets: Sequence[Bucket], attempt: str) -> int:
        """0, and a place is taken in every bucket; or the seconds until there is one again. `attempt` is unique."""
        keys = [self._redis.key("fail", bucket.name) for bucket in buckets]
        try:
            wait = await self._redis.script(
                _TAKE, keys, [self._window * 1000, attempt, *(bucket.limit for bucket in buckets)]
            )
        except StoreUnavailable:
            return self._take_in_memory(buckets, attempt, self._replicas)
        # Both must have room: or Redis, coming or going in mid-burst, would allow the limit twice over.
        return math.ceil(int(wait) / 1000) or self._take_in_memory(buckets, attempt, 1)

    async def give_back(self, buckets: Sequence[Bucket], attempt: str) -> None:
        """The attempt was a success: it does not count."""
        for bucket in buckets:
            log = self._memory.get(bucket.name)
            if log:
                kept = [item for item in log if item[1] != attempt]
                self._memory[bucket.name] = deque(kept, maxlen=bucket.limit)
        try:
            await self._redis.script(
                _GIVE_BACK, [self._redis.key("fail", bucket.name) for bucket in buckets], [attempt]
            )
        except StoreUnavailable:
            return

    def _take_in_memory(self, buckets: Sequence[Bucket], attempt: str, replicas: int) -> int:
        now = monotonic()
        wait = 0.0
        for bucket in buckets:
            log = self._memory.get(bucket.name) or deque[tuple[float, str]]()
            while log and log[0][0] <= now - self._window:
                log.popleft()
            if len(log) >= max(1, bucket.limit // replicas):
                wait = max(wait, log[0][0] + self._window - now)
        if wait > 0:
            return max(1, math.ceil(wait))
        for bucket in buckets:
            log = self._memory.setdefault(bucket.name, deque(maxlen=bucket.limit))
            self._memory.move_to_end(bucket.name)
            log.append((now, attempt))
        while len(self._memory) > _MEMORY_BUCKETS:
            self._memory.popitem(last=False)
        return 0
