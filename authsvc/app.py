"""The composition root: every route, and what runs while the service is up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Match, Route

from authsvc.device_name import warm
from authsvc.flows.ending import deliver_logouts
from authsvc.flows.keys import keep_keys, served_settings
from authsvc.flows.keys.jwks_snapshot import load_snapshot
from authsvc.flows.revocation import status_indices
from authsvc.flows.session.publish_revocation import revocation_feed
from authsvc.flows.upkeep import follow_changes, sweep
from authsvc.keys.seal import SealError
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.migrate import MigrationError
from authsvc.tasks import end_tasks
from authsvc.web import (
    account,
    api,
    authorize,
    device,
    feed,
    login,
    logout,
    par,
    register,
    status_list,
    token,
    userinfo,
    wellknown,
)
from authsvc.web.http import cors
from authsvc.web.http.errors import error_reply, method_not_allowed, not_found
from authsvc.web.http.request import (
    Endpoint,
    Handler,
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    malformed,
)
from authsvc.web.pages.errors import page_error_reply


class CannotStart(Exception):
    """The service must not start; the message says what to do."""


Entry = tuple[Route, Endpoint]
_WITH_PREFLIGHT = (
    "/userinfo",
    "/api/auth/login",
    "/api/auth/refresh",
    "/api/auth/logout",
    "/api/auth/sessions",
    "/api/auth/sessions/{id}",
    "/api/profile/me",
)
"""What pages of other origins call with a token or with JSON. (A form of theirs is preflighted for DPoP alone.)"""


def table(runtime: Runtime) -> list[Entry]:
    """Every route of the service."""
    return [*_for_people(runtime), *_for_programs(runtime)]


def _for_people(runtime: Runtime) -> list[Entry]:
    def page(method: str, path: str, handler: Handler) -> Entry:
        return _at(method, path, Endpoint(runtime, path, handler, page_error_reply))

    return [
        page("GET", "/authorize", authorize.authorization),
        page("POST", "/authorize", authorize.authorization),
        page("GET", "/login", login.login_page),
        page("POST", "/login", login.login),
        page("GET", "/consent", authorize.consent_landing),
        page("POST", "/consent", authorize.consent),
        page("GET", "/logout", logout.logout_page),
        page("POST", "/logout", logout.logout),
        page("GET", "/account", account.account_page),
        page("POST", "/account/sessions/end", account.end_session),
        page("POST", "/account/sessions/end-others", account.end_others),
        page("GET", "/account/password", account.password_landing),
        page("POST", "/account/password", account.change_password),
        page("POST", "/account/apps/revoke", account.revoke_app),
        page("GET", "/device", device.device_get),
        page("POST", "/device", device.device_post),
    ]


def _for_programs(runtime: Runtime) -> list[Entry]:
    def route(method: str, path: str, handler: Handler) -> Entry:
        return _at(method, path, Endpoint(runtime, path, handler, error_reply))

    return [
        route("GET", "/static/{name}", wellknown.static),
        route("GET", "/userinfo", userinfo.userinfo_get),
        route("POST", "/userinfo", userinfo.userinfo_post),
        route("OPTIONS", "/token", cors.token_preflight),
        route("OPTIONS", "/revoke", cors.token_preflight),
        route("POST", "/token", token.token),
        route("POST", "/par", par.push),
        route("POST", "/register", register.register),
        route("GET", "/register/{client_id}", register.read),
        route("PUT", "/register/{client_id}", register.change),
        route("DELETE", "/register/{client_id}", register.end),
        route("POST", "/introspect", token.introspect_token),
        route("POST", "/revoke", token.revoke_token),
        route("GET", "/statuslists/{id}", status_list.status_list_get),
        route("GET", "/revocations", feed.revocations),
        _at("GET", feed.STREAM, feed.StreamEndpoint(runtime, feed.STREAM, feed.revocations_stream, error_reply)),
        route("POST", "/device_authorization", device.device_authorization),
        route("OPTIONS", "/device_authorization", cors.token_preflight),
        route("GET", "/.well-known/jwks.json", wellknown.jwks),
        route("GET", "/.well-known/openid-configuration", wellknown.openid_metadata),
        route("GET", "/.well-known/oauth-authorization-server", wellknown.oauth_metadata),
        route("POST", "/api/auth/login", api.api_login),
        route("POST", "/api/auth/refresh", api.api_refresh),
        route("POST", "/api/auth/logout", api.api_logout),
        route("GET", "/api/auth/sessions", api.api_sessions),
        route("DELETE", "/api/auth/sessions", api.api_end_other_sessions),
        route("DELETE", "/api/auth/sessions/{id}", api.api_end_session),
        route("GET", "/api/profile/me", api.api_profile),
        *(route("OPTIONS", path, cors.api_preflight) for path in _WITH_PREFLIGHT),
        route("GET", "/livez", wellknown.livez),
        route("GET", "/readyz", wellknown.readyz),
        route("GET", "/metrics", wellknown.metrics_page),
        route("GET", "/openapi.yaml", wellknown.openapi),
    ]


def _at(method: str, path: str, endpoint: Endpoint) -> Entry:
    return Route(path, endpoint, methods=[method], name=f"{method} {path}", include_in_schema=False), endpoint


class App:
    """ASGI: fixed paths by one dictionary look-up, the rest through Starlette's router."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._table = table(runtime)
        self._starlette = Starlette(routes=[route for route, _ in self._table], lifespan=lambda _app: lifespan(runtime))
        self._fixed = {
            (method, route.path): endpoint
            for route, endpoint in self._table
            for method in route.methods or ()
            if "{" not in route.path
        }
        self._not_found = Endpoint(runtime, "none", not_found, error_reply)
        self._not_allowed = Endpoint(runtime, "none", method_not_allowed, error_reply)
        self._wrong_host = Endpoint(runtime, "none", _refuse_host, error_reply)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._starlette(scope, receive, send)
            return
        if self.runtime.settings.allowed_hosts and not self._known_host(scope):
            await self._wrong_host(scope, receive, send)
            return
        endpoint = self._fixed.get((scope["method"], scope["path"])) or self._search(scope)
        await endpoint(scope, receive, send)

    def _search(self, scope: Scope) -> Endpoint:
        allowed: set[str] = set()
        for route, endpoint in self._table:
            match, child = route.matches(scope)
            if match is Match.FULL:
                scope.update(child)
                return endpoint
            if match is Match.PARTIAL:
                allowed |= route.methods or set()
        if allowed:
            scope["authsvc.allowed"] = allowed
            return self._not_allowed
        return self._not_found

    def _known_host(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        return len(hosts) == 1 and (
            hosts[0] in self.runtime.settings.allowed_hosts
            or hosts[0].rpartition(":")[0] in self.runtime.settings.allowed_hosts
        )


async def _refuse_host(_request: Request) -> Reply:
    raise malformed("This service does not answer to that host name.", "host_unknown")


@asynccontextmanager
async def lifespan(runtime: Runtime) -> AsyncIterator[None]:
    """Ready first, then follow changes and sweep until the end. Raises CannotStart."""
    await start(runtime)
    warm()
    tasks = [
        asyncio.create_task(follow_changes.follow_changes(runtime)),
        asyncio.create_task(keep_keys.keep_for_ever(runtime)),
        asyncio.create_task(status_indices.keep_for_ever(runtime)),
        asyncio.create_task(sweep.sweep_for_ever(runtime)),
        asyncio.create_task(deliver_logouts.deliver_for_ever(runtime)),
    ]
    try:
        yield
    finally:
        await end_tasks(tasks)
        await status_indices.give_back(runtime)
        await runtime.close()


def drain(runtime: Runtime) -> None:
    """The service will end: be unready, and end the streams, which would hold the end."""
    runtime.following.draining = True
    revocation_feed.of(runtime).end("drained")


async def start(runtime: Runtime) -> None:
    """Read everything once. PostgreSQL being away is no reason not to start: the JWKS must be served all the same."""
    try:
        await runtime.db.connect()
        if not await follow_changes.prepare(runtime):
            raise CannotStart("the database is behind this version of authsvc; run `authsvc migrate` first")
        if trouble := await follow_changes.redis_trouble(runtime):
            raise CannotStart(trouble)
        await follow_changes.follow_once(runtime)
        await served_settings.record_at_start(runtime)
    except StoreUnavailable:
        load_snapshot(runtime)
    except (MigrationError, SealError) as error:
        raise CannotStart(str(error)) from error
