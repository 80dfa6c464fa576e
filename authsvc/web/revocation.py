"""GET /revocations with its stream, and GET /statuslists/{id} (draft-ietf-oauth-status-list): what a verifier must know
that does not want to ask for each token."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from authsvc.flows.caller.authenticate_bearer import authenticate_subscriber
from authsvc.flows.revocation.feed import Subscriber, know, next_events, snapshot, subscribe, unsubscribe
from authsvc.flows.revocation.status_list import status_list
from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.errors import Rejected
from authsvc.rules.revocation.status_list import STATUS_LIST_TYPE
from authsvc.runtime import Runtime
from authsvc.web.http.cors import public_preflight
from authsvc.web.http.dpop_header import shown_proof
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import NotFound
from authsvc.web.http.reply import JSON, NO_STORE, Headers, Reply
from authsvc.web.http.request import Request, malformed
from authsvc.web.wellknown import public

MOST_DIGITS = 18
RETRY = b"retry: 1000\n\n"
_STATUS_LIST = f"application/{STATUS_LIST_TYPE}".encode("ascii")


async def revocations(request: Request) -> Reply:
    """The snapshot: everything that was committed before it was asked for."""
    await _caller(request)
    known = await know(request.runtime)
    # Weak: the same number may stand over fewer entries, when some have become of no consequence.
    etag = b'W/"%d"' % known.newest
    headers: Headers = [JSON, (b"cache-control", b"no-cache"), (b"etag", etag)]
    if request.has(etag[2:]):
        return Reply(304, b"", headers[1:])
    return Reply(200, snapshot(request.runtime, known), headers)


async def revocations_stream(request: Request) -> Response:
    """Server-sent events from `Last-Event-ID` on; the same as a query parameter is for clients that cannot set it."""
    claims = await _caller(request)
    subscriber = await subscribe(request.runtime, claims, _last_event_id(request))
    if request.method == "HEAD":
        subscriber.end("gone")
    return EventStream(request.runtime, subscriber)


async def _caller(request: Request) -> VerifiedClaims | None:
    """None: nobody in particular, in dev mode."""
    authorization = request.header(b"authorization")
    if authorization is None and request.runtime.settings.dev_mode:
        return None
    claims = await authenticate_subscriber(request.runtime, authorization, shown_proof(request), request.certificate)
    request.client_id = claims.client_id
    return claims


def _last_event_id(request: Request) -> int | None:
    text = request.header(b"last-event-id") or request.query().get("last_event_id")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise malformed("The last event id is the number of an event.", "last_event_id_malformed")
    return int(text)


class EventStream(Response):
    """An answer that goes on until the subscriber, the service or the subscriber's token ends it.

    What is sent next is asked for when the last has gone out, so nothing piles up for one who reads slowly; one who
    does not read at all is cut off by `serving/protocol`.
    """

    def __init__(self, runtime: Runtime, subscriber: Subscriber) -> None:
        super().__init__()
        self.raw_headers = [(b"content-type", b"text/event-stream"), NO_STORE, (b"x-accel-buffering", b"no")]
        self._runtime, self._subscriber = runtime, subscriber

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _tell(self._runtime, self._subscriber, receive, send)
        finally:
            unsubscribe(self._runtime, self._subscriber)


async def _tell(runtime: Runtime, subscriber: Subscriber, receive: Receive, send: Send) -> None:
    gone = asyncio.create_task(_until_gone(receive, subscriber))
    try:
        events = RETRY
        while subscriber.ended is None:
            if events:
                subscriber.sending = True
                await send({"type": "http.response.body", "body": events, "more_body": True})
                subscriber.sending = False
            else:
                await subscriber.news.wait()
                subscriber.news.clear()
            events = next_events(runtime, subscriber)
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _until_gone(receive: Receive, subscriber: Subscriber) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscriber.end("slow" if subscriber.sending else "gone")


async def status_list_get(request: Request) -> Reply:
    """Which access tokens of clients with status lists are void (section 8.1). Lists that are over are unknown."""
    if "time" in request.query():
        # draft-ietf-oauth-status-list section 8.4: only the newest status list can be had.
        raise Rejected("invalid_request", "Status lists of the past are not kept.", "status_list_history", status=501)
    found = await status_list(request.runtime, request.scope["path_params"]["id"])
    if found is None:
        raise NotFound
    signed, seconds = found
    return public(request, signed.body, signed.etag, seconds, _STATUS_LIST)


FEED = (Route("/revocations", {"GET": revocations}), Route("/revocations/stream", {"GET": revocations_stream}))
STATUS_LISTS = (Route("/statuslists/{id}", {"GET": status_list_get, "OPTIONS": public_preflight}),)
