"""Back-channel logout (OpenID Connect Back-Channel Logout 1.0): tell clients which sessions have ended.

Every worker of every replica works on the same outbox. A row is claimed for a short lease, so a worker that dies holds
nothing up for long; each client has a few places of its own, so a receiver that never answers delays nobody else.
Delivery is at least once: each attempt carries a new jti, because a receiver may refuse one that it has seen.
"""

from __future__ import annotations

import random
from collections import Counter

from authsvc import metrics, traces
from authsvc.flows.keys.sign import signed
from authsvc.flows.session.subject import subject_for
from authsvc.flows.sight.send_traces import tracer_of
from authsvc.logs import get_logger
from authsvc.outgoing import OutgoingFailed
from authsvc.rules.client_record import Client
from authsvc.rules.ending.logout_token import LOGOUT_TOKEN_TYPE, is_final, logout_token_claims, pause_after
from authsvc.rules.errors import Unavailable
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.ending import outbox
from authsvc.store.errors import StoreUnavailable
from authsvc.tasks import UnderWay
from authsvc_jws.base64url import base64url_encode

POLL_SECONDS = 0.5
PLACES = 32
"""Deliveries under way at once in a worker."""
PLACES_OF_A_CLIENT = 4

log = get_logger()


async def deliver_for_ever(runtime: Runtime) -> None:
    """Work off the outbox. Until cancelled; deliveries under way are then cut, and made again by another worker."""
    await _Courier(runtime).run()


class _Courier:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._under_way = UnderWay[str]()
        """The clients that are being told."""

    async def run(self) -> None:
        try:
            while True:
                self._under_way.begin_round()
                try:
                    await self._claim()
                except StoreUnavailable as error:
                    log.debug("outbox_postponed", reason=error.kind)
                except Exception as error:
                    log.error("outbox_failed", error_type=type(error).__name__, exc_info=True)
                await self._under_way.wait(POLL_SECONDS * random.uniform(0.8, 1.0))  # noqa: S311
        finally:
            await self._under_way.end()

    async def _claim(self) -> None:
        taken = Counter(self._under_way.pieces())
        free = PLACES - len(self._under_way)
        if free <= 0:
            return
        busy = [client_id for client_id, count in taken.items() if count >= PLACES_OF_A_CLIENT]
        for due in await outbox.claim(self._runtime.db, busy=busy, each=PLACES_OF_A_CLIENT, limit=free):
            self._under_way.begin(due.client_id, self._deliver(due))

    async def _deliver(self, due: outbox.Due) -> None:
        try:
            with traces.background(tracer_of(self._runtime), "deliver logout"):
                await deliver(self._runtime, due)
        except (StoreUnavailable, Unavailable):
            metrics.backchannel_logouts.labels("postponed").inc()  # the lease ends, and somebody takes it up again
        except Exception as error:
            log.error("outbox_failed", error_type=type(error).__name__, exc_info=True)


async def deliver(runtime: Runtime, due: outbox.Due) -> None:
    """Post one logout token to one client, once, and apply the outcome. Raises StoreUnavailable, Unavailable."""
    client = await runtime.clients.get(due.client_id)
    if client is None or not client.logout.backchannel_logout_uri:
        await outbox.done(runtime.db, due.id)  # it was removed, or does not want to be told any more
        return
    token = await logout_token(runtime, client, due)
    status, reason = None, "status"
    try:
        status = await runtime.outgoing.post_form(client.logout.backchannel_logout_uri, {"logout_token": token})
    except OutgoingFailed as failure:
        reason = failure.kind
    if status is not None and 200 <= status < 300:
        await outbox.done(runtime.db, due.id)
        metrics.backchannel_logouts.labels("delivered").inc()
        return
    await _failed(runtime, due, status, reason)


async def logout_token(runtime: Runtime, client: Client, due: outbox.Due) -> str:
    """The logout token of one session for one client (section 2.4). Signed as the client's ID tokens are (section 2.6).
    Raises Unavailable."""
    claims = logout_token_claims(
        issuer=runtime.settings.issuer,
        client_id=client.id,
        subject=subject_for(runtime, client, due.user_id),
        sid=due.session_name or str(due.session_id),
        issued_at=int(due.now.timestamp()),
        jti=base64url_encode(runtime.entropy(16)),
    )
    return await signed(runtime, claims, LOGOUT_TOKEN_TYPE, due.now, client.tokens.id_token_signed_response_alg)


async def _failed(runtime: Runtime, due: outbox.Due, status: int | None, reason: str) -> None:
    final = status is not None and is_final(status, due.attempts)
    async with runtime.db.transaction() as connection:
        if final:
            await outbox.done(connection, due.id)
        else:
            pause = pause_after(due.attempts, random.random())  # noqa: S311
            final = not await outbox.later(connection, due.id, pause)
        if final:
            await audit.record(
                connection,
                "backchannel_logout_given_up",
                "service",
                user_id=due.user_id,
                client_id=due.client_id,
                session_id=due.session_id,
                attempts=due.attempts,
                reason=reason,
                status=status,
            )
    metrics.backchannel_logouts.labels("given_up" if final else "failed").inc()
    log.warning(
        "backchannel_logout_given_up" if final else "backchannel_logout_failed",
        client_id=due.client_id,
        session_id=due.session_id,
        attempts=due.attempts,
        reason=reason,
        status=status,
    )
