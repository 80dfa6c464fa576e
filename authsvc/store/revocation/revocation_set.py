"""The revocation set in Redis: fast, rebuildable, believed only while it proves that it is whole.

Keys `<prefix>:{rev}:<kind>:<subject>` hold `not_before`. Beside them:
- `epoch`: which database, timeline and revocation epoch the content was copied from;
- `mark`: every revocation of a PostgreSQL transaction below it is in the set. It moves in the same script as the data,
  so a Redis that lost data (a failover, an old dump) shows an older mark, and an emptied one shows none;
- `evicted`: how many keys the server had evicted when the set was built, and `server`: which one that was (`run_id` of
  INFO). Another number, or another server, whose predecessor may have evicted: the set may have holes;
- `rebuilding`: which rebuild is under way. One that finds another name here, or none, is not ended;
- `seen`: how far PostgreSQL was seen to have come. One that is behind that went backwards (flows/restore).

A server is believed for a second after it was looked at (`judge`), so that neither one that was promoted a moment ago
is, nor one of which nobody knows what it has lost meanwhile. Then a replica believes an answer when the epoch is the
one that PostgreSQL requires and the mark is not older than the newest one it ever saw, or tried in vain to set: a
Redis that answers but takes no writes (full, read-only) is behind. A marker alone would not do: a Redis that lost its
last writes still holds every marker.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from enum import Enum
from typing import NamedTuple

from authsvc.clock import monotonic
from authsvc.store.errors import StoreUnavailable
from authsvc.store.redis import RedisStore, Script
from authsvc.store.revocation.revocations import Bearer, Revocation, keys_of

# KEYS: epoch, mark, subject...   ARGV: epoch, mark that was read, new mark, then (not_before, milliseconds) a subject.
# An older not_before never replaces a newer one, whatever the order of arrival. The hint to those who read the feed is
# let fail: a user of Redis may have no right to channels.
_WRITE = Script("""
local function put(first, argument)
  for i = first, #KEYS do
    local value, life = ARGV[argument], ARGV[argument + 1]
    argument = argument + 2
    local old = redis.call('GET', KEYS[i])
    if not old or tonumber(old) < tonumber(value) then
      redis.call('SET', KEYS[i], value, 'PX', life)
    elseif redis.call('PTTL', KEYS[i]) < tonumber(life) then
      redis.call('PEXPIRE', KEYS[i], life)
    end
  end
end
if ARGV[1] == '' then
  put(3, 4)
  redis.pcall('PUBLISH', KEYS[1], '')
  return 'added'
end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'foreign' end
local mark = tonumber(redis.call('GET', KEYS[2]) or '-1')
if mark < tonumber(ARGV[2]) then return 'older' end
put(3, 4)
if mark < tonumber(ARGV[3]) then redis.call('SET', KEYS[2], ARGV[3]) end
return 'copied'
""")
# KEYS: claim   ARGV: ms that it holds. A name that no other rebuild has, or nothing where one is under way.
_CLAIM = Script("""
local now = redis.call('TIME')
local name = now[1] .. '.' .. now[2]
if redis.call('SET', KEYS[1], name, 'NX', 'PX', ARGV[1]) then return name end
return ''
""")
# KEYS: claim, epoch   ARGV: its name, ms that it holds from now on, epoch ('' until all is written). 0: it is lost.
_HOLD = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], ARGV[3]) end
return 1
""")
# KEYS: seen   ARGV: what was read there ('' for nothing), what shall be. A slow replica never puts an older one back.
_SEEN = Script("""
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""")
# KEYS: epoch, which says where in a cluster   ARGV: cursor, pattern. The next cursor, then name, value, life (ms)...
_ENTRIES = Script("""
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 1000)
local told = {found[1]}
for _, key in ipairs(found[2]) do
  local life = redis.call('PTTL', key)
  if life > 0 then
    local value = redis.call('GET', key)
    table.insert(told, key)
    table.insert(told, value)
    table.insert(told, life)
  end
end
return told
""")
# KEYS: epoch, evicted, server. What stands there, then of INFO the policy, how many keys were evicted so far, and which
# server it is: all of one server at one moment. '' for what it does not tell: some managed servers refuse INFO.
_LOOK = Script("""
local function told(section, name)
  local info = redis.pcall('INFO', section)
  return type(info) == 'string' and string.match(info, '\\n' .. name .. ':([^\\r\\n]*)') or ''
end
local found = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
return {found[1], found[2], found[3],
        told('memory', 'maxmemory_policy'), told('stats', 'evicted_keys'), told('server', 'run_id')}
""")
BATCH = 1000
"""Rows that one script puts in."""
JUDGED_SECONDS = 1.0
"""So long a server is believed after a look at it: an entry that it loses at once is missed no longer than a second."""
_CLAIM_MS, _DONE_MS = 5000, 1000


