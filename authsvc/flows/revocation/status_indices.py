"""Indices of status lists for access tokens: leased ahead of need, written down after the fact.

A token is given its index from memory. Within half a second PostgreSQL is told what could void it, in one statement for
all tokens since; until then only this process knows. So a block whose process is not heard of any more is void wherever
nothing was written: a crash costs some people a refresh, and lets nobody keep a token that was revoked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from authsvc.clock import monotonic
from authsvc.flows.caller.authenticate_bearer import bearer_in
from authsvc.logs import get_logger
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Unavailable
from authsvc.rules.resource import overlap
from authsvc.rules.revocation.status_list import BLOCK, REQUEST_SECONDS, ListName, place_of, slice_end, status_claim
from authsvc.runtime import Memory, Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.revocation import status_lists
from authsvc.store.revocation.revocations import keys_of
from authsvc.store.revocation.status_lists import HOLD_SECONDS, Block, StatusIndices

SPARE_LEASED_AHEAD = BLOCK // 2
SPARE_TO_GO_ON = BLOCK // 8
"""With fewer to spare a request waits for a block."""
AHEAD_SECONDS = 30
IDLE_SECONDS = 600
"""After so long without a token of a life no blocks are kept for it."""
RENEW_SECONDS = HOLD_SECONDS / 4

_shuffler = random.SystemRandom()
log = get_logger()
status_indices = Memory(StatusIndices)


def names_list(runtime: Runtime, client: Client, audience: Sequence[str]) -> bool:
    """Whether a token of this client for this audience names a status list."""
    audiences = runtime.settings.status_list_audiences
    return client.tokens.status_list or bool(audiences and overlap(audiences, audience))


class IndexAtHand:
    """`async with`, around every request for a token, before anything is committed for it: inside, there is an index
    for it, however many others are on their way. Raises StoreUnavailable. A class, for it is on the hottest paths."""

    __slots__ = ("_client", "_promised", "_runtime")

    def __init__(self, runtime: Runtime, client: Client) -> None:
        self._runtime, self._client, self._promised = runtime, client, False

    async def __aenter__(self) -> None:
        runtime, client = self._runtime, self._client
        if _may_name_list(runtime, client):
            indices, life = status_indices.of(runtime), _life(runtime, client)
            indices.lives[life] = monotonic()
            ends_at = _slice_for(runtime, life)
            if indices.spare(ends_at) < SPARE_TO_GO_ON:
                await _lease(runtime, ends_at, SPARE_TO_GO_ON)
            indices.waiting += 1
            self._promised = True

    async def __aexit__(self, *_: object) -> None:
        if self._promised:
            status_indices.of(self._runtime).waiting -= 1


def give_index(runtime: Runtime, client: Client, claims: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The claim `status` for a token with these claims. Raises Unavailable."""
    # Not this token's own end: tokens of a life are in the same lists, however short some of them are.
    least = now.timestamp() + _life(runtime, client) + runtime.settings.clock_skew_seconds
    entry = status_indices.of(runtime).take(least, keys_of(bearer_in(claims)))
    if entry is None:
        raise Unavailable("no_status_index")
    return status_claim(runtime.settings.issuer, ListName(entry.ends_at, entry.salt, entry.part), entry.index)


def _may_name_list(runtime: Runtime, client: Client) -> bool:
    """Before the audience is known."""
    return client.tokens.status_list or bool(runtime.settings.status_list_audiences)


def _life(runtime: Runtime, client: Client) -> int:
    """Seconds; a token may live shorter, and is then in the list of those that do not."""
    return client.tokens.access_token_seconds or runtime.settings.access_token_seconds


def _slice_for(runtime: Runtime, life: int, ahead: int = 0) -> int:
    """The slice of tokens that live so long and are issued `ahead` seconds from now, or as long after that as a request
    takes. A verifier whose clock is behind needs the list after the end of the token."""
    spare = runtime.settings.clock_skew_seconds + REQUEST_SECONDS
    return slice_end(runtime.clock.seconds() + life + ahead + spare)


async def keep_for_ever(runtime: Runtime) -> None:
    """Keep indices ready, until cancelled: write down and lease ahead, as often as this worker follows changes."""
    silent = False
    while True:
        await asyncio.sleep(runtime.settings.sync_interval_seconds)
        try:
            await keep_once(runtime)
            silent = False
        except StoreUnavailable as error:
            if not silent:
                log.error(
                    "status_indices_not_written", reason=error.kind, count=len(status_indices.of(runtime).pending)
                )
            silent = True
        except Exception as error:  # tokens would be issued and never written down: never stop
            log.error("status_indices_failed", error_type=type(error).__name__, exc_info=True)


async def keep_once(runtime: Runtime) -> None:
    """Write down what was issued, and lease what will be needed, once. Raises StoreUnavailable."""
    indices = status_indices.of(runtime)
    if not (indices.lives or indices.blocks or indices.pending):
        return
    indices.lives = {life: at for life, at in indices.lives.items() if monotonic() - at < IDLE_SECONDS}
    wanted = {_slice_for(runtime, life, ahead) for life in indices.lives for ahead in (0, AHEAD_SECONDS)}
    for ends_at in wanted:  # first: a request that was promised an index of a slice before may take one of these
        await _lease(runtime, ends_at, SPARE_LEASED_AHEAD)
    await write_down(runtime, keep=wanted)


async def write_down(runtime: Runtime, keep: set[int]) -> None:
    """Tell PostgreSQL what was issued, keep the blocks of these slices, give back the others and those that are used up
    or were not heard of for too long. Raises StoreUnavailable; then all is as it was."""
    indices = status_indices.of(runtime)
    async with indices.writing:
        held = [block for block in indices.blocks if block.ends_at in keep and block.usable()]
        # A block is out of use before it is given back; what it gave away goes in the same statement.
        done = [block for block in indices.blocks if block not in held]
        for block in done:
            block.left.clear()
        entries = list(indices.pending)
        asked_at = monotonic()
        if not entries and not done and all(asked_at - block.heard_at < RENEW_SECONDS for block in held):
            return
        known = await status_lists.record(
            runtime.db, entries, held=[block.leased for block in held], done=[block.leased for block in done]
        )
        del indices.pending[: len(entries)]
        for block in held:
            if block.leased in known:
                block.heard_at = asked_at
            else:  # a failover forgot it
                block.left.clear()
        gone = {block.leased for block in done}
        indices.blocks = [block for block in indices.blocks if block.leased not in gone]


async def give_back(runtime: Runtime) -> None:
    """At the end: write down the last tokens and give back every block. What cannot be written counts as void."""
    if status_indices.of(runtime).blocks:
        with suppress(StoreUnavailable):
            await write_down(runtime, keep=set())


async def _lease(runtime: Runtime, ends_at: int, least: int) -> None:
    """Blocks, until there are `least` indices of a slice to spare. Raises StoreUnavailable."""
    indices = status_indices.of(runtime)
    async with indices.leasing:
        while indices.spare(ends_at) < least:
            asked_at = monotonic()
            leased = await status_lists.lease(runtime.db, ends_at)
            if leased is None:
                return
            part, first = place_of(leased.number)
            left = list(range(first, first + BLOCK))
            _shuffler.shuffle(left)
            indices.blocks.append(Block(leased, ends_at, part, left, asked_at))
