"""`authsvc clients redirect-uris`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from authsvc.cli.console import CONTEXT, granted, json_option, show_json

if TYPE_CHECKING:
    from authsvc.rules.client_record import Client
    from authsvc.rules.refused import Refused
    from authsvc.runtime import Runtime


@click.command("redirect-uris", context_settings=CONTEXT)
@click.argument("client_id", metavar="ID")
@click.option("--add", "added", multiple=True, metavar="URI", help="Exactly as used; several times.")
@click.option("--remove", "removed", multiple=True, metavar="URI", help="Exactly as listed; several times.")
@json_option
def redirect_uris(client_id: str, added: tuple[str, ...], removed: tuple[str, ...], as_json: bool) -> None:
    """Change where a client may have people sent, and with it whose pages may read our answers. Nobody is logged out.

    What is there already is added without complaint. The rules are those of `clients add`.

    \b
    Examples:
      authsvc clients redirect-uris shop --add https://shop.example.com/callback
      authsvc clients redirect-uris shop --add https://new.example.com/cb --remove https://old.example.com/cb
    """
    from authsvc.cli.command_runtime import actor, operate
    from authsvc.flows.operator import manage_clients

    if not added and not removed:
        raise click.UsageError("say what to change: --add URI, --remove URI")

    async def work(runtime: Runtime) -> Client | Refused:
        return await manage_clients.change_redirect_uris(runtime, actor(), client_id, added, removed)

    done = granted(operate(work))
    if as_json:
        show_json({"id": client_id, "redirect_uris": done.login.redirect_uris})
    else:
        click.echo(f"Client {client_id} now has: {' '.join(done.login.redirect_uris) or 'no redirect URI'}")
