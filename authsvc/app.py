"""The composition root: every capability, every route, and what runs while the service is up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from authsvc.capability import Capability
from authsvc.device_name import warm
from authsvc.flows.ending import deliver_logouts
from authsvc.flows.keys import keep_keys, served_settings
from authsvc.flows.keys.jwks_snapshot import load_snapshot
from authsvc.flows.revocation import status_indices
from authsvc.flows.revocation.feed import end_streams
from authsvc.flows.upkeep import follow_changes, sweep
from authsvc.keys.seal import SealError
from authsvc.rules import discovery
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.migrate import MigrationError
from authsvc.tasks import end_tasks
from authsvc.web import (
    account,
    authorize,
    device,
    feed,
    first_party_json,
    home,
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
from authsvc.web.http.endpoint import Endpoint, Routes, made_routes, unrouted
from authsvc.web.http.errors import json_failure
from authsvc.web.http.reply import Reply
from authsvc.web.http.request import Request, malformed
from authsvc.web.pages.errors import page_failure, page_or_json_failure


class CannotStart(Exception):
    """The service must not start; the message says what to do."""


CAPABILITIES = (
    Capability("upkeep", loops=(follow_changes.follow_changes, sweep.sweep_for_ever)),
    Capability("keys", loops=(keep_keys.keep_for_ever,), metadata=discovery.keys),
    Capability("tokens", metadata=discovery.tokens),
    Capability("revocation feed", metadata=discovery.feed, drain=end_streams),
    Capability("status lists", loops=(status_indices.keep_for_ever,), give_back=status_indices.give_back),
    Capability("device", metadata=discovery.device),
    Capability("grants", metadata=discovery.grants),
    Capability("authorization requests", metadata=discovery.authorization_requests),
    Capability("registration", metadata=discovery.registration),
    Capability("authorization responses", metadata=discovery.authorization_responses),
    Capability("service", metadata=discovery.service),
    Capability("account", openid_metadata=discovery.account),
    Capability("ID tokens", openid_metadata=discovery.id_tokens),
    Capability("log-out", openid_metadata=discovery.logout),
    Capability(
        "back-channel logout",
        loops=(deliver_logouts.deliver_for_ever,),
        openid_metadata=discovery.backchannel_logout,
    ),
)
"""In the order of their members in the metadata documents. Whoever adds a wing adds a line here."""

OAUTH_METADATA = tuple(one.metadata for one in CAPABILITIES)
OPENID_METADATA = OAUTH_METADATA + tuple(one.openid_metadata for one in CAPABILITIES)

PAGES: Routes = {
    "/authorize": {"GET": authorize.authorization, "POST": authorize.authorization},
    "/login": {"GET": login.login_page, "POST": login.login},
    "/consent": {"GET": authorize.consent_landing, "POST": authorize.consent},
    "/logout": {"GET": logout.logout_page, "POST": logout.logout},
    "/account": {"GET": account.account_page},
    "/account/sessions/end": {"POST": account.end_session},
    "/account/sessions/end-others": {"POST": account.end_others},
    "/account/password": {"GET": account.password_landing, "POST": account.change_password},
    "/account/apps/revoke": {"POST": account.revoke_app},
    "/device": {"GET": device.device_get, "POST": device.device_post},
}
"""For people: a failure is a page."""

CLIENTS: Routes = {
    "/token": {"POST": token.token, "OPTIONS": cors.token_preflight},
    "/introspect": {"POST": token.introspect_token},
    "/revoke": {"POST": token.revoke_token, "OPTIONS": cors.token_preflight},
    "/par": {"POST": par.push},
    "/device_authorization": {"POST": device.device_authorization, "OPTIONS": cors.token_preflight},
    "/register": {"POST": register.register},
    "/register/{client_id}": {"GET": register.read, "PUT": register.change, "DELETE": register.end},
    "/statuslists/{id}": {"GET": status_list.status_list_get},
    "/revocations": {"GET": feed.revocations},
    "/revocations/stream": {"GET": feed.revocations_stream},
}
"""Where clients authenticate, and what verifiers ask for. (A form of another origin is preflighted for DPoP alone.)"""

BEARERS: Routes = {
    "/userinfo": {"GET": userinfo.userinfo_get, "POST": userinfo.userinfo_post, "OPTIONS": cors.api_preflight},
    "/api/auth/login": {"POST": first_party_json.api_login, "OPTIONS": cors.api_preflight},
    "/api/auth/refresh": {"POST": first_party_json.api_refresh, "OPTIONS": cors.api_preflight},
    "/api/auth/logout": {"POST": first_party_json.api_logout, "OPTIONS": cors.api_preflight},
    "/api/auth/sessions": {
        "GET": first_party_json.api_sessions,
        "DELETE": first_party_json.api_end_other_sessions,
        "OPTIONS": cors.api_preflight,
    },
    "/api/auth/sessions/{id}": {"DELETE": first_party_json.api_end_session, "OPTIONS": cors.api_preflight},
    "/api/profile/me": {"GET": first_party_json.api_profile, "OPTIONS": cors.api_preflight},
}
"""What frontends of other origins call with a token or with JSON."""

DOCUMENTS: Routes = {
    "/": {"GET": home.home},
    "/.well-known/jwks.json": {"GET": wellknown.jwks},
    "/.well-known/openid-configuration": {"GET": wellknown.metadata(OPENID_METADATA)},
    "/.well-known/oauth-authorization-server": {"GET": wellknown.metadata(OAUTH_METADATA)},
    "/static/{name}": {"GET": wellknown.static},
    "/favicon.ico": {"GET": wellknown.favicon},
    "/openapi.yaml": {"GET": wellknown.openapi},
    "/livez": {"GET": wellknown.livez},
    "/readyz": {"GET": wellknown.readyz},
    "/metrics": {"GET": wellknown.metrics_page},
}
"""What anybody may read, a person or a program: a failure is a page for who asks for one, else JSON."""

ROUTES: Routes = {**PAGES, **CLIENTS, **BEARERS, **DOCUMENTS}


class App:
    """ASGI: the Host header is checked, then Starlette's router finds the route; fixed paths are looked up before."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        elsewhere = Endpoint(runtime, "none", unrouted, page_or_json_failure)
        self._wrong_host = Endpoint(runtime, "none", _refuse_host, json_failure)
        routes = [
            *made_routes(runtime, PAGES, page_failure, elsewhere),
            *made_routes(runtime, {**CLIENTS, **BEARERS}, json_failure, elsewhere),
            *made_routes(runtime, DOCUMENTS, page_or_json_failure, elsewhere),
        ]
        # A walk through the table is 36 µs of CPU for the JWKS, this look-up and all of `Endpoint` 6.
        self._fixed: dict[str, ASGIApp] = {route.path: route.app for route in routes if not route.param_convertors}
        self._router = Router(
            routes, redirect_slashes=False, default=elsewhere, lifespan=lambda _app: lifespan(runtime)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._router(scope, receive, send)
        elif self.runtime.settings.allowed_hosts and not self._known_host(scope):
            await self._wrong_host(scope, receive, send)
        else:
            await self._fixed.get(scope["path"], self._router)(scope, receive, send)

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
    tasks = [asyncio.create_task(loop(runtime)) for one in CAPABILITIES for loop in one.loops]
    try:
        yield
    finally:
        await end_tasks(tasks)
        for one in CAPABILITIES:
            await one.give_back(runtime)
        await runtime.close()


def drain(runtime: Runtime) -> None:
    """The service will end: be unready, and end what would hold the end."""
    runtime.following.draining = True
    for one in CAPABILITIES:
        one.drain(runtime)


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
