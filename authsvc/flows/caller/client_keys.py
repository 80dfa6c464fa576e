"""The keys that prove what a client signed: registered with it, or at its `jwks_uri` (RFC 7591 section 2).

A client's host that is away is the client's trouble and none of our stores': once no good set is left, what the client
signed cannot be proved, and it is told so. `jose/client_jwks` says when its host is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.jose.algorithms import KeyRefused
from authsvc.jose.client_jwks import MAX_BYTES, KeySet, Place, RemoteKeys, read_client_jwks
from authsvc.logs import get_logger
from authsvc.outgoing import OutgoingFailed
from authsvc.rules.client_record import Client
from authsvc.rules.refused import Refused
from authsvc.runtime import Memory, Runtime
from authsvc.tasks import SharedTasks

log = get_logger()


remote_keys = Memory(RemoteKeys)
_fetches = Memory(SharedTasks[Place, None])
"""Requests for the keys of clients that are under way."""


class KeysMissing(Exception):
    """There is no key to judge by. `reason`: a lower_snake word; `description`: a constant for the client."""

    def __init__(self, reason: str, description: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.description = description


def with_judged_keys(client: Client) -> Client | Refused:
    """A client that was judged otherwise, with those of its `jwks` that can verify signatures."""
    if client.authentication.jwks is None:
        return client
    try:
        jwks = read_client_jwks(client.authentication.jwks)
    except KeyRefused as refused:
        return Refused("invalid_client_metadata", f"The jwks cannot be used: {refused}.", "jwks")
    return replace(client, authentication=replace(client.authentication, jwks=jwks))


async def keys_of(runtime: Runtime, client: Client, kid: str | None) -> Mapping[str, Any]:
    """The JWKS of a client. `kid`: what the unverified header of its signature names. Raises KeysMissing."""
    if client.authentication.jwks is not None:
        return client.authentication.jwks
    if client.authentication.jwks_uri is None:
        raise KeysMissing("client_without_keys", "This client has no keys registered.")
    place = (client.id, client.authentication.jwks_uri)
    known = remote_keys.of(runtime).of(place)
    if known.must_ask(kid, monotonic()):
        await _fetches.of(runtime).run(place, partial(_fetch, runtime, place, known))
    jwks = known.usable(monotonic())
    if jwks is None:
        raise KeysMissing(
            f"jwks_uri_{known.failure or 'expired'}", "The keys at the jwks_uri of this client could not be read."
        )
    return jwks


async def _fetch(runtime: Runtime, place: Place, known: KeySet) -> None:
    client_id, uri = place
    try:
        jwks = read_client_jwks(await runtime.outgoing.get_json(uri, limit=MAX_BYTES))
    except OutgoingFailed as failure:
        reason, status = failure.kind, failure.status
    except KeyRefused:
        reason, status = "keys_refused", None
    else:
        known.answered(jwks, monotonic())
        metrics.client_key_fetches.labels("answered").inc()
        return
    known.failed(reason, monotonic())
    metrics.client_key_fetches.labels("failed").inc()
    log.warning("client_keys_not_read", client_id=client_id, reason=reason, status=status)