class Judgement(NamedTuple):
    """Of one look at Redis. `unfit`: a reason not to keep a revocation set in it. `holes`: one for which the set may
    lack entries. With neither it is believed."""

    unfit: str | None
    holes: str | None


class _Look(NamedTuple):
    """What `_LOOK` told."""

    epoch: str | None
    evicted_then: str | None
    server_then: str | None
    policy: str
    evicted: str
    server: str

    def judged(self) -> Judgement:
        # Who refuses INFO sets the policy himself, and it is his word that we have then.
        if self.policy not in ("", "noeviction"):
            told = f"maxmemory-policy is {self.policy}: it must be noeviction, or evicted revocations come back to life"
            return Judgement(told, None)
        if self.epoch is not None and (self.evicted_then is None or int(self.evicted_then) != int(self.evicted or 0)):
            return Judgement(None, "evicted")  # where the count is gone, it was evicted itself
        if self.server_then and self.server and self.server_then != self.server:
            return Judgement(None, "another_server")
        return Judgement(None, None)


class Claim(NamedTuple):
    """Of a rebuild, and what the server had evicted, and which one it was, before anything was read for it."""

    name: str
    evicted: int
    server: str


class Answer(Enum):
    """What the revocation set in Redis says of a token."""

    REVOKED = "revoked"
    LIVE = "live"
    UNTRUSTED = "untrusted"


