"""One process that serves: the event loop, uvicorn on sockets that are open already, and a graceful end.

The lifespan is ours, not uvicorn's, which would swallow the reason why a start failed.

The end, on SIGTERM or SIGINT: unready at once, so that balancers look elsewhere; answers still, with `Connection:
close`, for `drain_seconds`; then no new connections, and 10 s for requests under way. A second signal ends the drain,
a third one the requests.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import uvicorn
import uvloop

from authsvc import logs
from authsvc.app import App, drain, lifespan
from authsvc.runtime import Runtime, open_runtime
from authsvc.serving.exchange import CLOSE
from authsvc.serving.listening import TlsPair, asking_context, last_connections
from authsvc.serving.protocol import DeadlineProtocol
from authsvc.settings import Settings
from authsvc.settings.kinds import LOOPBACK
from authsvc.web.wellknown import readiness_problems

GRACE_SECONDS = 10

log = logs.get_logger()


class Server(uvicorn.Server):
    """uvicorn's server with our end. `ready(runtime)` is called when it serves."""

    def __init__(
        self, config: uvicorn.Config, runtime: Runtime, ready: Callable[[Runtime], None], tls: TlsPair | None = None
    ) -> None:
        super().__init__(config)
        self._asking = tls.asking.sockets if tls and tls.asking else ()
        self._asking_tls = asking_context(tls) if tls and tls.asking else None
        self._runtime = runtime
        self._ready = ready
        self._asked = 0
        self._timer: asyncio.TimerHandle | None = None

    def end(self, name: str) -> None:
        """A signal: the first one drains, the second stops, the third stops at once."""
        self._asked += 1
        if self._asked == 1:
            log.info("draining", signal=name)
            drain(self._runtime)
            self.config.encoded_headers.append(CLOSE)
            self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
            settings = self._runtime.settings
            seconds = 0 if settings.dev_mode else settings.drain_seconds
            self._timer = asyncio.get_running_loop().call_later(seconds, self._stop)
        elif self._asked == 2:
            self._stop()
        else:
            self.force_exit = True

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop, backlog = asyncio.get_running_loop(), self.config.backlog
        for one in self._asking:
            self.servers.append(
                await loop.create_server(self._protocol, sock=one, ssl=self._asking_tls, backlog=backlog)
            )

    async def main_loop(self) -> None:
        gc.collect()
        gc.freeze()  # what the start made stays: no later collection need look at it again
        gc.set_threshold(5_000, 10, 10)  # a request makes hundreds of objects and hardly a cycle: look less often
        if problems := readiness_problems(self._runtime):
            log.warning("serving_but_not_ready", reason=" ".join(problems))
        self._ready(self._runtime)
        await super().main_loop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's; but whom the kernel has let in already is served. Closing the sockets would reset them, and
        a proxy must not send a POST again (RFC 9110 section 9.2.2)."""
        loop = asyncio.get_running_loop()
        listening = [(one, self.config.ssl) for one in sockets or []] + [
            (one, self._asking_tls) for one in self._asking
        ]
        # Of each socket a second one, so that the kernel closes it when we have looked.
        last = [(one.dup(), tls) for one, tls in listening]
        for server in self.servers:
            server.close()
        for one, _ in listening:
            one.close()
        await asyncio.sleep(0)  # the loop has closed its own
        let_in = [
            loop.create_task(loop.connect_accepted_socket(self._protocol, connection, ssl=tls))
            for one, tls in last
            for connection in last_connections([one])
        ]
        await super().shutdown(sockets)
        await asyncio.gather(*let_in, return_exceptions=True)

    def _protocol(self) -> asyncio.Protocol:
        return DeadlineProtocol(self.config, self.server_state, self.lifespan.state)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's would die of the signal in the end; ours are set by `_serve`, and the exit code is 0."""
        yield


def serve_here(
    settings: Settings, sockets: list[socket.socket], tls: TlsPair | None, ready: Callable[[Runtime], None]
) -> None:
    """Serve until a signal ends it. `ready(runtime)` is called once connections are accepted.

    Raises CannotStart, MasterKeyError, SealError, SettingsError, MigrationError.
    """
    logging.getLogger("uvicorn").setLevel(logging.DEBUG if settings.log_level == "debug" else logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, sockets, tls, ready))
    logs.flush()


async def _serve(
    settings: Settings, sockets: list[socket.socket], tls: TlsPair | None, ready: Callable[[Runtime], None]
) -> None:
    loop, starting = asyncio.get_running_loop(), asyncio.current_task()
    assert starting is not None
    runtime = open_runtime(settings)
    server = Server(config_of(runtime, tls), runtime, ready, tls)
    told = False  # before it serves, a signal ends the start

    def on_signal(name: str) -> None:
        nonlocal told
        if server.started:
            server.end(name)
        elif not told:
            told = True
            starting.cancel()

    loop.add_signal_handler(signal.SIGTERM, on_signal, "SIGTERM")
    parent = multiprocessing.parent_process()
    if parent is None:
        loop.add_signal_handler(signal.SIGINT, on_signal, "SIGINT")
    else:  # a supervisor passes signals on; its death is ours, for an orphan would hold the port
        loop.add_reader(parent.sentinel, _orphaned, loop, parent.sentinel, server)
    try:
        async with lifespan(runtime):
            await server.serve(sockets)
    except asyncio.CancelledError:
        if not told:
            raise
        log.info("stopped_before_ready")
    else:
        log.info("stopped", pid=os.getpid())
    finally:
        await runtime.close()


def _orphaned(loop: asyncio.AbstractEventLoop, sentinel: int, server: Server) -> None:
    loop.remove_reader(sentinel)
    log.error("parent_died", pid=os.getpid())
    server.should_exit = True


def _of_every_answer(settings: Settings) -> list[tuple[str, str]]:
    """Strict-Transport-Security (RFC 6797) where the service is known by https, whoever ends TLS, so that no browser
    sends a cookie or a password in the clear again. Not for subdomains, which may be somebody else's; and never for
    `localhost`, where it would break every other program of that machine."""
    parts = urlsplit(settings.issuer)
    if parts.scheme != "https" or settings.dev_mode or parts.hostname in LOOPBACK:
        return []
    return [("strict-transport-security", "max-age=31536000")]


def config_of(runtime: Runtime, tls: TlsPair | None) -> uvicorn.Config:
    """What uvicorn is told: our application, and our protocol to speak with it."""
    config = uvicorn.Config(
        App(runtime),
        http=DeadlineProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        headers=_of_every_answer(runtime.settings),
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=tls.cert_file if tls else None,
        ssl_keyfile=tls.key_file if tls else None,
        workers=1,
    )
    config.load()
    return config
