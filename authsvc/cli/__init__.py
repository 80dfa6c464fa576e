"""The command line: one file a noun.

Law: a command reads its words, calls one flow, and prints. It decides nothing about tokens, keys or sessions. What it
needs that is slow to import (uvicorn, asyncpg, cryptography) is imported inside the command, so that `--help` is
instant. Passwords and secrets come from a prompt or from standard input, never from the command line or the
environment. Errors are one line on standard error that says what to do.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage or settings, 3 a store is unavailable.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from time import monotonic
from typing import Any, NoReturn

import click

from authsvc import __version__
from authsvc.cli.console import CONTEXT, Refused, complain
from authsvc.serving import CannotServe
from authsvc.serving.core_dumps import forbid_core_dumps

STARTED = monotonic()
"""When this process began, as near as it can tell."""

COMMANDS = {
    "serve": "Run the service.",
    "dev": "Run it with a private PostgreSQL and Redis, and demo data.",
    "migrate": "Bring the database up to date.",
    "keys": "Signing keys: list, plan, generate, rotate, withdraw, import, export-public, simulate; the master key "
    "that seals them: generate-master, promote-master, reseal, drop-master.",
    "users": "People: add, invite, import, list; change-address, rename, roles, verify, factors, set-password; "
    "disable, enable, remove; normal-addresses.",
    "clients": "Registered clients: add, list, redirect-uris, origins, audiences, introspection, trusted-devices, "
    "rotate-secret, choose-alg, choose-login, choose-id-tokens, choose-access-tokens, choose-assertions, "
    "choose-certificates, choose-profile, remove; registration-token.",
    "sessions": "Sessions: list, end.",
    "restore": "A restored database: show, fence.",
    "mail": "Mails to people: test, list, retry.",
    "sweep": "Delete what has expired, now.",
    "settings": "Show all settings and what they resolve to.",
    "doctor": "Check settings, stores, keys, clocks, the mail server; say what to do.",
}
"""Each is `command` in the module of its name. The texts stand here so that `authsvc --help` imports none of them."""


class Root(click.Group):
    """Imports a command when it is used, and turns every error into a line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name == "dev":
            return _dev()
        forbid_core_dumps()  # from here on there may be secrets
        found: click.Command = import_module(f"authsvc.cli.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, prog_name: str | None = None, **extra: Any) -> NoReturn:
        """It never returns, whatever standalone_mode says."""
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # `serve --workers` makes a directory of its own
        try:
            code = super().main(*args, **{**extra, "prog_name": prog_name or "authsvc", "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            code = error.exit_code
        except click.ClickException as error:
            context = error.ctx if isinstance(error, click.UsageError) else None
            hint = f" (`{context.command_path} --help` shows how)" if context else ""
            complain(error.format_message() + hint)
            code = error.exit_code
        except CannotServe as error:
            complain(str(error))
            code = 1
        except (click.Abort, KeyboardInterrupt):
            complain("stopped; nothing more was done")
            code = 1
        except BrokenPipeError:  # `authsvc ... | head`: the reader has what it wanted
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except Exception as error:
            from authsvc.serving.failure_text import failure_text

            lines, code = failure_text(error)
            complain(*lines)
        sys.exit(code if isinstance(code, int) else 0)


def _dev() -> click.Command:
    """From a distribution of its own: the image and the wheel know nothing of private servers and demo passwords."""
    try:
        found: click.Command = import_module("authsvc_devkit.command").command
    except ModuleNotFoundError:
        raise Refused("`authsvc dev` is not part of the image; run it from a checkout: scripts/dev") from None
    return found


@click.group(cls=Root, context_settings=CONTEXT)
@click.version_option(__version__, message="authsvc %(version)s")
def root() -> None:
    """A standalone OAuth 2 / OpenID Connect token service.

    Settings come from AUTHSVC_* variables: `authsvc settings --help` lists them.

    \b
    Examples:
      authsvc dev                 all of it on this machine, with demo data
      authsvc doctor              what is wrong here?
      authsvc users add ann@example.com --role customer
      authsvc keys rotate         the next signing key, noticed by nobody

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage or settings, 3 a store is unavailable.
    """


def main() -> NoReturn:
    """The entry point `authsvc`."""
    root.main()
