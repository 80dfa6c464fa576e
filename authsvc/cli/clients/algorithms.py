"""What the tokens of a client are signed with: options of `authsvc clients add`, and `authsvc clients choose-alg`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from authsvc.cli.console import Refused, inert, json_option, show_json
from authsvc.jose.names import ALGORITHM_NAMES

if TYPE_CHECKING:
    from authsvc.flows.operator.manage_clients import Stored
    from authsvc.rules.refused import Refused as NotThis
    from authsvc.runtime import Runtime

FIELDS = ("id_token_signed_response_alg", "access_token_signed_response_alg")
Decorate = Callable[[Callable[..., None]], Callable[..., None]]


def options(default: str | None) -> tuple[Decorate, ...]:
    """One for each of FIELDS, named as the field is."""
    kind = click.Choice(ALGORITHM_NAMES)
    shown: dict[str, Any] = {"type": kind, "default": default, "show_default": default is not None}
    return (
        click.option("--id-token-alg", FIELDS[0], help="Signs its ID tokens and logout tokens.", **shown),
        click.option("--access-token-alg", FIELDS[1], help="Signs its access tokens.", **shown),
    )


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(options(None)):
        command = option(command)
    return command


@click.command("choose-alg")
@click.argument("client_id", metavar="ID")
@_options
@json_option
def choose_alg(client_id: str, as_json: bool, **said: str | None) -> None:
    """Choose what a client's tokens are signed with, out of the key policy's `algorithms`.

    Tokens that it has stay good. Whoever verifies its tokens must accept the new algorithm first.

    \b
    Examples:
      authsvc clients choose-alg shop --id-token-alg ES256
      authsvc clients choose-alg shop --id-token-alg RS256 --access-token-alg EdDSA
    """
    from authsvc.cli.command_runtime import actor, operate
    from authsvc.cli.keys.warn_settings_differ import in_force_told
    from authsvc.flows.operator import manage_clients
    from authsvc.rules.refused import Refused as NotNow

    id_tokens, access_tokens = (said[name] for name in FIELDS)
    if not id_tokens and not access_tokens:
        raise click.UsageError("say --id-token-alg or --access-token-alg")

    async def work(runtime: Runtime) -> Stored | NotThis:
        await in_force_told(runtime, "algorithms")
        return await manage_clients.choose_algorithms(
            runtime, actor(), client_id, id_tokens=id_tokens, access_tokens=access_tokens
        )

    done = operate(work)
    if isinstance(done, NotNow):
        raise Refused(inert(done.description))
    chosen = {name: getattr(done.client.tokens, name) for name in FIELDS}
    if as_json:
        show_json({"id": client_id, **chosen, "without_key": list(done.without_key)})
        return
    click.echo(f"Client {client_id}: {chosen[FIELDS[0]]} for ID tokens, {chosen[FIELDS[1]]} for access tokens.")
    warn_of(done.without_key)


def warn_of(without_key: tuple[str, ...]) -> None:
    for alg in without_key:
        click.echo(f"No {alg} key signs now: the client gets 503 until one does (`authsvc keys plan`).", err=True)
