"""The composition root: every capability, every route, and what runs while the service is up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette import routing
from starlette.types import ASGIApp, Receive, Scope, Send

from authsvc import device_name
from authsvc.flows.caller import client_certificate
from authsvc.flows.ending import deliver_logouts
from authsvc.flows.keys import keep_keys, served_settings
from authsvc.flows.keys.jwks_snapshot import load_snapshot
from authsvc.flows.mail import deliver
from authsvc.flows.mail.dev_mailbox import goes_to_page
from authsvc.flows.proofs import write_letters
from authsvc.flows.revocation import status_indices
from authsvc.flows.revocation.feed import end_streams
from authsvc.flows.sight import measure, send_traces
from authsvc.flows.upkeep import end_idle, finish_endings, follow_changes, sweep, watch_redis
from authsvc.keys.seal import SealError
from authsvc.logs import get_logger
from authsvc.records import frozen
from authsvc.rules import discovery
from authsvc.rules.discovery import Lines, no_lines
from authsvc.runtime import CannotStart, Runtime
from authsvc.store.database_url import left_out
from authsvc.store.errors import StoreUnavailable
from authsvc.store.migrate import MigrationError
from authsvc.tasks import end_tasks
from authsvc.traces.export import ExtraMissing
from authsvc.web import (
    account,
    account_address,
    account_delete,
    account_events,
    account_factors,
    account_profile,
    account_trusted,
    authorize,
    dev_mail,
    device,
    first_party_json,
    first_party_passkey,
    first_party_reset,
    first_party_sign_up,
    login,
    logout,
    mailed_code,
    mailed_code_json,
    passkeys,
    proof,
    register,
    reset,
    revocation,
    second_step,
    sign_up,
    token,
    userinfo,
    wellknown,
)
from authsvc.web.http.endpoint import Endpoint, Route
from authsvc.web.http.failures import json_failure
from authsvc.web.http.request import malformed
from authsvc.web.pages import views
from authsvc.web.pages.failure_page import page_or_json_failure

log = get_logger()


@frozen
class Capability:
    """What one part of the service brings besides its wings. `loops` run side by side while the service is up, and end
    only when they are cancelled."""

    name: str
    routes: tuple[Route, ...] = ()
    loops: tuple[Callable[[Runtime], Coroutine[Any, Any, None]], ...] = ()
    metadata: Lines = no_lines
    """Its members of the metadata of the authorization server (RFC 8414), and so of both documents."""
    openid_metadata: Lines = no_lines
    """Its members of OpenID Connect Discovery alone."""
    ready: Callable[[], Awaitable[None]] | None = None
    """Awaited before each of its routes is handled: what a worker has only once somebody came for it."""
    drain: Callable[[Runtime], None] | None = None
    """Called when the service will end: no request may be held by this capability from now on."""
    begin: Callable[[Runtime], None] | None = None
    """Called before anything is served."""
    give_back: Callable[[Runtime], Awaitable[None]] | None = None
    """Awaited after the loops have ended, while the stores are still there."""


async def _ready_for_pages() -> None:
    """A service for machines never needs it, one that has pages of its own needs the names of devices alone."""
    await device_name.ready()
    await views.ready()


CAPABILITIES = (
    Capability(
        "upkeep",
        loops=(
            follow_changes.follow_changes,
            watch_redis.watch_redis,
            sweep.sweep_for_ever,
            finish_endings.finish_for_ever,
            end_idle.end_idle_for_ever,
        ),
    ),
    Capability("keys", wellknown.JWKS, loops=(keep_keys.keep_for_ever,), metadata=discovery.keys),
    Capability("tokens", token.ROUTES, metadata=discovery.tokens),
    Capability("certificates of clients", metadata=discovery.certificates, begin=client_certificate.begin),
    Capability("revocation feed", revocation.FEED, metadata=discovery.feed, drain=end_streams),
    Capability(
        "status lists",
        revocation.STATUS_LISTS,
        loops=(status_indices.keep_for_ever,),
        give_back=status_indices.give_back,
    ),
    Capability("device", device.ROUTES, metadata=discovery.device, ready=_ready_for_pages),
    Capability("grants", metadata=discovery.grants),
    Capability(
        "authorization requests", authorize.ROUTES, metadata=discovery.authorization_requests, ready=_ready_for_pages
    ),
    Capability("login", login.ROUTES + second_step.ROUTES + mailed_code.ROUTES, ready=_ready_for_pages),
    Capability("passkeys", passkeys.ROUTES, ready=_ready_for_pages),
    Capability("trusted devices", account_trusted.ROUTES, ready=_ready_for_pages),
    Capability("registration", register.ROUTES, metadata=discovery.registration),
    Capability("client ID metadata documents", metadata=discovery.client_documents),
    Capability("authorization responses", metadata=discovery.authorization_responses),
    Capability("service", wellknown.ROUTES, metadata=discovery.service),
    Capability(
        "account",
        (
            *account.ROUTES,
            *account_address.ROUTES,
            *account_delete.ROUTES,
            *account_events.ROUTES,
            *account_factors.ROUTES,
            *account_profile.ROUTES,
        ),
        ready=_ready_for_pages,
    ),
    Capability("claims of a person", userinfo.ROUTES, openid_metadata=discovery.account),
    Capability(
        "JSON for first-party frontends",
        (
            *first_party_json.ROUTES,
            *first_party_passkey.ROUTES,
            *first_party_reset.ROUTES,
            *first_party_sign_up.ROUTES,
            *mailed_code_json.ROUTES,
        ),
        ready=device_name.ready,
    ),
    Capability("ID tokens", openid_metadata=discovery.id_tokens),
    Capability("log-out", logout.ROUTES, openid_metadata=discovery.logout, ready=_ready_for_pages),
    Capability(
        "back-channel logout", loops=(deliver_logouts.deliver_for_ever,), openid_metadata=discovery.backchannel_logout
    ),
    Capability(
        "proofs by mail",
        proof.ROUTES + reset.ROUTES + sign_up.ROUTES,
        loops=(write_letters.write_for_ever,),
        ready=_ready_for_pages,
    ),
    Capability("mail", loops=(deliver.deliver_for_ever,)),
    Capability("sight", loops=(measure.measure_for_ever, measure.look_for_ever)),
    Capability("traces", begin=send_traces.begin, give_back=send_traces.end),
)
"""In the order of their members in the metadata documents. Whoever adds a wing adds a line here."""


OAUTH_METADATA = tuple(one.metadata for one in CAPABILITIES)
OPENID_METADATA = OAUTH_METADATA + tuple(one.openid_metadata for one in CAPABILITIES)

ROUTES = (
    *(route.after(one.ready) if one.ready else route for one in CAPABILITIES for route in one.routes),
    wellknown.metadata("/.well-known/openid-configuration", OPENID_METADATA),
    wellknown.metadata("/.well-known/oauth-authorization-server", OAUTH_METADATA),
)


DEV_ROUTES = dev_mail.ROUTES
"""Only where mails go to a page, which settings allow in dev mode alone, and `authsvc serve` never."""


class App:
    """ASGI: the Host header is checked, then Starlette's router finds the route; fixed paths are looked up before."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        nowhere = Route("none", {})
        self._wrong_host = Endpoint(runtime, nowhere, json_failure, _host_unknown)
        offered = ROUTES + (DEV_ROUTES if goes_to_page(runtime) else ())
        routes = [routing.Route(one.path, Endpoint(runtime, one, page_or_json_failure)) for one in offered]
        # A walk through the table is 36 µs of CPU for the JWKS, this look-up and all of `Endpoint` 6.
        self._fixed: dict[str, ASGIApp] = {route.path: route.app for route in routes if not route.param_convertors}
        self._fixed["*"] = Endpoint(runtime, wellknown.WHOLE_SERVICE, json_failure)
        self._router = routing.Router(
            routes,
            redirect_slashes=False,
            default=Endpoint(runtime, nowhere, page_or_json_failure),
            lifespan=lambda _app: lifespan(runtime),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._router
        if scope["type"] == "http":
            if self.runtime.settings.allowed_hosts and not self._known_host(scope):
                app = self._wrong_host
            else:
                app = self._fixed.get(scope["path"], app)
        await app(scope, receive, send)

    def _known_host(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        return len(hosts) == 1 and (
            hosts[0] in self.runtime.settings.allowed_hosts
            or hosts[0].rpartition(":")[0] in self.runtime.settings.allowed_hosts
        )


def _host_unknown() -> Exception:
    return malformed("This service does not answer to that host name.", "host_unknown")


@asynccontextmanager
async def lifespan(runtime: Runtime) -> AsyncIterator[None]:
    """Ready first, then follow changes and sweep until the end. Raises CannotStart."""
    await start(runtime)
    begin(runtime)
    tasks = [asyncio.create_task(loop(runtime)) for one in CAPABILITIES for loop in one.loops]
    try:
        yield
    finally:
        await end_tasks(tasks)
        for one in CAPABILITIES:
            if one.give_back:
                await one.give_back(runtime)
        await runtime.close()


def begin(runtime: Runtime) -> None:
    """Let each capability begin. Raises CannotStart."""
    for one in CAPABILITIES:
        if one.begin:
            try:
                one.begin(runtime)
            except ExtraMissing as error:
                raise CannotStart("AUTHSVC_TRACES=otlp needs the extra: pip install 'authsvc[otel]'") from error


def drain(runtime: Runtime) -> None:
    """The service will end: be unready, and end what would hold the end."""
    runtime.following.draining = True
    for one in CAPABILITIES:
        if one.drain:
            one.drain(runtime)


async def start(runtime: Runtime) -> None:
    """Read everything once. PostgreSQL being away is no reason not to start: the JWKS must be served all the same."""
    if names := left_out(runtime.settings.database_url):
        log.warning("database_url_parameters_left_out", reason=" ".join(names))
    try:
        await runtime.db.connect()
        if not await follow_changes.prepare(runtime):
            raise CannotStart("the database is behind this version of authsvc; run `authsvc migrate` first")
        await follow_changes.follow_once(runtime)
        if unfit := runtime.following.redis_unfit:  # one that is away is no reason not to start
            raise CannotStart(unfit)
        await served_settings.record_at_start(runtime)
    except StoreUnavailable as error:
        if error.kind == "refused":  # time does not mend that
            raise
        load_snapshot(runtime)
        if runtime.keyring.jwks is None and runtime.db.suspended:  # the keys of a backup are good
            with suppress(StoreUnavailable), runtime.db.regardless():
                await follow_changes.load_keys(runtime)
    except (MigrationError, SealError) as error:
        raise CannotStart(str(error)) from error
