"""Passwords: argon2id in a small thread pool of its own, never on the event loop.

The pool is bounded twice: few threads (hashing is memory-hard on purpose), and a short queue of which strangers may
use half, so that a flood of guesses leaves room for people on a known device. Before that queue stands a line for each
account and each network, so that neither fills it: one account holder with eight devices would shut out all others.
Unknown accounts take the same place and the same time as known ones.

The same letters are the same password, whichever way a keyboard encodes them: all forms are tried in one place of the
queue, and new hashes are of NFC.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import field
from hashlib import sha1
from pathlib import Path
from typing import TypeVar
from unicodedata import normalize
from weakref import WeakValueDictionary

import bcrypt
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from authsvc import traces
from authsvc.records import frozen
from authsvc.rules.errors import Unavailable

Result = TypeVar("Result")

_BCRYPT_BYTES = 72
"""bcrypt reads no further; hashes of an existing system were made that way, bcrypt 5 raises instead."""


OF_ACCOUNT = 2
"""Hashes that may be under way for one account. For one network: a few more than there are threads, twice over."""


GIVE_WAY = 5
"""By so much hash threads are nicer than others: a third of the weight where cores are short."""

LEAST_LINE = 50
"""So many may wait in a line, or as many as in the queue; what counts failed attempts lets fewer come at once."""


@frozen
class Asker:
    """On whose behalf is hashed: names that mean something to the caller alone. `known`: on a device seen before."""

    account: str
    network: str
    known: bool


def _is_in_list(directory: Path, forms: Iterable[str]) -> bool:
    """Breach lists come as files called by five hex digits of a SHA-1, with a line for each rest: `REST:COUNT`. A count
    of 0 is padding. A file that is not there, or cannot be read, holds nothing."""
    for form in forms:
        digest = sha1(form.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper()
        head, rest = digest[:5], digest[5:].encode()
        for name in (head, f"{head}.txt", head.lower(), f"{head.lower()}.txt"):
            with suppress(OSError), (directory / name).open("rb") as lines:
                for line in lines:
                    found, _, count = line.strip().partition(b":")
                    if found.upper() == rest:
                        return count != b"0"
                break
    return False


def usual_threads(cores: float, memory: float, *, hash_kib: int, workers: int) -> int:
    """Of one of so many workers: half its share of the cores hashes, in half its share of the memory (bytes). The loop
    needs a core, too, and a flood of guesses must not end a replica whose container has no memory for it."""
    return max(1, int(min(cores / 2, memory / 2 / (hash_kib * 1024)) / workers))


def _give_way() -> None:
    """Let the thread that calls stand back where all cores are busy: guesses fill every hash thread there is, and
    whoever refreshes must not wait behind them. Linux alone has a niceness of threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + GIVE_WAY)


class _Line:
    """Who waits for a turn of one account or one network: first come, first served, and not too many."""

    def __init__(self, turns: int, most: int) -> None:
        self._turns = asyncio.Semaphore(turns)
        self._most = most
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        if self._waiting >= self._most:
            raise Unavailable("hash_line_full", retry_after=2)
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()


@frozen
class Checked:
    """`upgrade` is a new hash of the same password where the stored one is weaker than today's parameters, or is not of
    its form NFC."""

    right: bool
    upgrade: str | None = field(repr=False, default=None)


def forms_of(password: str) -> tuple[str, ...]:
    """What a password may have been when it was hashed: as typed first, then in its other Unicode normal forms, where
    they differ. Keyboards and browsers write the same letters composed or decomposed (NIST SP 800-63B-4 section
    3.1.1.2)."""
    return tuple(dict.fromkeys((password, *(normalize(form, password) for form in ("NFC", "NFD", "NFKC")))))


