"""The ASGI application of a route, and what Starlette lacks: failure mapping, request id, access log line, metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from time import perf_counter

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from authsvc.logs import access
from authsvc.metrics import observe_request
from authsvc.runtime import Runtime
from authsvc.web.http.errors import Failure, MethodNotAllowed, NotFound, failure_of
from authsvc.web.http.reply import ANSWER, NO_SNIFF, Reply
from authsvc.web.http.request import Request

Handler = Callable[[Request], Awaitable[Response]]
Renderer = Callable[[Request, Failure], Reply]
Routes = Mapping[str, Mapping[str, Handler]]
"""Path, in Starlette's notation -> method -> handler. Who answers GET answers HEAD."""

_ALLOWED = "authsvc.allowed"


class Endpoint:
    """The ASGI application of one handler. `name` stands in log and metrics; `render` makes an answer of a failure."""

    _numbers = count()
    _prefix = ""

    def __init__(self, runtime: Runtime, name: str, handler: Handler, render: Renderer) -> None:
        self.runtime = runtime
        self.name = name
        self.handler = handler
        self.render = render
        if not Endpoint._prefix:
            Endpoint._prefix = runtime.entropy(6).hex()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        request = Request(self.runtime, scope, receive, f"{Endpoint._prefix}{next(Endpoint._numbers):06x}")
        try:
            reply = await self.handler(request)
        except Exception as error:
            reply = self.render(request, failure_of(request, error))
        headers = reply.raw_headers
        if request.answer_headers:  # of every answer, also of an error
            headers += request.answer_headers
        headers += ((b"x-request-id", request.id.encode("ascii")), NO_SNIFF)
        if not isinstance(reply, Reply):  # a stream is written down when it begins, and its request is not kept
            self._note(request, reply.status_code, started)
            del request
            await reply(scope, receive, send)
            return
        if reply.status_code not in (204, 304):  # RFC 9110 section 8.6: these have no content, and no length of it
            headers.append((b"content-length", b"%d" % len(reply.body)))
        answered = scope.get(ANSWER)
        if answered is None or not answered(reply):
            await reply(scope, receive, send)
        self._note(request, reply.status_code, started)

    def _note(self, request: Request, status: int, started: float) -> None:
        method, seconds = request.scope["method"], perf_counter() - started
        observe_request(self.name, method, status, seconds)
        access(
            request.id,
            method,
            request.scope["path"],
            status,
            seconds * 1000,
            request.address,
            self.name,
            client_id=request.client_id,
            grant_type=request.grant_type,
            reason=request.reason,
            user_id=request.user_id,
            session_id=request.session_id,
        )


class Resource:
    """The ASGI application of one path: an endpoint for each method, and 405 for every other one."""

    def __init__(self, endpoints: Mapping[str, Endpoint], unrouted: Endpoint) -> None:
        self.endpoints = {"HEAD": endpoints["GET"], **endpoints} if "GET" in endpoints else dict(endpoints)
        self.unrouted = unrouted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.endpoints.get(scope["method"])
        if endpoint is None:
            scope[_ALLOWED] = self.endpoints
            endpoint = self.unrouted
        await endpoint(scope, receive, send)


async def unrouted(request: Request) -> Reply:
    """The handler of what no route answers. Raises MethodNotAllowed where another method would be, or NotFound."""
    allowed = request.scope.get(_ALLOWED)
    raise MethodNotAllowed(allowed) if allowed else NotFound


def made_routes(runtime: Runtime, routes: Routes, render: Renderer, unrouted: Endpoint) -> list[Route]:
    """Starlette's routes to these handlers, whose failures are all rendered in the same way."""

    def resource(path: str, handlers: Mapping[str, Handler]) -> Resource:
        endpoints = {method: Endpoint(runtime, path, handler, render) for method, handler in handlers.items()}
        return Resource(endpoints, unrouted)

    return [Route(path, resource(path, handlers), name=path) for path, handlers in routes.items()]
