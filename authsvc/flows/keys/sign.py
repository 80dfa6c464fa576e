"""Signing with the key whose time it is. No other algorithm ever takes the place of the one that was asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from authsvc import traces
from authsvc.jose.names import DEFAULT_ALG
from authsvc.keys.ring import NoSigningKey
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Unavailable
from authsvc.runtime import Runtime


def offered_algorithms(runtime: Runtime) -> tuple[str, ...]:
    """What a client may choose that registers itself, and what we say that we sign with: what the key policy has, once
    a key of it has begun to sign. RS256 always (OpenID Connect Discovery section 3)."""
    in_use = runtime.keyring.in_use(runtime.clock.now())
    return tuple(alg for alg in runtime.keyring.life.algorithms if alg == DEFAULT_ALG or alg in in_use)


def require_keys(runtime: Runtime, client: Client, *, id_token: bool = False) -> None:
    """Raise unless this client's tokens can be signed; asked before anything is spent. `id_token`: it gets one, too.

    Raises Unavailable. No other algorithm takes the place of the client's: who counts on ES256 accepts nothing else.
    """
    now = runtime.clock.now()
    ready = runtime.keyring.signing_kid(now, client.tokens.access_token_signed_response_alg)
    if ready and id_token:
        ready = runtime.keyring.signing_kid(now, client.tokens.id_token_signed_response_alg)
    if ready is None:
        raise _no_signing_key()


def _no_signing_key() -> Unavailable:
    """The 503 of a request for whose algorithm no key signs now."""
    return Unavailable("no_signing_key", retry_after=5)


async def signed(runtime: Runtime, claims: dict[str, Any], typ: str, now: datetime, alg: str = DEFAULT_ALG) -> str:
    """A JWS by the key of `alg` that signs at `now`. Raises Unavailable."""
    try:
        with traces.span("sign") as span:
            span.set("authsvc.alg", alg)
            return await runtime.keyring.sign(claims, typ=typ, now=now, alg=alg)
    except NoSigningKey as error:
        raise _no_signing_key() from error
