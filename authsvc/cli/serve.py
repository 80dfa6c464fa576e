"""`authsvc serve`: the service."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from authsvc.cli import STARTED
from authsvc.cli.console import Refused
from authsvc.clock import monotonic
from authsvc.serving.listening import (
    CertificateListener,
    TlsPair,
    asking_context,
    check_tls,
    host_and_port,
    listen,
    port_of,
)
from authsvc.settings import Settings, SettingsError, load
from authsvc.settings.kinds import words
from authsvc.settings.mail import DEV_PAGE

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--host", metavar="ADDRESS", help="Addresses to listen on, instead of AUTHSVC_HOST.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on, instead of AUTHSVC_PORT; 0: any.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes, instead of AUTHSVC_WORKERS; one a core.")
@click.option("--tls-cert", type=_FILE, help="PEM file with the certificate and its chain: serve https.")
@click.option("--tls-key", type=_FILE, help="PEM file with the certificate's private key.")
def command(
    host: str | None, port: int | None, workers: int | None, tls_cert: Path | None, tls_key: Path | None
) -> None:
    """Run the service.

    Needs a migrated database (`authsvc migrate`) and a signing key (`authsvc keys generate`).

    On SIGTERM or Ctrl-C /readyz turns 503 at once, requests are answered for AUTHSVC_DRAIN_SECONDS more, then it ends;
    a second signal ends it sooner. Exit code 0.

    \b
    Examples:
      authsvc serve
      authsvc serve --host :: --port 8443 --workers 4 --tls-cert chain.pem --tls-key key.pem
      AUTHSVC_MTLS_PORT=8444 AUTHSVC_CLIENT_CA_FILE=ca.pem authsvc serve --tls-cert chain.pem --tls-key key.pem
      AUTHSVC_METRICS=127.0.0.1:9464 authsvc serve      /metrics on a listener of its own
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together: give both")
    settings = load(os.environ)
    if settings.smtp_url == DEV_PAGE:
        raise SettingsError([f"AUTHSVC_SMTP_URL: {DEV_PAGE} is for `authsvc dev` only; name a mail server, or none"])
    settings = replace(
        settings,
        host=host or settings.host,
        port=settings.port if port is None else port,
        workers=workers or settings.workers,
    )
    tls = TlsPair(tls_cert, tls_key) if tls_cert and tls_key else None
    if tls:
        check_tls(tls)
    elif settings.mtls_port:
        raise SettingsError(["AUTHSVC_MTLS_PORT: is for TLS that ends here: give --tls-cert and --tls-key"])
    sockets = listen(settings.host, settings.port, "--port or AUTHSVC_PORT")
    if tls and settings.mtls_port:
        asking = tuple(listen(settings.host, settings.mtls_port, "AUTHSVC_MTLS_PORT"))
        tls = replace(tls, asking=CertificateListener(asking, Path(settings.client_ca_file)))
        asking_context(tls)
    serve(replace(settings, port=port_of(sockets)), sockets, tls)


def serve(settings: Settings, sockets: list[socket.socket], tls: TlsPair | None) -> None:
    """Serve on open sockets until a signal ends it, in this process or in several. Raises Refused and others."""
    from authsvc import logs

    logs.configure(settings.log_level, settings.log_format)  # type: ignore[arg-type]  # settings allow no others
    if settings.workers == 1:
        from authsvc.serving.worker import serve_here

        with metrics_listener(settings):
            serve_here(settings, sockets, tls, lambda _: announce(settings, tls))
        return

    from authsvc.serving.supervisor import Supervisor, metrics_directory

    for name in [name for name in os.environ if name.startswith("AUTHSVC_")]:
        del os.environ[name]  # the workers are told by their parent: no secret is in their environment
    with metrics_directory(), metrics_listener(settings):
        Supervisor(settings, sockets, tls, lambda: announce(settings, tls)).run()


def announce(settings: Settings, tls: TlsPair | None) -> None:
    """The line in the log that says: it serves."""
    from authsvc import __version__, logs

    hosts = [f"[{host}]" if ":" in host else host for host in words(settings.host)]
    logs.get_logger().info(
        "serving",
        url_host=" ".join(
            [f"{'https' if tls else 'http'}://{host}:{settings.port}" for host in hosts]
            + [f"https://{host}:{settings.mtls_port}" for host in hosts if tls and tls.asking]
        ),
        workers=settings.workers,
        elapsed_ms=int((monotonic() - STARTED) * 1000),
        version=__version__,
        pid=os.getpid(),
    )


@contextmanager
def metrics_listener(settings: Settings) -> Iterator[None]:
    """`/metrics` on its own port, where the settings ask for one. Raises Refused."""
    if settings.metrics in ("main", "off"):
        yield
        return
    from authsvc.metrics.exposition import serve_metrics

    host, port = host_and_port(settings.metrics)
    try:
        server = serve_metrics(host, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Refused(
            f"cannot serve /metrics on {settings.metrics}: {reason.lower()}; give AUTHSVC_METRICS another HOST:PORT, "
            "or `main`, or `off`"
        ) from None
    try:
        yield
    finally:
        server.stop()
