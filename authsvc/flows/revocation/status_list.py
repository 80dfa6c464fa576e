"""GET /statuslists/{id}: a list is computed from PostgreSQL, signed, and sent from memory until it is too old for it.

Whoever asks meanwhile gets the same bytes, also at other workers, who find them in Redis; so nobody can make us sign or
ask PostgreSQL more often than once a list in that time (without Redis once a worker). A list that is too old is never
sent: with PostgreSQL away we cannot know what was revoked at another replica, and a verifier's own policy is better
than a promise of ours that does not hold.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from hashlib import sha256

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.flows.keys.sign import signed
from authsvc.rules.errors import Unavailable
from authsvc.rules.revocation.status_list import (
    BLOCK,
    BLOCKS,
    STATUS_LIST_TYPE,
    ListName,
    Waits,
    encode,
    read_name,
    status_list_claims,
    waits,
)
from authsvc.runtime import Memory, Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.revocation import status_lists
from authsvc.store.revocation.status_lists import ListMemory, SignedList

SLICES_SECONDS = 0.2
"""Between two readings of the slices that there are, whatever names are made up."""

list_memory = Memory(ListMemory)


async def status_list(runtime: Runtime, text: str) -> tuple[SignedList, int] | None:
    """A status list token and the whole seconds for which it may still be sent; None: there is no such list, or it is
    over. Raises StoreUnavailable, Unavailable."""
    now = runtime.clock.seconds()
    name = read_name(text, now)
    if name is None:
        return None
    signed = list_memory.of(runtime).signed.get(text)
    if signed is None or now >= signed.fresh_until:
        if not await _exists(runtime, name):
            return None
        signed = await list_memory.of(runtime).builds.run(str(name), partial(_build, runtime, name))
        now = runtime.clock.seconds()
        if now >= signed.fresh_until:
            raise Unavailable("status_list_slow", retry_after=5)
    return signed, int(signed.fresh_until - now)


async def _exists(runtime: Runtime, name: ListName) -> bool:
    """Whether indices of this list were ever given."""
    memory = list_memory.of(runtime)
    for _ in range(2):  # a reading that was on its way already may have been too early for this list
        if _is_known(memory, name):
            return True
        joined = bool(memory.readings.running)
        await memory.readings.run("slices", partial(_read_slices, runtime))
        if not joined:
            break
    return _is_known(memory, name)


def _is_known(memory: ListMemory, name: ListName) -> bool:
    ends_at, blocks = memory.slices.get(name.salt, (0, 0))
    return ends_at == name.ends_at and blocks > name.part * BLOCKS


async def _read_slices(runtime: Runtime) -> None:
    memory = list_memory.of(runtime)
    await asyncio.sleep(memory.slices_at + SLICES_SECONDS - monotonic())
    memory.slices_at = monotonic()
    memory.slices = await status_lists.slices(runtime.db)


async def _build(runtime: Runtime, name: ListName) -> SignedList:
    memory, settings = list_memory.of(runtime), runtime.settings
    wait = waits(settings.status_list_seconds, settings.sync_interval_seconds)
    signed = await _shared(runtime, name, wait)
    if signed is None:
        async with memory.building:  # one after the other: a worker has better things to do with its connections
            with metrics.status_list_seconds.time():
                signed = await _signed(runtime, name, wait)
        with suppress(StoreUnavailable):
            await status_lists.share(runtime.redis, str(name), signed, wait.sent)
    for over in [text for text, known in memory.signed.items() if known.ends_at <= signed.built_at]:
        del memory.signed[over]
    memory.signed[str(name)] = signed
    return signed


async def _shared(runtime: Runtime, name: ListName, wait: Waits) -> SignedList | None:
    """What another worker built, if it may still be sent: it says itself how old it is."""
    with suppress(StoreUnavailable):
        found = await status_lists.shared(runtime.redis, str(name))
        if found is not None and runtime.clock.seconds() < found[0] + wait.sent:
            return _ready(name, *found, wait)
    return None


async def _signed(runtime: Runtime, name: ListName, wait: Waits) -> SignedList:
    """A list as PostgreSQL knows it now. Raises StoreUnavailable, Unavailable."""
    settings = runtime.settings
    # The time before the question: whatever was revoked until then is in the answer.
    now = runtime.clock.now()
    void = await status_lists.void_indices(runtime.db, salt=name.salt, part=name.part, block=BLOCK, blocks=BLOCKS)
    claims = status_list_claims(
        issuer=settings.issuer,
        name=name,
        lst=await asyncio.to_thread(encode, void),
        issued_at=int(now.timestamp()),
        ttl_seconds=wait.ttl,
        exp_seconds=settings.status_list_seconds + settings.clock_skew_seconds,
    )
    body = await signed(runtime, claims, STATUS_LIST_TYPE, now)
    return _ready(name, now.timestamp(), body.encode("ascii"), wait)


def _ready(name: ListName, built_at: float, body: bytes, wait: Waits) -> SignedList:
    return SignedList(body, f'"{sha256(body).hexdigest()[:32]}"', built_at, built_at + wait.sent, name.ends_at)
