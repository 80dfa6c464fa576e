"""`authsvc serve`, but for faults that are built into it: it dies by SIGKILL at a step of its work, or works by a
broken statement. Nothing of this is in the service.

    LABORATORY_DIRECTORY   a file there with the name of a point arms it: who passes next takes the file along and dies
    LABORATORY_MUTANT      the name of a mutant (tests/laboratory/mutants.py)
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any

DIRECTORY, MUTANT = "LABORATORY_DIRECTORY", "LABORATORY_MUTANT"
BEFORE, AFTER, AMID = "before", "after", "amid"

# Of POST /token with a refresh token, in the order of its steps: the module, what it calls there, and when it dies.
ROTATION: dict[str, tuple[str, str, str]] = {
    "before-client": ("authsvc.flows.token.pipeline", "authenticate_client", BEFORE),
    "after-client": ("authsvc.flows.token.pipeline", "authenticate_client", AFTER),
    "before-keys": ("authsvc.flows.token.pipeline", "require_keys", BEFORE),
    "before-turn": ("authsvc.store.token.grants", "Turns.run", BEFORE),
    "before-statement": ("authsvc.store.token.grants", "refresh", BEFORE),
    "before-sending": ("authsvc.store.postgres", "Database._once", BEFORE),
    "amid-statement": ("authsvc.store.token.grants", "refresh", AMID),
    "after-commit": ("authsvc.store.token.grants", "refresh", AFTER),
    "after-turn": ("authsvc.store.token.grants", "Turns.run", AFTER),
    "before-issuing": ("authsvc.flows.token.pipeline", "issue", BEFORE),
    "before-signing": ("authsvc.flows.token.tokens", "signed", BEFORE),
    "after-signing": ("authsvc.flows.token.tokens", "signed", AFTER),
    "after-issuing": ("authsvc.flows.token.pipeline", "issue", AFTER),
    "before-rendering": ("authsvc.web.token", "token_response", BEFORE),
    "before-writing": ("authsvc.serving.protocol", "DeadlineProtocol._answered_whole", BEFORE),
    "after-writing": ("authsvc.serving.protocol", "DeadlineProtocol._answered_whole", AFTER),
}
# Of an end of a session, and of a code.
ENDING: dict[str, tuple[str, str, str]] = {
    "before-end": ("authsvc.store.session.sessions", "end", BEFORE),
    "amid-end": ("authsvc.store.session.sessions", "end", AMID),
    "after-end": ("authsvc.store.session.sessions", "end", AFTER),
    "before-revoke": ("authsvc.store.token.grants", "revoke", BEFORE),
    "after-revoke": ("authsvc.store.token.grants", "revoke", AFTER),
    "before-publishing": ("authsvc.store.revocation.revocation_set", "RevocationSet.add", BEFORE),
    "after-publishing": ("authsvc.store.revocation.revocation_set", "RevocationSet.add", AFTER),
    "before-redemption": ("authsvc.store.authorize.codes", "redeem", BEFORE),
    "after-redemption": ("authsvc.store.authorize.codes", "redeem", AFTER),
}
POINTS = {**ROTATION, **ENDING}
# These are passed by other requests too: they count within a refresh alone.
WITHIN_REFRESH = {"before-sending", "before-writing", "after-writing"}

_refreshing: ContextVar[bool] = ContextVar("refreshing", default=False)


def pass_by(name: str) -> None:
    """Die here, if this point is armed."""
    if name in WITHIN_REFRESH and not _refreshing.get():
        return
    try:
        os.unlink(os.path.join(os.environ[DIRECTORY], name))
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


async def _amid(name: str, work: Any) -> Any:
    """Some turns of the loop after the work began: the statement is on its way, or done, and nobody knows."""
    task = asyncio.ensure_future(work)
    if os.path.exists(os.path.join(os.environ[DIRECTORY], name)):
        await asyncio.sleep(0.001)
        pass_by(name)
    return await task


def guarded(function: Callable[..., Any], name: str, when: str) -> Callable[..., Any]:
    @wraps(function)
    async def awaiting(*args: Any, **options: Any) -> Any:
        if when == BEFORE:
            pass_by(name)
        if when == AMID:
            return await _amid(name, function(*args, **options))
        answer = await function(*args, **options)
        if when == AFTER:
            pass_by(name)
        return answer

    @wraps(function)
    def calling(*args: Any, **options: Any) -> Any:
        if when == BEFORE:
            pass_by(name)
        answer = function(*args, **options)
        if when == AFTER:
            pass_by(name)
        return answer

    return awaiting if iscoroutinefunction(function) else calling


def _within_refresh(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def refresh(*args: Any, **options: Any) -> Any:
        _refreshing.set(True)  # of this request's task: what writes its answer runs there, too
        return await function(*args, **options)

    return refresh


def place_points() -> None:
    for name, (module_name, path, when) in POINTS.items():
        holder: Any = import_module(module_name)
        *owners, last = path.split(".")
        for owner in owners:
            holder = getattr(holder, owner)
        setattr(holder, last, guarded(getattr(holder, last), name, when))
    grants = import_module("authsvc.store.token.grants")
    turns = grants.Turns
    turns.run = _within_refresh(turns.run)


def main() -> None:
    if os.environ.get(DIRECTORY):
        place_points()
    if mutant := os.environ.get(MUTANT):
        from tests.laboratory.mutants import apply

        apply(mutant)
    import_module("authsvc.cli").main()


if __name__ == "__main__":
    main()
