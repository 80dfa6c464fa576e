"""The revocation feed: one reader of PostgreSQL a worker, while anybody wants to know; hinted, but polled as the truth.

A heartbeat is a promise: what was sent is all that there was a moment ago. So it is given only while PostgreSQL was
just heard; verifiers measure by it how much they may believe what they hold.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.flows.caller.authenticate_bearer import bearer_in, invalid_token
from authsvc.flows.session.publish_revocation import revocation_feed
from authsvc.jose.verify import VerifiedClaims
from authsvc.logs import get_logger
from authsvc.rules.errors import Unavailable
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.revocation import feed as store
from authsvc.store.revocation import revocations
from authsvc.store.revocation.feed import Feed, Reading
from authsvc.store.revocation.feed import Subscriber as Subscriber
from authsvc.store.revocation.feed_log import Log, document, entry, event, heartbeat, judge_resume, snapshot_events
from authsvc.tasks import end_tasks

LEAST_PAUSE_SECONDS = 0.02
"""Between two readings, however many hints there are: revocations of that time share one."""
CURRENT_SECONDS = 2.0
"""A heartbeat is given no longer than this after PostgreSQL was heard."""
IDLE_SECONDS = 60.0
"""Nobody wanted to know for so long: the reader stops, and its memory is free."""
WAIT_SECONDS = 3.0
MOST_SUBSCRIBERS = 2_000
EVENTS = 100
STALE = b": stale\n\n"

log = get_logger()


async def subscribe(runtime: Runtime, claims: VerifiedClaims | None, last: int | None) -> Subscriber:
    """Register a listener of the feed who has everything up to `last`. Raises BearerRejected, StoreUnavailable,
    Unavailable."""
    feed = revocation_feed.of(runtime)
    if len(feed.subscribers) >= MOST_SUBSCRIBERS:
        raise Unavailable("too_many_subscribers", retry_after=5)
    await know(runtime)
    if runtime.following.draining:
        raise Unavailable("draining")
    if claims is None:
        subscriber = Subscriber(last)
    else:
        names = frozenset({("token", claims.jti), ("client", claims.client_id), ("key", claims.kid)})
        subscriber = Subscriber(last, names, claims.exp)
    feed.subscribers.add(subscriber)
    metrics.feed_subscribers.set(len(feed.subscribers))
    try:
        # What the feed says of this token from now on ends the stream; what it said before was told to Redis last.
        if claims is not None and await revocations.is_revoked(runtime.db, bearer_in(claims.raw)):
            raise invalid_token("token_revoked")
    except BaseException:
        unsubscribe(runtime, subscriber)
        raise
    return subscriber


def unsubscribe(runtime: Runtime, subscriber: Subscriber) -> None:
    """Forget a listener whose stream is over, for whatever reason."""
    feed = revocation_feed.of(runtime)
    feed.subscribers.discard(subscriber)
    feed.used_at = monotonic()
    metrics.feed_subscribers.set(len(feed.subscribers))
    metrics.feed_ended.labels(subscriber.ended or "gone").inc()


def end_streams(runtime: Runtime) -> None:
    """End every stream, for the service will end; the subscribers come again, here or elsewhere."""
    revocation_feed.of(runtime).end("drained")


async def know(runtime: Runtime) -> Log:
    """The log with everything that was committed before this call. Raises StoreUnavailable."""
    feed = revocation_feed.of(runtime)
    feed.used_at = monotonic()
    waiting = feed.next_reading()
    if feed.reader is None or feed.reader.done():
        feed.reader = asyncio.create_task(follow_feed(runtime))
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            trouble = await asyncio.shield(waiting)
    except TimeoutError:
        raise StoreUnavailable("postgresql", "timeout") from None
    if trouble is not None or feed.log is None:
        raise StoreUnavailable("postgresql", trouble.kind if trouble else "not_read")
    return feed.log


def snapshot(runtime: Runtime, known: Log) -> bytes:
    """The JSON document of GET /revocations: every revocation of consequence."""
    return b"".join(document(*_told(runtime, known)))


def next_events(runtime: Runtime, subscriber: Subscriber) -> bytes:
    """The bytes of the events that a subscriber lacks. Empty: nothing now, wait for `news`."""
    feed = revocation_feed.of(runtime)
    if subscriber.pieces is not None:
        if piece := next(subscriber.pieces, b""):
            return piece
        subscriber.pieces = None
    known = feed.log
    if known is None:
        return b""
    after = judge_resume(subscriber.cursor, known.floor, known.newest)
    if after is None:
        subscriber.cursor = known.newest
        subscriber.pieces = snapshot_events(*_told(runtime, known))
        metrics.feed_events.labels("snapshot").inc()
        return next(subscriber.pieces)
    if found := known.after(after, EVENTS):
        subscriber.cursor = found[-1][0]
        metrics.feed_events.labels("revocation").inc(len(found))
        return b"".join(event("revocation", data, number) for number, data in found)
    subscriber.cursor = known.newest
    return _news_of_keys(feed, subscriber) + _beat(runtime, subscriber)


def _told(runtime: Runtime, known: Log) -> tuple[str, int, int, list[bytes]]:
    """What a snapshot is made of."""
    seconds = max(1, int(revocation_feed.of(runtime).heartbeat_seconds))
    return runtime.settings.issuer, known.newest, seconds, known.live(runtime.clock.seconds())


def _news_of_keys(feed: Feed, subscriber: Subscriber) -> bytes:
    if feed.etag is None or subscriber.etag == feed.etag:
        return b""
    subscriber.etag = feed.etag
    metrics.feed_events.labels("jwks").inc()
    return event("jwks", b'{"etag":"%s"}' % feed.etag.replace('"', '\\"').encode("ascii"))


def _beat(runtime: Runtime, subscriber: Subscriber) -> bytes:
    feed = revocation_feed.of(runtime)
    if subscriber.beat == feed.beat:
        return b""
    subscriber.beat = feed.beat
    if runtime.db.suspended == "rollback_suspected":
        return event("suspended", b"{}")
    if feed.age() > CURRENT_SECONDS:
        return STALE
    metrics.feed_events.labels("heartbeat").inc()
    return heartbeat(subscriber.cursor or 0, int(runtime.clock.seconds() - feed.age()))


# The reader


async def follow_feed(runtime: Runtime) -> None:
    """Read new revocations from PostgreSQL and wake the subscribers, until nobody wants to know any more."""
    feed, silent = revocation_feed.of(runtime), False
    hearing = asyncio.create_task(_hear_hints(runtime))
    try:
        while feed.subscribers or monotonic() - feed.used_at < IDLE_SECONDS:
            feed.hinted.clear()
            waiting = feed.take_waiting()
            trouble = await _read_all(runtime)
            if waiting is not None and not waiting.done():
                waiting.set_result(trouble)
            if (trouble is not None) != silent:
                silent = trouble is not None
                log.warning("feed_silent" if silent else "feed_heard_again", reason=trouble.kind if trouble else "")
            _tick(runtime)
            await asyncio.sleep(LEAST_PAUSE_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(runtime.settings.sync_interval_seconds, 1.0)):
                    await feed.hinted.wait()
    finally:
        feed.reader, feed.log, feed.heard_at = None, None, float("-inf")
        feed.end("closed")
        metrics.feed_age.set(0)
        if (waiting := feed.take_waiting()) is not None and not waiting.done():
            waiting.set_result(StoreUnavailable("postgresql", "not_read"))
        await end_tasks([hearing])


async def _read_all(runtime: Runtime) -> StoreUnavailable | None:
    """Read until nothing is left, a part at a time; the trouble that there was."""
    feed = revocation_feed.of(runtime)
    known, fresh = feed.log, 0
    try:
        if not runtime.following.migrated:
            return StoreUnavailable("postgresql", "schema_behind")
        more = True
        while more:
            asked_at = monotonic()
            reading = await store.read(runtime.db, known.newest if known else 0)
            if known is not None and reading.floor != known.floor:
                known = None  # another database, or another life of this one: all of it is read anew, beside the old
                continue
            known = known or Log(reading.floor)
            _take(runtime, known, reading)
            fresh += len(reading.rows)
            more = reading.more
        feed.heard_at = asked_at
    except StoreUnavailable as error:
        return error
    except Exception as error:  # whoever waits must hear of it, and the next turn may do better
        log.error("feed_failed", error_type=type(error).__name__, exc_info=True)
        return StoreUnavailable("postgresql", "unreadable")
    finally:
        if fresh and known is feed.log:
            feed.wake()
    if known is not feed.log:
        feed.log = known
        feed.wake()
    return None


def _take(runtime: Runtime, known: Log, reading: Reading) -> None:
    feed = revocation_feed.of(runtime)
    own = {name for subscriber in feed.subscribers for name in subscriber.names} if reading.rows else set()
    for row in reading.rows:
        data = entry(row.sequence, row.kind, row.subject, row.not_before, row.expires_at)
        known.add(row.sequence, row.expires_at, data)
        if known is feed.log:
            metrics.feed_lag.observe(max(0.0, row.age))
        if (row.kind, row.subject) in own:
            feed.end("revoked", of=(row.kind, row.subject))
    known.newest = max(known.newest, reading.newest)


def _tick(runtime: Runtime) -> None:
    """After each reading, whether or not it went well."""
    feed, now = revocation_feed.of(runtime), runtime.clock.seconds()
    metrics.feed_age.set(min(feed.age(), 1e9))
    for subscriber in feed.subscribers:
        if subscriber.ends_at <= now:
            subscriber.end("expired")
    document = runtime.keyring.jwks
    etag = document.etag if document else None
    beaten = monotonic() - feed.beaten_at >= feed.heartbeat_seconds * 0.8
    if beaten:
        feed.beat += 1
        feed.beaten_at = monotonic()
        if feed.log is not None:
            feed.log.forget(now)
    if beaten or etag != feed.etag:
        feed.etag = etag
        feed.wake()


async def _hear_hints(runtime: Runtime) -> None:
    """Redis says when a revocation was acknowledged anywhere. Without it the next turn comes soon enough."""
    while True:
        try:
            async for _ in runtime.revocation_set.hints():
                revocation_feed.of(runtime).hint()
        except StoreUnavailable:
            await asyncio.sleep(1.0)
