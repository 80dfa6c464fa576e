"""Passwords: argon2id in a small thread pool of its own, never on the event loop.

The pool is bounded twice: few threads (hashing is memory-hard on purpose), and a short queue of which strangers may
use half, so that a flood of guesses leaves room for people on a known device. Unknown accounts take the same place
and the same time as known ones.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import bcrypt
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from authsvc.rules.errors import Unavailable

Result = TypeVar("Result")

_BCRYPT_BYTES = 72
"""bcrypt reads no further; hashes of an existing system were made that way, bcrypt 5 raises instead."""


@dataclass(frozen=True, slots=True)
class Checked:
    """`upgrade` is a new hash of the same password where the stored one is weaker than today's parameters."""

    right: bool
    upgrade: str | None = field(repr=False, default=None)


class Passwords:
    """Hashes and checks passwords in threads; what waits is bounded, and more is refused."""

    def __init__(self, *, memory_kib: int, time_cost: int, parallelism: int, threads: int, queue: int) -> None:
        self._hasher = PasswordHasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism, type=Type.ID
        )
        self._threads = threads or max(1, (os.cpu_count() or 2) // 2)
        self._queue = queue
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="authsvc-hash")
        self._inside = 0
        # No password has this hash. It is written, not computed: the first stranger would wait for it twice as long.
        self._dummy = f"$argon2id$v=19$m={memory_kib},t={time_cost},p={parallelism}${'A' * 22}${'A' * 43}"

    async def hash(self, password: str) -> str:
        """A new argon2id hash. Raises Unavailable when the queue is full."""
        return await self._run(lambda: self._hasher.hash(password), known=True)

    async def check(self, password: str, stored: str | None, *, known: bool) -> Checked:
        """Compare with a stored hash, or with a dummy where there is none. `known`: on a device seen before.

        Raises Unavailable, before any hashing, when the queue of this lane is full.
        """
        return await self._run(lambda: self._check(password, stored), known=known)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], Result], *, known: bool) -> Result:
        if self._inside >= self._threads + (self._queue if known else self._queue // 2):
            raise Unavailable("hash_queue_full", retry_after=2)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._inside -= 1

    def _check(self, password: str, stored: str | None) -> Checked:
        if stored is None:
            self._verify(self._dummy, password)
            return Checked(False)
        if stored.startswith("$2"):
            return self._check_bcrypt(password, stored)
        if not self._verify(stored, password):
            return Checked(False)
        return Checked(True, self._hasher.hash(password) if self._hasher.check_needs_rehash(stored) else None)

    def _check_bcrypt(self, password: str, stored: str) -> Checked:
        try:
            right = bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], stored.replace("$2y$", "$2b$", 1).encode())
        except ValueError:
            return Checked(False)
        return Checked(True, self._hasher.hash(password)) if right else Checked(False)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