class Passwords:
    """Hashes and checks passwords in threads; what waits is bounded, and more is refused."""

    def __init__(
        self, *, memory_kib: int, time_cost: int, parallelism: int, threads: int, queue: int, breached_dir: str = ""
    ) -> None:
        self._breached_dir = breached_dir
        self._hasher = PasswordHasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism, type=Type.ID
        )
        self._threads = threads
        self._queue = queue
        self._pool = ThreadPoolExecutor(self._threads, "authsvc-hash", initializer=_give_way)
        self._inside = 0
        self._lines: WeakValueDictionary[tuple[str, str], _Line] = WeakValueDictionary()
        # No password has this hash. It is written, not computed: the first stranger would wait for it twice as long.
        self._dummy = f"$argon2id$v=19$m={memory_kib},t={time_cost},p={parallelism}${'A' * 22}${'A' * 43}"

    @property
    def under_way(self) -> int:
        """Hashes that threads work on, and those that wait for one."""
        return self._inside

    async def hash(self, password: str, asker: Asker | None = None) -> str:
        """A new argon2id hash. `asker`: None for an operator. Raises Unavailable when the queue is full."""
        return await self._run(lambda: self._new_hash(password), asker)

    async def check(self, password: str, stored: str | None, asker: Asker) -> Checked:
        """Compare with a stored hash, or with a dummy where there is none.

        Raises Unavailable, before any hashing, when the queue of this lane, or the line before it, is full.
        """
        return await self._run(lambda: self._check(password, stored), asker)

    async def is_breached(self, password: str) -> bool:
        """Whether a list of leaked passwords holds it, in any of its forms. False where no list is named."""
        if not self._breached_dir:
            return False
        return await asyncio.to_thread(_is_in_list, Path(self._breached_dir), forms_of(password))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], Result], asker: Asker | None) -> Result:
        with traces.span("hash"):
            return await self._in_line(work, asker)

    async def _in_line(self, work: Callable[[], Result], asker: Asker | None) -> Result:
        if asker is None:
            return await self._queued(work, known=True)
        account = self._line("account", asker.account, OF_ACCOUNT)
        network = self._line("network", asker.network, 2 * self._threads + 2)
        async with account.turn(), network.turn():
            return await self._queued(work, known=asker.known)

    def _line(self, kind: str, name: str, turns: int) -> _Line:
        line = self._lines.get((kind, name))
        if line is None:  # it goes when nobody waits in it
            line = self._lines[kind, name] = _Line(turns, max(self._queue, LEAST_LINE))
        return line

    def refuse_when_full(self, *, known: bool) -> None:
        """Raises Unavailable where a hash asked for now would be turned away: to be asked before a store is."""
        if self._inside >= self._threads + (self._queue if known else self._queue // 2):
            raise Unavailable("hash_queue_full", retry_after=2)

    async def _queued(self, work: Callable[[], Result], *, known: bool) -> Result:
        self.refuse_when_full(known=known)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._inside -= 1

    def _check(self, password: str, stored: str | None) -> Checked:
        forms = forms_of(password)
        if stored is None:
            for form in forms:
                self._verify(self._dummy, form)
            return Checked(False)
        right = next((form for form in forms if self._matches(stored, form)), None)
        if right is None:
            return Checked(False)
        return Checked(True, self._upgrade(stored, right))

    def _matches(self, stored: str, password: str) -> bool:
        if not stored.startswith("$2"):
            return self._verify(stored, password)
        try:
            return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], stored.replace("$2y$", "$2b$", 1).encode())
        except ValueError:
            return False

    def _upgrade(self, stored: str, right: str) -> str | None:
        if stored.startswith("$2"):
            # Of a longer one the end was not checked: it may be a slip.
            return None if len(right.encode()) > _BCRYPT_BYTES else self._new_hash(right)
        if self._hasher.check_needs_rehash(stored) or normalize("NFC", right) != right:
            return self._new_hash(right)
        return None

    def _new_hash(self, password: str) -> str:
        return self._hasher.hash(normalize("NFC", password))

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
