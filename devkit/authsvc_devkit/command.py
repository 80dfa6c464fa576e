"""`authsvc dev`: everything on this machine, for development. Loopback only: it has known passwords."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click

from authsvc.cli.console import CONTEXT, Refused
from authsvc.serving.listening import TlsPair, listen, port_of
from authsvc.settings.kinds import words
from authsvc.settings.links import without_links
from authsvc.settings.mail import DEV_PAGE

if TYPE_CHECKING:
    from authsvc.settings import Settings
    from authsvc_devkit.servers import Servers

LOOPBACK = ("127.0.0.1", "::1", "localhost")
HOSTS = "localhost 127.0.0.1 [::1] host.docker.internal host.containers.internal"
"""What this machine is called here, and from containers on it. No other name is answered: a page elsewhere whose name
is made to resolve to this machine (DNS rebinding) could read what dev tells without a token."""
OWN = ("ISSUER", "DATABASE_URL", "REDIS_URL", "MASTER_KEY", "MASTER_KEY_FILE", "DEV_MODE", "HOST", "PORT", "WORKERS")
"""What dev decides; everything else of the user's AUTHSVC_* environment applies."""


@dataclass(frozen=True, slots=True)
class House:
    """Where this instance lives: its URL, its files, its stores."""

    url: str
    directory: Path
    database_url: str
    redis_url: str
    ca_file: Path | None = None

    @property
    def master_key_file(self) -> Path:
        return self.directory / "master.key"

    @property
    def env_file(self) -> Path:
        return self.directory / "env"


@click.command(context_settings=CONTEXT)
@click.option("--host", metavar="ADDRESS", help="Loopback address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on.  [default: 8000]")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Where the data stay.")
@click.option("--tls", is_flag=True, help="https, with a certificate made on the spot.")
def command(host: str | None, port: int | None, data_dir: Path | None, tls: bool) -> None:
    """Run authsvc with a private PostgreSQL and Redis, migrated, with keys and demo data.

    The data stay in .authsvc/ (for a root whose checkout others cannot reach: /var/lib/authsvc). Ctrl-C stops all of
    it. `source DATA_DIR/env` gives psql, redis-cli and the other authsvc commands the same stores and settings.
    AUTHSVC_* variables apply, but for those that dev decides itself (issuer, stores, master key).

    \b
    Examples:
      authsvc dev
      authsvc dev --port 8010 --data-dir /tmp/second
      AUTHSVC_ACCESS_TOKEN_SECONDS=10 authsvc dev
      authsvc dev --tls && curl --cacert .authsvc/tls/ca.pem https://localhost:8000/livez
    """
    from authsvc_devkit.servers import AlreadyRunning, ServerFailed, Servers, default_data_dir

    given = without_links(os.environ)
    address = _loopback(host or given.get("AUTHSVC_HOST") or "127.0.0.1")
    wanted = port if port is not None else _port(given.get("AUTHSVC_PORT") or "8000")
    try:
        directory = (data_dir or default_data_dir(Path.cwd())).resolve()
        with Servers(directory, redis_port=True) as servers:
            _run(servers, directory, address, listen(address, wanted), tls)
    except (AlreadyRunning, ServerFailed) as error:
        raise Refused(str(error)) from None


def _run(servers: Servers, directory: Path, host: str, sockets: list[socket.socket], tls: bool) -> None:
    from authsvc import logs
    from authsvc.cli.serve import announce, metrics_listener
    from authsvc.serving.worker import serve_here
    from authsvc.settings import load

    pair, ca_file = _certificate(directory) if tls else (None, None)
    url = f"{'https' if tls else 'http'}://localhost:{port_of(sockets)}"
    house = House(url, directory, servers.database_url, servers.redis_url, ca_file)
    _ensure_master_key(house.master_key_file)
    given = environment(os.environ, house, host, port_of(sockets))
    settings = load(given)
    _write_private(house.env_file, env_text(house, given))
    logs.configure(settings.log_level, settings.log_format)  # type: ignore[arg-type]  # settings allow no others
    asyncio.run(_furnish(settings))

    def ready(_runtime: object) -> None:
        announce(settings, pair)
        logs.flush()
        click.echo(banner(house))

    with metrics_listener(settings):
        serve_here(settings, sockets, pair, ready)
    click.echo("Stopped. The data stay; `authsvc dev` goes on with them.")


def _loopback(host: str) -> str:
    if not set(words(host)) <= set(LOOPBACK):
        raise click.UsageError(
            f"dev listens on {', '.join(LOOPBACK)} only, not on {host}: everybody knows its passwords"
        )
    return host


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise click.UsageError("AUTHSVC_PORT must be between 0 and 65535")
    return int(text)


def _certificate(directory: Path) -> tuple[TlsPair, Path]:
    from authsvc_devkit.tls import make_certificate

    made = make_certificate(directory / "tls")
    return TlsPair(made.cert_file, made.key_file), made.ca_file


