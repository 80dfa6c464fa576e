"""What runs: the service, the API and the frontends, each on an origin of its own, until a signal ends all of it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import uvicorn

from authsvc.cli.console import Refused, table
from authsvc.serving.listening import listen, port_of
from authsvc_devkit.demo import BACKEND_SECRET, PASSWORD, PEOPLE
from authsvc_verifier import Verifier
from bar.api import AUDIENCE, make_api
from bar.orders import Bar, earlier
from bar.pages import ByPort, Pages, Place
from bar.service import Service, free_port, pause

GRACE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Frontend:
    """`role`: of the demo account that may use it; `callback`: the path of its client's redirect URI."""

    client_id: str
    directory: str
    page: str
    role: str
    callback: str = "/callback"


FRONTENDS = (
    Frontend("customer", "customer", "index.html", "customer"),
    Frontend("bartender", "bartender", "index.html", "bartender"),
    Frontend("admin", "admin", "index.html", "admin"),
    Frontend("terminal", "bartender", "terminal.html", "bartender", callback="/"),
)
ACCOUNTS = {role: email for email, _, role in PEOPLE}


@dataclass(frozen=True, slots=True)
class Options:
    """Ports: 0 for any free one. `frontend_port`: the first of four in a row."""

    port: int
    api_port: int
    frontend_port: int
    data_dir: Path
    token_seconds: int | None
    verbose: bool
    as_json: bool


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours are set by `_until_told`; uvicorn would die of the signal in the end."""
        yield


def run(options: Options) -> None:
    """Returns when a signal came and nothing of it runs any more. Raises Refused, CannotServe."""
    wanted = [options.frontend_port and options.frontend_port + number for number in range(len(FRONTENDS))]
    sockets = [listen("localhost", options.api_port, "--api-port")]
    sockets += [listen("localhost", port, "--frontend-port") for port in wanted]
    port = free_port(options.port, "--port")
    service = Service(port, options.data_dir, options.token_seconds, verbose=options.verbose)
    try:
        asyncio.run(_until_told(options, service, sockets))
    finally:
        service.stop()
    if not options.as_json:
        click.echo(f"The bar is closed. The data stay in {options.data_dir}.")


async def _until_told(options: Options, service: Service, sockets: list[list[socket.socket]]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    urls = [f"http://localhost:{port_of(each)}" for each in sockets]
    api, origins = urls[0], urls[1:]
    await service.wait_ready(stop)
    if stop.is_set():
        return
    uris = {each.client_id: origin + each.callback for each, origin in zip(FRONTENDS, origins, strict=True)}
    await service.register(uris, AUDIENCE)
    await service.wait_readable(origins, stop)
    app = _application(service.issuer, api, origins, [port_of(each) for each in sockets])
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws="none", lifespan="on", timeout_graceful_shutdown=GRACE_SECONDS
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([one for each in sockets for one in each]))
    while not server.started and not serving.done() and not stop.is_set():
        await pause(stop, 0.01)
    _announce(options, service.issuer, api, origins)
    while not stop.is_set() and not serving.done():
        if service.ended is not None:
            raise Refused("the service has ended; it said why above")
        await pause(stop, 0.5)
    server.should_exit = True
    await serving


def _application(issuer: str, api: str, origins: list[str], ports: list[int]) -> ByPort:
    bar = Bar()
    earlier(bar, time.time())
    verifier = Verifier(issuer, audience=AUDIENCE, feed=True, client_id="backend", client_secret=BACKEND_SECRET)
    served = make_api(verifier, bar, api, origins)
    pages = [
        Pages(
            each.directory, each.page, Place(issuer, api, f"Demo account: {ACCOUNTS[each.role]}, password: {PASSWORD}")
        )
        for each in FRONTENDS
    ]
    return ByPort(served, dict(zip(ports, [served, *pages], strict=True)))


def _announce(options: Options, issuer: str, api: str, origins: list[str]) -> None:
    if options.as_json:
        places = {each.client_id: origin for each, origin in zip(FRONTENDS, origins, strict=True)}
        click.echo(json.dumps({"issuer": issuer, "api": api, **places}))
        return
    click.echo("\nThe Nightjar is open.\n")
    accounts = [ACCOUNTS[each.role] for each in FRONTENDS[:-1]]
    rows = [
        (each.client_id, origin, account) for each, origin, account in zip(FRONTENDS, origins, accounts, strict=False)
    ]
    rows.append(("bar terminal", origins[-1], f"by a code, allowed at {issuer}/device"))
    rows += [("service", issuer, f"one's own sessions: {issuer}/account"), ("API", api, f"{api}/menu is public")]
    rows.append(("mails", f"{issuer}/dev/mail", "what the service would have sent"))
    click.echo("\n".join(table(("PAGE", "ADDRESS", "ACCOUNT"), rows)))
    seconds = options.token_seconds
    life = f"Access tokens live {seconds} s." if seconds else "--token-seconds 10 shows tokens being renewed."
    click.echo(f"\nPassword of all accounts: {PASSWORD}. {life} Ctrl-C ends everything.\n")
