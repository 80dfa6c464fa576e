"""A command's work: with a Runtime opened from AUTHSVC_*, checked against the database, and always closed.

What is slow to import is imported when the work begins, so that a command may name this module at its top.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeVar

import click

from authsvc.cli.console import Refused, complain, inert
from authsvc.clock import monotonic
from authsvc.keys.plans import PlanRefused
from authsvc.rules.refused import Refused as RefusedByRule
from authsvc.settings import load
from authsvc.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from authsvc.runtime import Runtime

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
    from authsvc.runtime import open_runtime
    from authsvc.store.postgres import OF_COMMANDS

    return open_runtime(load(environ), deadlines=OF_COMMANDS)


def granted(
    verdict: Answer | RefusedByRule | PlanRefused,
    said: Callable[[str], str] = str,
    other_words: type[click.ClickException] = click.UsageError,
) -> Answer:
    """What a rule or a flow says, unless it refuses. Raises Refused (exit 1) where that depends on what is stored, and
    `other_words` (exit 2) where other words are needed. `said`: the description as this command says it."""
    if isinstance(verdict, PlanRefused):
        raise Refused(inert(said(verdict.reason)))
    if isinstance(verdict, RefusedByRule):
        kind = Refused if verdict.error in ("conflict", "not_found") else other_words
        raise kind(inert(said(verdict.description)))
    return verdict


def operate(
    work: Callable[[Runtime, str], Awaitable[Answer | RefusedByRule | PlanRefused]],
    *,
    migrated: bool = True,
    warm_redis: bool = False,
    warn_of: Literal["settings", "algorithms"] | None = None,
    said: Callable[[str], str] = str,
    other_words: type[click.ClickException] = click.UsageError,
) -> Answer:
    """Run `work(runtime, actor)` to its end, and give what it is `granted`. The clock is PostgreSQL's.

    `migrated`: refuse a database that is behind. `warm_redis`: connect before; what acknowledges an ending gives Redis
    50 ms, and a new connection may need longer. `warn_of`: say first where this shell and the replicas differ in what
    keys are judged by, or in its `algorithms` alone. Raises SettingsError, StoreUnavailable, and what `work` and
    `granted` raise.
    """
    import asyncio

    from authsvc import logs
    from authsvc.flows.keys.served_settings import in_force
    from authsvc.store import migrate

    logs.configure("error", "console", sys.stderr)  # standard output is the command's

    async def whole() -> Answer | RefusedByRule | PlanRefused:
        runtime = open_from(os.environ)
        try:
            if migrated:
                if await migrate.check(runtime.db):
                    raise Refused("the database is behind this version of authsvc; run `authsvc migrate` first")
                await align_clock(runtime)
            if warn_of:
                found = (await in_force(runtime)).disagreements
                complain(*(line for name, line in found.items() if warn_of == "settings" or name.endswith(warn_of)))
            if warm_redis:
                with suppress(StoreUnavailable):
                    await runtime.redis.command("PING")
            return await work(runtime, actor())
        finally:
            await runtime.close()

    return granted(asyncio.run(whole()), said, other_words)


async def align_clock(runtime: Runtime) -> None:
    """Set the clock to PostgreSQL's. Raises StoreUnavailable."""
    from authsvc.store import health

    asked_at = monotonic()
    runtime.clock.align(await health.now(runtime.db), asked_at, monotonic())


async def dated(runtime: Runtime, work: Awaitable[Answer | RefusedByRule | PlanRefused]) -> tuple[Answer, datetime]:
    """What `work` is granted, and the time at which it was, for what is shown as `in 3 d`."""
    return granted(await work), runtime.clock.now()
