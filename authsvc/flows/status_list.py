"""GET /statuslists/{id}: a list is computed from PostgreSQL, signed, and served from memory until its ttl is over.

Whoever asks meanwhile gets the same bytes, so nobody can make us sign or ask PostgreSQL more often than once a list and
ttl in a worker. With PostgreSQL away the last list serves as long as it says of itself that it may be believed.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256

from authsvc.keyring.ring import NoSigningKey
from authsvc.oauth.errors import Unavailable
from authsvc.oauth.status_list import (
    BLOCK,
    BLOCKS,
    STATUS_LIST_TYPE,
    ListName,
    read_name,
    status_list_claims,
)
from authsvc.runtime import Runtime
from authsvc.store import status_lists
from authsvc.store.errors import StoreUnavailable
from authsvc.store.status_lists import SignedList


async def status_list(runtime: Runtime, text: str) -> tuple[SignedList, int] | None:
    """A status list token and the whole seconds that it may be kept; None: there is no such list, or it is over.

    Raises StoreUnavailable, Unavailable: nothing that may still be believed is at hand.
    """
    now = runtime.clock.seconds()
    name = read_name(text, now)
    if name is None:
        return None
    known = runtime.signed_lists.get(str(name))
    if known is None or now >= known.fresh_until:
        try:
            known = await _built_once(runtime, name)
        except (StoreUnavailable, Unavailable):
            if known is None or now >= known.expires_at:
                raise
    return (known, max(0, int(known.fresh_until - now))) if known else None


async def _built_once(runtime: Runtime, name: ListName) -> SignedList | None:
    """Requests that come together share one building; none of them cuts it short."""
    task = runtime.list_builds.get(str(name))
    if task is None:
        task = runtime.list_builds[str(name)] = asyncio.create_task(_build(runtime, name))

        def forget(done: asyncio.Task[SignedList | None]) -> None:
            runtime.list_builds.pop(str(name), None)
            if not done.cancelled():
                done.exception()  # everybody who asked may have gone

        task.add_done_callback(forget)
    return await asyncio.shield(task)


async def _build(runtime: Runtime, name: ListName) -> SignedList | None:
    # The time before the question: whatever was revoked until then is in the answer.
    now = runtime.clock.now()
    void = await status_lists.void_indices(
        runtime.db, ends_at=name.ends_at, salt=name.salt, part=name.part, block=BLOCK, blocks=BLOCKS
    )
    if void is None:
        return None
    ttl = runtime.settings.status_list_ttl_seconds
    claims = status_list_claims(
        issuer=runtime.settings.issuer, name=name, void=void, issued_at=int(now.timestamp()), ttl_seconds=ttl
    )
    try:
        body = runtime.keyring.sign(claims, typ=STATUS_LIST_TYPE, now=now).encode("ascii")
    except NoSigningKey as error:
        raise Unavailable("no_signing_key", retry_after=5) from error
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    signed = SignedList(body, etag, claims["iat"] + ttl, claims["exp"], name.ends_at)
    for over in [text for text, known in runtime.signed_lists.items() if known.ends_at <= claims["iat"]]:
        del runtime.signed_lists[over]
    runtime.signed_lists[str(name)] = signed
    return signed
