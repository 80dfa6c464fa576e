"""The ASGI application of a route, and what Starlette lacks: failure mapping, request id, access log line, metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import count
from time import perf_counter

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from authsvc.flows.sight.send_traces import tracer_of
from authsvc.logs import access
from authsvc.metrics import observe_request
from authsvc.records import frozen
from authsvc.runtime import Runtime
from authsvc.web.http.failures import Failure, MethodNotAllowed, NotFound, failure_of, json_failure
from authsvc.web.http.reply import ANSWER, NO_SNIFF, Reply
from authsvc.web.http.request import Request
from authsvc.web.http.traced import begin_trace, end_trace

Handler = Callable[[Request], Awaitable[Response]]
Renderer = Callable[[Request, Failure], Response]


@frozen
class Route:
    """One address: `path` in Starlette's notation, a handler for each method (who answers GET answers HEAD), and what
    makes an answer of a failure."""

    path: str
    handlers: Mapping[str, Handler]
    render: Renderer = json_failure

    def after(self, first: Callable[[], Awaitable[None]]) -> Route:
        """The same, whose handlers wait for `first`."""
        return replace(self, handlers={method: _after(first, handler) for method, handler in self.handlers.items()})


def _after(first: Callable[[], Awaitable[None]], handler: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        await first()
        return await handler(request)

    return handle


class Endpoint:
    """The ASGI application of one route, whose path stands in log and metrics. What it does not answer is a failure of
    the route `none`, for `elsewhere` to render: 405, and `nothing` where there is no handler at all."""

    _numbers = count()
    _prefix = ""

    def __init__(
        self, runtime: Runtime, route: Route, elsewhere: Renderer, nothing: Callable[[], Exception] = NotFound
    ) -> None:
        self.runtime = runtime
        self.route = route
        self.handlers = {"HEAD": route.handlers["GET"], **route.handlers} if "GET" in route.handlers else route.handlers
        self.elsewhere = elsewhere
        self.nothing = nothing
        if not Endpoint._prefix:
            Endpoint._prefix = runtime.entropy(6).hex()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        request = Request(self.runtime, scope, receive, f"{Endpoint._prefix}{next(Endpoint._numbers):06x}")
        name, render = self.route.path, self.route.render
        if (tracer := tracer_of(self.runtime)) is not None:
            begin_trace(tracer, request)
        try:
            handler = self.handlers.get(scope["method"])
            if handler is None:
                name, render = "none", self.elsewhere
                raise MethodNotAllowed(self.handlers) if self.handlers else self.nothing()
            reply = await handler(request)
        except Exception as error:
            reply = render(request, failure_of(request, error))
        headers = reply.raw_headers
        if request.answer_headers:  # of every answer, also of an error
            headers += request.answer_headers
        headers += ((b"x-request-id", request.id.encode("ascii")), NO_SNIFF)
        if not isinstance(reply, Reply):  # a stream is written down when it begins, and its request is not kept
            _note(request, name, reply.status_code, started)
            del request
            await reply(scope, receive, send)
            return
        if reply.status_code not in (204, 304):  # RFC 9110 section 8.6: these have no content, and no length of it
            headers.append((b"content-length", b"%d" % len(reply.body)))
        answered = scope.get(ANSWER)
        if answered is None or not answered(reply):
            await reply(scope, receive, send)
        _note(request, name, reply.status_code, started)


def _note(request: Request, name: str, status: int, started: float) -> None:
    method, seconds = request.scope["method"], perf_counter() - started
    observe_request(name, method, status, seconds)
    trace_id = end_trace(request.span, request, name, status) if request.span is not None else None
    access(
        request.id,
        method,
        request.scope["path"],
        status,
        seconds * 1000,
        request.address,
        name,
        client_id=request.client_id,
        grant_type=request.grant_type,
        reason=request.reason,
        user_id=request.user_id,
        session_id=request.session_id,
        trace_id=trace_id,
    )
