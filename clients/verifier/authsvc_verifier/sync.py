"""`SyncVerifier`, for threads: the same memory, kept true by a `Verifier` on a loop of its own in a daemon thread.

A token is judged in the calling thread; the other is only asked where somebody must be asked. After a fork (gunicorn's
preload, say) each process starts a thread of its own with its first token.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from concurrent.futures import TimeoutError as NotInTime
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self, Unpack

from authsvc_verifier.claims import Claims
from authsvc_verifier.dpop import Shown
from authsvc_verifier.errors import Unavailable
from authsvc_verifier.require import NOTHING, Requirement, Stale
from authsvc_verifier.verifier import Options, Verifier

ASK_SECONDS = 10.0


class _Engine:
    """One verifier, its loop and its thread, of one process."""

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier
        self.loop = asyncio.new_event_loop()
        self.started = Event()
        self.thread = Thread(target=self._run, name="authsvc-verifier", daemon=True)
        self.thread.start()
        self.started.wait(ASK_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.create_task(self._start())
        self.loop.run_forever()
        self.loop.close()

    async def _start(self) -> None:
        await self.verifier.start()
        self.started.set()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.verifier.close(), self.loop).result(ASK_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(ASK_SECONDS)


class SyncVerifier:
    """As `Verifier`; safe to share between threads."""

    def __init__(self, issuer: str, audience: str | Collection[str], **options: Unpack[Options]) -> None:
        self._issuer, self._audience, self._options = issuer, audience, options
        self._make()  # so that wrong options are told here, not with the first token
        self._engine: _Engine | None = None
        self._lock = Lock()
        os.register_at_fork(after_in_child=self._forked)

    def _make(self) -> Verifier:
        return Verifier(self._issuer, self._audience, **self._options)

    def _forked(self) -> None:
        self._engine, self._lock = None, Lock()

    def verify(
        self,
        token: str,
        need: Requirement = NOTHING,
        *,
        stale: Stale | None = None,
        dpop: Shown | None = None,
        certificate: bytes | None = None,
    ) -> Claims:
        """As `Verifier.verify`."""
        engine = self._engine or self._start()
        verifier = engine.verifier
        verdict = verifier.state.decide(token, stale or need.stale, dpop, certificate)
        if not isinstance(verdict, Claims):
            asked = asyncio.run_coroutine_threadsafe(
                verifier.resolve(verdict, token, stale or need.stale, dpop, certificate), engine.loop
            )
            try:
                verdict = asked.result(ASK_SECONDS)
            except NotInTime:
                asked.cancel()
                raise Unavailable("issuer_silent") from None
        return verifier.fulfilled(verdict, need)

    @property
    def staleness(self) -> float:
        """As `Verifier.staleness`."""
        return (self._engine or self._start()).verifier.staleness

    def start(self) -> None:
        """Begin now, not with the first token."""
        self._start()

    def close(self) -> None:
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> _Engine:
        with self._lock:
            if self._engine is None:
                self._engine = _Engine(self._make())
            return self._engine
