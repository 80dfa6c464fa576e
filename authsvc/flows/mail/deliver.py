"""Mails are handed to the mail server, after the answer to the request that queued them.

Every worker of every replica works on the same queue. A mail is held for as long as an attempt lasts, and a worker that
dies holds it for a minute more. Delivery is at least once: a server that breaks off after the last byte may have the
mail, so each attempt sends the same bytes with the same Message-ID, by which the recipient's server can drop a twin.

A server that is away is asked by one mail at a time, and all others wait: nothing of a request waits for it.
"""

from __future__ import annotations

import asyncio
import random

from authsvc import metrics, traces
from authsvc.clock import monotonic
from authsvc.flows.mail.queue import mail_is_on
from authsvc.flows.mail.send import send
from authsvc.flows.sight.send_traces import tracer_of
from authsvc.logs import get_logger
from authsvc.outgoing.mail import MailFailed
from authsvc.rules.mail.outcome import Meaning, meaning_of, pause_after, server_pause
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.errors import StoreUnavailable
from authsvc.store.mail import outbox
from authsvc.store.mail.outbox import DueMail, GivenUp
from authsvc.store.postgres import Connection
from authsvc.tasks import UnderWay

POLL_SECONDS = 1.0
HOLD_SECONDS = outbox.LEASE_SECONDS / 4
LOOK_SECONDS = 15.0
"""How often the queue is measured, and searched for what is too late."""
PLACES = 4
"""Mails under way at once in a worker."""
AGAIN_SECONDS = 1.0
UNOPENED = "sealed_under_unknown_key"
"""The master key is missing here, or the row was altered. It waits: the key may come back."""
UNKNOWN = "template_unknown"
UNOPENED_FAILURES = 10
"""It waits as for a server that has failed so often."""

log = get_logger()


async def deliver_for_ever(runtime: Runtime) -> None:
    """Send what is queued, until cancelled; where no mail server is named, nothing is done."""
    if mail_is_on(runtime):
        await _PostOffice(runtime).run()


class _PostOffice:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._under_way = UnderWay[DueMail]()
        self._held_at = self._looked_at = float("-inf")
        self._failures = 0
        """How often in a row the server, and not a mail, was at fault."""
        self._closed_until = 0.0

    async def run(self) -> None:
        try:
            while True:
                self._under_way.begin_round()
                try:
                    await self._round()
                except StoreUnavailable as error:
                    log.debug("mails_postponed", reason=error.kind)
                except Exception as error:
                    log.error("mails_failed", error_type=type(error).__name__, exc_info=True)
                await self._under_way.wait(POLL_SECONDS * random.uniform(0.8, 1.0))  # noqa: S311
        finally:
            await self._under_way.end()

    async def _round(self) -> None:
        now = monotonic()
        if self._under_way and now - self._held_at > HOLD_SECONDS:
            await outbox.hold(self._runtime.db, {mail.id: mail.attempts for mail in self._under_way.pieces()})
            self._held_at = now
        if now - self._looked_at > LOOK_SECONDS:
            await look(self._runtime)
            self._looked_at = now
        free = (1 if self._failures else PLACES) - len(self._under_way)
        if free <= 0 or now < self._closed_until or self._runtime.following.draining:
            return
        for mail in await outbox.claim(self._runtime.db, free):
            self._under_way.begin(mail, self._deliver(mail))
            self._held_at = min(self._held_at, now) if len(self._under_way) > 1 else now

    async def _deliver(self, mail: DueMail) -> None:
        before = self._failures
        try:
            with traces.background(tracer_of(self._runtime), "deliver mail"):
                taken = await deliver(self._runtime, mail, before)
            if taken:
                self._failures, self._closed_until = 0, 0.0
            else:
                self._failures = max(self._failures, before + 1)  # those that fail side by side are one failure
                self._closed_until = monotonic() + server_pause(self._failures, random.random())  # noqa: S311
        except StoreUnavailable:
            metrics.mails.labels("postponed").inc()  # its time ends, and somebody takes it up again
        except Exception as error:
            log.error("mails_failed", error_type=type(error).__name__, exc_info=True)


