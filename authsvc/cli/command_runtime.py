"""A command's Runtime: opened from AUTHSVC_*, checked against the database, and always closed."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from authsvc import logs
from authsvc.cli.console import Refused
from authsvc.clock import monotonic
from authsvc.flows.upkeep.follow_changes import schema_is_current
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from authsvc.store import health
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import OF_COMMANDS

Answer = TypeVar("Answer")


def actor() -> str:
    """Who the audit events say did it: the user of the operating system, whatever the environment claims."""
    try:
        return f"cli:{pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return f"cli:{os.geteuid()}"


def open_from(environ: Mapping[str, str]) -> Runtime:
    """Open the Runtime of a command from the environment, with deadlines that suit an operator. For a command. Raises
    SettingsError, MasterKeyError."""
    return open_runtime(load(environ), deadlines=OF_COMMANDS)


def operate(work: Callable[[Runtime], Awaitable[Answer]], *, migrated: bool = True) -> Answer:
    """Run `work(runtime)` to its end. The clock is PostgreSQL's; `migrated`: refuse a database that is behind.

    Raises SettingsError, StoreUnavailable, and what `work` raises.
    """
    logs.configure("error", "console", sys.stderr)  # standard output is the command's

    async def whole() -> Answer:
        runtime = open_from(os.environ)
        try:
            if migrated:
                await _ready(runtime)
            return await work(runtime)
        finally:
            await runtime.close()

    return asyncio.run(whole())


async def _ready(runtime: Runtime) -> None:
    if not await schema_is_current(runtime):
        raise Refused("the database is behind this version of authsvc; run `authsvc migrate` first")
    asked_at = monotonic()
    runtime.clock.align(await health.now(runtime.db), asked_at, monotonic())


async def warm_redis(runtime: Runtime) -> None:
    """Connect now: what acknowledges an ending gives Redis 50 ms, and a new connection may need longer."""
    with suppress(StoreUnavailable):
        await runtime.redis.command("PING")
