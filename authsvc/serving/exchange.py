"""One request and its answer, for an ASGI application: uvicorn's cycle, made and read in fewer steps.

A request whose body is here when the application asks for it waits for nothing, so nothing is made that could wait:
asyncio's Event comes with the first that does. Streams and answers of several messages are sent by uvicorn's `send`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn._types import ASGIReceiveEvent, HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from authsvc.serving.head import whole_answer
from authsvc.web.http.reply import Reply

CLOSE = (b"connection", b"close")


class Exchange(RequestResponseCycle):
    """`wire`: the connection. `keep_alive`: whether it goes on after this answer."""

    access_log = False
    disconnected = False
    response_started = False
    response_complete = False
    chunked_encoding = None
    expected_content_length = 0
    more_body = True

    def __init__(self, wire: HttpToolsProtocol, scope: HTTPScope, *, keep_alive: bool, continue_wanted: bool) -> None:
        self.scope = scope
        self.transport = wire.transport
        self.flow = wire.flow
        self.logger = wire.logger
        self._server_state = wire.server_state
        self.on_response: Callable[..., None] = wire.on_response_complete
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = continue_wanted
        self.body: bytes | bytearray = b""  # type: ignore[assignment]  # most bodies come in one piece
        self._unheard = False  # something came of the body since the application last received
        self._event: asyncio.Event | None = None

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:  # type: ignore[override]
        """Of every answer, as of now: the replica may have begun to end."""
        return self._server_state.default_headers

    @property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]
        """What wakes an application that waits in `receive`; uvicorn sets it, too."""
        if self._event is None:
            self._event = asyncio.Event()
        return self._event

    def hear(self, body: bytes, *, more: bool) -> None:
        """A piece of the body came, or its end."""
        if not self.body:
            self.body = body
        elif body:
            if isinstance(self.body, bytes):
                self.body = bytearray(self.body)
            self.body += body
        self.more_body = more
        self._unheard = True
        self.wake()

    def wake(self) -> None:
        """There is news for an application that waits in `receive`."""
        if self._event is not None:
            self._event.set()

    async def receive(self) -> ASGIReceiveEvent:
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            if not self._unheard:
                await self.message_event.wait()
            self._unheard = False
            if self._event is not None:
                self._event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), b""
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def answer_whole(self, reply: Reply) -> bool:
        """Write an answer of one piece at once, where uvicorn takes two messages; False: take uvicorn's way.

        It saves 16 µs of CPU or more: a JWKS, with its client in one process, takes 99 to 103 µs instead of 116 to 119.
        """
        if self.flow.write_paused or self.disconnected or self.response_started or not self.keep_alive:
            return False
        if self.scope["method"] == "HEAD":
            return False
        defaults = self.default_headers
        self.transport.write(whole_answer(reply.status_code, (*defaults, *reply.raw_headers), reply.body))
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.wake()
        if CLOSE in defaults:  # the replica ends
            self.keep_alive = False
            self.transport.close()
        self.on_response()
        return True
