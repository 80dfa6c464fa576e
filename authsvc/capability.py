"""A capability: what one part of the service brings besides its wings. `app.py` lists them all on one screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from authsvc.rules.discovery import Lines, no_lines
from authsvc.runtime import Runtime


def _hold_nothing(_runtime: Runtime) -> None:
    """Most capabilities answer within moments."""


async def _nothing_to_give_back(_runtime: Runtime) -> None:
    """Most capabilities hold nothing that others could use."""


@dataclass(frozen=True, slots=True)
class Capability:
    """`loops` run side by side while the service is up, and end only when they are cancelled."""

    name: str
    loops: tuple[Callable[[Runtime], Coroutine[Any, Any, None]], ...] = ()
    metadata: Lines = no_lines
    """Its members of the metadata of the authorization server (RFC 8414), and so of both documents."""
    openid_metadata: Lines = no_lines
    """Its members of OpenID Connect Discovery alone."""
    drain: Callable[[Runtime], None] = _hold_nothing
    """Called when the service will end: no request may be held by this capability from now on."""
    give_back: Callable[[Runtime], Awaitable[None]] = _nothing_to_give_back
    """Awaited after the loops have ended, while the stores are still there."""
