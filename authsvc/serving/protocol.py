"""The wire: no connection may cost us much, and none may live for ever without saying anything whole.

Owns what happens before and after an ASGI application: deadlines, size limits, the shape of a request head, and the
answer to those who break them. Knows no route, no client and no store. uvicorn parses (llhttp, strict) and runs the
application; this subclass closes the gaps it leaves: no deadline for the first request or for a body, no limit on
heads or trailers, text/plain errors that may overtake an unanswered request, no end to a client that never reads.
WebSockets are never served. Use: `uvicorn.Config(http=DeadlineProtocol, ws="none", access_log=False)`.

A connection has at most one timer, for whatever it is waited for, also for a next request: it compares times instead
of being cancelled, so that a request sets none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, ClassVar
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from authsvc.metrics import observe_refused
from authsvc.serving.exchange import Exchange
from authsvc.serving.head import (
    BODY_LARGE,
    BODY_SLOW,
    HEAD_LARGE,
    HEAD_SLOW,
    MALFORMED,
    PIPELINE,
    TRAILER_LARGE,
    Fault,
    framing_of,
    headers_for,
    judge_head,
    read_target,
    refusal,
    refusing,
)
from authsvc.serving.listening import shown_certificate
from authsvc.web.http.reply import ANSWER, Reply


class _Refused(Exception):
    """Stops the parser from inside one of its callbacks; `DeadlineProtocol._fault` says why."""


class _BodyAfterOffer:
    """Hears the parser that reads on where llhttp stops: a body behind a head that offers an upgrade. It is the last
    that is read of this connection."""

    def __init__(self, wire: DeadlineProtocol) -> None:
        self._wire = wire
        self.on_body = wire.on_body

    def on_message_complete(self) -> None:
        self._wire.end_offered_body()
        raise _Refused


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with deadlines and limits: class attributes in seconds and bytes, for tests to shrink."""

    head_seconds: ClassVar[float] = 5.0
    """A whole head must be here this long after the connection was accepted, or after the head's first byte."""
    body_seconds: ClassVar[float] = 10.0
    """A whole body must be here this long after its head."""
    write_seconds: ClassVar[float] = 10.0
    """A client that leaves our answers unread for this long is cut off."""
    linger_seconds: ClassVar[float] = 1.0
    """After a refusal we stop sending but read on (and drop) for this long, or the kernel's reset eats the answer."""
    head_limit: ClassVar[int] = 16 * 1024
    """Bytes of a head; also of chunk extensions and trailers. A head that begins in the middle of a read (a pipelined
    one) is counted from the next read on, so twice this is the most that is ever held."""
    header_count: ClassVar[int] = 100
    body_limit: ClassVar[int] = 64 * 1024
    """Bytes of a body, announced or chunked."""
    linger_limit: ClassVar[int] = 1024 * 1024
    """Bytes dropped after a refusal before the connection is reset."""
    pipeline_limit: ClassVar[int] = 32
    """Requests that may wait behind an unanswered one on the same connection."""
    goodbye_seconds: ClassVar[float] = 0.5
    """When we shut down: how long a client may take to answer our close_notify, or to send its first request."""
    on_refused: ClassVar[Callable[[int], None]] = staticmethod(observe_refused)
    """Called once for each refusal with its status (for metrics): no application ever hears of these requests."""
    cycle: Exchange
    pipeline: deque[tuple[Exchange, ASGI3Application]]  # type: ignore[assignment]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._settled = False  # all that was received belongs to whole requests
        self._in_body = False
        self._stretch = 0  # bytes since the parser last made progress: a head, a piece of body
        self._body_size = 0
        self._framing = b""  # how the body is delimited that a parser would not read after an offer to upgrade
        self._fault: Fault | None = None
        self._deaf = False  # whatever else arrives is dropped
        self._running: Exchange | None = None
        self._idle = False  # the last answer is given, and not a byte of a next request is here
        self._read_due = inf
        self._write_due = inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = inf

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._certificate = shown_certificate(transport)
        self._read_within(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # uvicorn tells only the newest request; one that streams while another waits behind it would run for ever.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.wake()
        self._running = None
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._drop(data)
            return
        if self._idle:
            self._idle = False
            self._read_due = inf
        self._settled = False
        stretch = self._stretch + len(data)
        if stretch <= self.head_limit:
            self._stretch = stretch
            self._feed(data)
        else:
            self._feed_in_pieces(data)
        if self._settled and not self._begun():
            return
        if self._read_due == inf and not self._deaf:
            self._read_within(self.body_seconds if self._in_body else self.head_seconds)

    def _begun(self) -> bool:
        """Whether a head has begun that is not whole yet."""
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def _feed_in_pieces(self, data: bytes) -> None:
        """No piece takes the parser further than `head_limit` bytes without progress."""
        while data and not self._deaf:
            room = self.head_limit - self._stretch
            if room <= 0:
                self._refuse(TRAILER_LARGE if self._in_body else HEAD_LARGE)
                return
            piece, data = data[:room], data[room:]
            self._stretch += len(piece)
            self._feed(piece)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            # RFC 9110 section 7.8: an upgrade may be ignored. The request is answered as it stands, but bytes after it
            # may already be of the other protocol, so it is the connection's last.
            if not self._framing:
                self._deaf = True
                return
            self.parser = httptools.HttpRequestParser(_BodyAfterOffer(self))
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % self._framing)
            self._framing = b""
            self._feed(data[offer.args[0] :])
        except httptools.HttpParserError:
            if not self._deaf:
                self._refuse(self._fault or MALFORMED)

    def _drop(self, data: bytes) -> None:
        self._stretch += len(data)
        if self._stretch > self.linger_limit:
            self.transport.abort()

    # The parser's callbacks

    def on_headers_complete(self) -> None:
        parser, headers = self.parser, self.headers
        version, method = parser.get_http_version(), parser.get_method()
        target = None if self.url[:1] == b"/" else read_target(method, self.url)
        fault = judge_head(version, b"/" if target else self.url, headers, self.body_limit)
        if len(headers) > self.header_count:
            fault = HEAD_LARGE
        elif len(self.pipeline) >= self.pipeline_limit:
            fault = PIPELINE
        if fault is not None:
            self._fault = fault
            raise _Refused
        if target:
            self.url = target.path
            headers[:] = headers_for(target, headers)
        self._settled = False
        self._in_body = True
        self._stretch = 0
        self._body_size = 0
        self._read_due = inf
        self._complete_scope(version, method)
        before, lasts = self.cycle, version != "1.0" and parser.should_keep_alive()
        self.cycle = Exchange(self, self.scope, keep_alive=lasts, continue_wanted=self.expect_100_continue)
        if parser.should_upgrade():
            self.cycle.keep_alive = False
            self._framing = framing_of(headers)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        self.headers = []  # RFC 9110 section 6.5.1: trailers are not headers; they end up here and nowhere else

    def _complete_scope(self, version: str, method: bytes) -> None:
        """With what a head says first: ASGI's http scope, without a root path."""
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        scope = self.scope
        scope["http_version"] = version
        scope["method"] = method.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = raw_path
        scope["query_string"] = query
        if self._certificate is not None:
            scope["extensions"] = self._certificate
        scope[ANSWER] = self._answered_whole  # type: ignore[literal-required]

    def on_body(self, body: bytes) -> None:
        self._stretch = 0
        self._body_size += len(body)
        if self._body_size > self.body_limit:
            self._fault = BODY_LARGE
            raise _Refused
        if not self.cycle.response_complete:
            self.cycle.hear(body, more=True)

    def on_message_complete(self) -> None:
        if self._framing:  # llhttp takes an upgrade for the end, and the body is still to come
            return
        self._settled = True
        self._in_body = False
        self._stretch = 0
        self._read_due = inf
        if not self.cycle.response_complete:
            self.cycle.hear(b"", more=False)

    def end_offered_body(self) -> None:
        """The last request is whole: what follows may be of the other protocol."""
        self.on_message_complete()
        self._deaf = True

    def _start_asgi_task(self, cycle: Exchange, app: ASGI3Application) -> None:  # type: ignore[override]
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _answered_whole(self, reply: Reply) -> bool:
        return self._running is not None and self._running.answer_whole(reply)

    # Refusing

    def _refuse(self, fault: Fault) -> None:
        """Answer a fault once every earlier request has its answer, then close. No answer ever overtakes another."""
        self._deaf = True
        self._read_due = inf
        type(self).on_refused(fault[0])
        cycle = self.cycle
        if cycle is None or (cycle.response_complete and cycle.scope is not self.scope):
            self._answer(fault)
        elif cycle.scope is not self.scope:
            self._queue(fault)
        elif self.pipeline and self.pipeline[0][0] is cycle:  # its body is at fault before its turn has come
            cycle.keep_alive = False
            self.pipeline[0] = (cycle, refusing(fault))
        elif cycle.response_started:  # its answer is under way or given: nothing can be added
            cycle.keep_alive = False
            self._close()
        else:
            cycle.disconnected = True  # the application hears http.disconnect, and what it sends is dropped
            cycle.wake()
            self._answer(fault)

    def _answer(self, fault: Fault) -> None:
        self.transport.write(refusal(fault, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
        self._stretch = 0
        self._read_within(self.linger_seconds)

    def _queue(self, fault: Fault) -> None:
        scope: HTTPScope = {**self.scope, "method": "GET", "path": "", "raw_path": b"", "query_string": b""}
        self.cycle = Exchange(self, scope, keep_alive=False, continue_wanted=False)
        self.pipeline.appendleft((self.cycle, refusing(fault)))

    # Time

    def _read_within(self, seconds: float) -> None:
        self._read_due = self.loop.time() + seconds
        self._schedule(self._read_due)

    def _write_within(self, seconds: float) -> None:
        self._write_due = self.loop.time() + seconds
        self._schedule(self._write_due)

    def _schedule(self, due: float) -> None:
        """See to it that `_tick` runs at `due` (loop time, s), give or take a tenth of a second."""
        if self._timer is not None:
            if self._timer_due <= due + 0.1:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self.loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self.loop.time() + 0.002  # the loop counts milliseconds
        if now >= self._write_due:
            self.transport.abort()
            return
        if now >= self._read_due:
            self._read_due = inf
            self._too_late()
        due = min(self._read_due, self._write_due)
        if due != inf:
            self._schedule(due)

    def _too_late(self) -> None:
        answered = self.cycle is None or self.cycle.response_complete
        if self._deaf:
            self.transport.abort()
        elif self.flow.read_paused:  # we did not listen, so the client is not to blame
            self._read_within(self.body_seconds if self._in_body else self.head_seconds)
        elif self._in_body:
            self._refuse(BODY_SLOW)
        elif self._begun():
            self._refuse(HEAD_SLOW)
        elif answered:  # not one byte of a request: RFC 9110 section 15.5.9 has nothing to say to it
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self._see_off()

    def _see_off(self) -> None:
        """close() waits until all is written: give that an end as well."""
        if self.transport.is_closing() and self.transport.get_write_buffer_size() and self._write_due == inf:
            self._write_within(self.write_seconds)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._see_off()
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not (self._in_body or self._deaf or self._begun()):
            self._idle = True
            self._read_within(self.timeout_keep_alive)

    def shutdown(self) -> None:
        if self._deaf or not (self.cycle is None or self._begun()):
            super().shutdown()
            self._see_off()
        elif not self._begun():  # no byte of a request yet, but one may be on its way: a reset would lose it
            self._read_within(self.goodbye_seconds)
        if self.transport.get_extra_info("sslcontext"):
            self.loop.call_later(self.goodbye_seconds, self._hang_up)

    def _hang_up(self) -> None:
        """The loop would wait for the peer's close_notify, which an idle client sends when it next looks. Ours is sent,
        and nobody need wait for the other (RFC 8446 section 6.1)."""
        if self.transport.is_closing() and not self.transport.get_write_buffer_size():
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_within(self.write_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._write_due = inf