async def deliver(runtime: Runtime, mail: DueMail, server_failures: int = 0) -> bool:
    """Try to send a mail once, and write down what became of it. False: the server is at fault, not the mail. Raises
    StoreUnavailable."""
    try:
        if not await send(runtime, mail):
            await _put_off(runtime, mail, Meaning.SERVER, UNOPENED, None, UNOPENED_FAILURES)
            return True
    except ValueError:  # of a newer version, which has other templates: a replica of that sends it
        await _put_off(runtime, mail, Meaning.SERVER, UNKNOWN, None, UNOPENED_FAILURES)
        return True
    except MailFailed as failure:
        meaning = meaning_of(failure.stage, failure.status)
        reason = f"{failure.stage}_{failure.kind}"
        if meaning is Meaning.REFUSED:
            await _refused(runtime, mail, reason, failure.status)
        else:
            await _put_off(runtime, mail, meaning, reason, failure.status, server_failures)
        return meaning is not Meaning.SERVER
    await _sent(runtime, mail)
    return True


async def _sent(runtime: Runtime, mail: DueMail) -> None:
    """Write down that the server has a mail; again and again for as long as we hold it, for it would go out twice."""
    until = monotonic() + outbox.LEASE_SECONDS / 2
    while True:
        try:
            known = await outbox.sent(runtime.db, mail)
            break
        except StoreUnavailable:
            if monotonic() > until:
                raise
            await asyncio.sleep(AGAIN_SECONDS)
    if known:
        metrics.mails.labels("sent").inc()
        log.info("mail_sent", kind=mail.template, user_id=mail.user_id, attempts=mail.attempts)


async def look(runtime: Runtime) -> None:
    """Measure the queue, and give up what is too late. Raises StoreUnavailable."""
    async with runtime.db.transaction() as connection:
        late = await outbox.give_up_expired(connection, 100)
        for mail in late:
            await _record(connection, mail)
    for mail in late:
        _told(mail)
    waiting = await outbox.waiting(runtime.db)
    metrics.mails_waiting.set(waiting.count)
    metrics.mails_oldest.set(waiting.oldest_seconds)


async def _put_off(
    runtime: Runtime, mail: DueMail, meaning: Meaning, reason: str, status: int | None, server_failures: int
) -> None:
    refused = meaning is not Meaning.SERVER
    chance = random.random()  # noqa: S311
    pause = pause_after(mail.refusals + 1, chance) if refused else server_pause(server_failures + 1, chance)
    await outbox.later(runtime.db, mail, pause, reason=reason, status=status, refused=refused)
    metrics.mails.labels("put_off").inc()
    log.warning(
        "mail_put_off",
        kind=mail.template,
        user_id=mail.user_id,
        attempts=mail.attempts,
        reason=reason,
        status=status,
    )


async def _refused(runtime: Runtime, mail: DueMail, reason: str, status: int | None) -> None:
    over = GivenUp(mail.id, mail.template, mail.user_id, mail.attempts, reason, status)
    async with runtime.db.transaction() as connection:
        if not await outbox.give_up(connection, mail, reason=reason, status=status):
            return
        await _record(connection, over)
    _told(over)


async def _record(connection: Connection, mail: GivenUp) -> None:
    await audit.record(
        connection,
        "mail_given_up",
        "service",
        user_id=mail.user_id,
        mail=str(mail.id),
        template=mail.template,
        attempts=mail.attempts,
        reason=mail.reason,
        status=mail.status,
    )


def _told(mail: GivenUp) -> None:
    metrics.mails.labels("given_up").inc()
    log.warning(
        "mail_given_up",
        kind=mail.template,
        user_id=mail.user_id,
        attempts=mail.attempts,
        reason=mail.reason,
        status=mail.status,
    )