class RevocationSet:
    """This replica's view of the set: what it requires (`require`) and the newest mark it saw."""

    def __init__(self, redis: RedisStore) -> None:
        self._redis = redis
        self._head = redis.key("rev", "")
        self._epoch_key = redis.key("rev", "epoch")
        self._mark_key = redis.key("rev", "mark")
        self._evicted_key = redis.key("rev", "evicted")
        self._seen_key = redis.key("rev", "seen")
        self._server_key = redis.key("rev", "server")
        self._claim_key = redis.key("rev", "rebuilding")
        self._required: str | None = None
        self._newest_mark = -1
        self._judging = asyncio.Lock()
        self._judged_at = -math.inf
        self._vetted: object | None = None

    def require(self, epoch: str) -> None:
        """Believe only content copied under this epoch."""
        if epoch != self._required:
            self._required = epoch
            self._newest_mark = -1

    def expect(self, mark: int) -> None:
        """Believe only content that has come as far as this mark."""
        self._newest_mark = max(self._newest_mark, mark)

    async def find(self, token: Bearer) -> Answer:
        """Look a token up, in one round trip. Raises StoreUnavailable."""
        named = keys_of(token)
        keys = [f"{self._head}{kind}:{subject}" for kind, subject, _ in named]
        epoch, mark, *values = await self._redis.command("MGET", self._epoch_key, self._mark_key, *keys)
        whole = self._is_vetted() and epoch is not None and epoch == self._required and mark is not None
        if not whole or int(mark) < self._newest_mark:
            # What it does hold is true all the same: entries are only ever written after their commit.
            return Answer.REVOKED if self._voids(named, values) else Answer.UNTRUSTED
        self._newest_mark = int(mark)
        return Answer.REVOKED if self._voids(named, values) else Answer.LIVE

    @staticmethod
    def _voids(named: Sequence[tuple[str, str, int | None]], values: Sequence[str | None]) -> bool:
        return any(
            value is not None and (issued_at is None or issued_at <= int(value))
            for (_, _, issued_at), value in zip(named, values, strict=True)
        )

    async def add(self, rows: Sequence[Revocation]) -> None:
        """Put revocations in after their commit. The mark does not move: only a copy in PostgreSQL's order may do so.

        Raises StoreUnavailable. A set that is full is declared foreign first: better slow than wrong.
        """
        try:
            await self._write("", 0, 0, rows)
        except StoreUnavailable as error:
            if error.kind == "full":
                await self._redis.command("DEL", self._epoch_key)
            raise

    async def hint(self) -> None:
        """Tell every worker that there is something to read in PostgreSQL. Raises StoreUnavailable."""
        await self._redis.command("PUBLISH", self._epoch_key, "")

    def hints(self) -> AsyncIterator[None]:
        """An item for each hint, `add` gives one too; raises StoreUnavailable when Redis goes away."""
        return self._redis.heard(self._epoch_key)

    async def position(self) -> tuple[str | None, int | None, str | None]:
        """(epoch, mark, how far PostgreSQL was seen) as they stand in Redis."""
        epoch, mark, seen = await self._redis.command("MGET", self._epoch_key, self._mark_key, self._seen_key)
        return epoch, None if mark is None else int(mark), seen

    async def remember(self, read: str | None, seen: str) -> None:
        """How far PostgreSQL was seen, in place of what was `read`. Raises StoreUnavailable."""
        await self._redis.script(_SEEN, [self._seen_key], [read or "", seen])

    async def entries(self) -> list[Revocation]:
        """All that it holds. Each is true, whole or not: it was put in after its commit. Raises StoreUnavailable."""
        found: dict[tuple[str, str], Revocation] = {}
        head, cursor = self._head, "0"
        while True:
            cursor, *words = await self._redis.script(_ENTRIES, [self._epoch_key], [cursor, f"{_literally(head)}*:*"])
            for name, value, life in zip(words[::3], words[1::3], words[2::3], strict=True):
                kind, _, subject = str(name).removeprefix(head).partition(":")
                found[kind, subject] = Revocation(kind, subject, int(value), int(life) / 1000)
            if str(cursor) == "0":
                return list(found.values())

    async def copy(self, rows: Sequence[Revocation], *, epoch: str, read_mark: int, mark: int) -> bool:
        """Bring the set from `read_mark` to `mark`. False: Redis went back or was rebuilt meanwhile; look again.

        Only the last batch moves the mark: a copy cut in the middle is a copy still to be made. Until it is made, by
        whomever, the set is not believed. Raises StoreUnavailable.
        """
        batches = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)] or [()]
        try:
            for batch in batches[:-1]:
                if await self._write(epoch, read_mark, read_mark, batch) != "copied":
                    return False
            return await self._write(epoch, read_mark, mark, batches[-1]) == "copied"
        finally:
            self.expect(mark)

    async def claim_rebuild(self) -> Claim | None:
        """To be made before PostgreSQL is read: whatever this server loses from now on is a hole in what will be built.

        One replica rebuilds at a time; the claim lapses after 5 s, and 1 s after the work was done: by then all others
        have read that it was. None: another has it. Raises StoreUnavailable.
        """
        name: str = await self._redis.script(_CLAIM, [self._claim_key], [_CLAIM_MS])
        if not name:
            return None
        look = await self._look()
        return Claim(name, int(look.evicted or 0), look.server)

    async def rebuild(self, rows: Sequence[Revocation], claim: Claim, *, epoch: str, mark: int) -> bool:
        """Fill the set anew under `epoch`. Foreign to every reader until the last command. False: the claim was lost,
        as in a Redis that was emptied meanwhile; look again. Raises StoreUnavailable.
        """
        await self._redis.command("DEL", self._epoch_key)
        await self._redis.command("SET", self._evicted_key, claim.evicted)
        await self._redis.command("SET", self._server_key, claim.server)
        await self._redis.command("SET", self._mark_key, mark)
        for start in range(0, len(rows), BATCH):
            await self._write("", 0, 0, rows[start : start + BATCH])
            if not await self._hold(claim, _CLAIM_MS):
                return False
        return await self._hold(claim, _DONE_MS, epoch)

    async def _hold(self, claim: Claim, milliseconds: int, epoch: str = "") -> bool:
        keys, args = [self._claim_key, self._epoch_key], [claim.name, milliseconds, epoch]
        return bool(await self._redis.script(_HOLD, keys, args))

    async def _write(self, epoch: str, read_mark: int, mark: int, rows: Sequence[Revocation]) -> str:
        keys = [f"{self._head}{row.kind}:{row.subject}" for row in rows]
        args = [word for row in rows for word in (row.not_before, max(1, int(row.keep_seconds * 1000)))]
        done: str = await self._redis.script(
            _WRITE, [self._epoch_key, self._mark_key, *keys], [epoch, read_mark, mark, *args]
        )
        return done

    async def judge(self) -> Judgement:
        """Look at the server. Without a reason against it, it is believed for a second from now on, as long as it is
        the same one. An evicted entry would un-revoke a token. Raises StoreUnavailable: the look before still holds.

        `holes` is `evicted` where this server evicted keys, or began to count anew, since the set was built, and
        `another_server` where it is not the one that was filled, and nobody knows what that one lost before.
        """
        async with self._judging:
            began, server = monotonic(), self._redis.route.serving(self._epoch_key)
            judgement = (await self._look()).judged()
            same = server is self._redis.route.serving(self._epoch_key)
            self._vetted = server if same and judgement == (None, None) else None
            self._judged_at = began
            return judgement

    @property
    def judged_since(self) -> float:
        """Seconds since the last look began."""
        return monotonic() - self._judged_at

    def _is_vetted(self) -> bool:
        if self._vetted is None or self.judged_since > JUDGED_SECONDS:
            return False
        return self._vetted is self._redis.route.serving(self._epoch_key)

    async def _look(self) -> _Look:
        return _Look(*await self._redis.script(_LOOK, [self._epoch_key, self._evicted_key, self._server_key], []))


def _literally(text: str) -> str:
    """A text as a pattern of SCAN that matches nothing else."""
    return "".join("\\" + char if char in "*?[]\\" else char for char in text)