def environment(user: Mapping[str, str], house: House, host: str, port: int) -> dict[str, str]:
    """AUTHSVC_* of this instance: what is dev's own, the user's for the rest, and dev's defaults below those. Names of
    files are made absolute: commands find them from any directory."""
    own = {f"AUTHSVC_{name}" for name in OWN}
    own |= {"AUTHSVC_DATABASE_URL_FILE", "AUTHSVC_REDIS_URL_FILE"}
    ours = {name: value for name, value in without_links(user).items() if name.startswith("AUTHSVC_")}
    given = {name: value for name, value in ours.items() if name not in own}
    given |= {name: str(Path(value).absolute()) for name, value in given.items() if name.endswith("_FILE") and value}
    return {
        "AUTHSVC_METRICS": "main",
        "AUTHSVC_LOG_FORMAT": "console",
        "AUTHSVC_CLIENT_REGISTRATION": "true",
        "AUTHSVC_CLIENT_ID_METADATA_DOCUMENTS": "true",
        **({} if "AUTHSVC_SMTP_URL_FILE" in given else {"AUTHSVC_SMTP_URL": DEV_PAGE}),
        "AUTHSVC_ALLOWED_HOSTS": HOSTS,
        **given,
        "AUTHSVC_ISSUER": house.url,
        "AUTHSVC_DATABASE_URL": house.database_url,
        "AUTHSVC_REDIS_URL": house.redis_url,
        "AUTHSVC_MASTER_KEY_FILE": str(house.master_key_file),
        "AUTHSVC_DEV_MODE": "true",
        "AUTHSVC_HOST": host,
        "AUTHSVC_PORT": str(port),
    }


def env_text(house: House, given: Mapping[str, str]) -> str:
    """The shell file that gives other commands all that this instance was `given`, and no other setting of a former one
    or of the shell. What is not a setting has no AUTHSVC_ name."""
    redis_password = unquote(urlsplit(house.redis_url).password or "")
    exports = {**given, "REDISCLI_AUTH": redis_password}
    lines = ["# Made by `authsvc dev`; source it. It holds its settings, with the stores' passwords: mode 0600."]
    lines += ["unset $(env | sed -n 's/^\\(AUTHSVC_[A-Z0-9_]*\\)=.*/\\1/p') REDISCLI_AUTH"]
    lines += [f"export {name}={quote(value)}" for name, value in exports.items()]
    # pip puts the command beside the interpreter; a fresh checkout's .venv is on nobody's PATH.
    lines += [f'export PATH={quote(str(Path(sys.executable).parent))}:"$PATH"']
    lines += ['# psql "$AUTHSVC_DATABASE_URL"', '# redis-cli -u "$AUTHSVC_REDIS_URL"']
    if house.ca_file:
        lines += [
            "# The certificate's authority, for curl and Python, and for Node. In this shell SSL_CERT_FILE stands in",
            "# place of the system's authorities: `unset SSL_CERT_FILE` to reach other https servers.",
            f"export SSL_CERT_FILE={quote(str(house.ca_file))}",
            f"export NODE_EXTRA_CA_CERTS={quote(str(house.ca_file))}",
        ]
    return "\n".join(lines) + "\n"


def banner(house: House) -> str:
    """What a newcomer needs, once it serves."""
    from authsvc_devkit.demo import BACKEND_SECRET, PASSWORD, PEOPLE

    people = ", ".join(email for email, _, _ in PEOPLE)
    ca = f"--cacert {quote(str(house.ca_file))} " if house.ca_file else ""
    body = f'{{"email":"{PEOPLE[0][0]}","password":"{PASSWORD}"}}'
    return f"""
  authsvc is ready on {house.url}

  people    {people}   (password: {PASSWORD})
  clients   customer, bartender, admin (public); backend / {BACKEND_SECRET} (confidential)
  log in    curl {ca}-X POST {house.url}/api/auth/login -H "Content-Type: application/json" -d '{body}'
  mails     {house.url}/dev/mail   (nothing is sent)
  data      {house.directory}
  commands  source {quote(str(house.env_file))}, then `authsvc doctor`, `authsvc users list`, psql, redis-cli
  stop      Ctrl-C; the data stay
"""


async def _furnish(settings: Settings) -> None:
    """Schema, first signing key, demo data: whatever of it is missing."""
    from authsvc.cli.command_runtime import actor
    from authsvc.flows.keys import manage_keys
    from authsvc.keys.phases import signer
    from authsvc.runtime import open_runtime
    from authsvc.store import health, migrate
    from authsvc.store.keys import signing_keys
    from authsvc.store.postgres import OF_COMMANDS
    from authsvc_devkit.demo import add_demo_data

    runtime = open_runtime(settings, deadlines=OF_COMMANDS)
    try:
        await migrate.migrate(runtime.db)
        if signer(await signing_keys.everything(runtime.db), await health.now(runtime.db)) is None:
            await manage_keys.generate(runtime, actor())
        await add_demo_data(runtime, actor())
    finally:
        await runtime.close()


def _ensure_master_key(path: Path) -> None:
    if not path.exists():
        from authsvc.keys.master import MasterKeys

        _write_private(path, MasterKeys.generate(secrets.token_bytes))


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others."""
    unfinished = path.with_name(path.name + ".new")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        unfinished.replace(path)
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror}") from None
