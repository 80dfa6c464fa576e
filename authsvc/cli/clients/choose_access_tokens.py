"""`authsvc clients choose-access-tokens`."""

from __future__ import annotations

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option
from authsvc.rules.clients.limits import ACCESS_TOKEN_TYPES

TYP = click.Choice(ACCESS_TOKEN_TYPES)


@click.command("choose-access-tokens")
@click.argument("client_id", metavar="ID")
@click.option("--access-token-typ", "typ", type=TYP, required=True, help="JWT: for services that know no at+jwt.")
@json_option
def choose_access_tokens(client_id: str, typ: str) -> None:
    """Choose of which type (typ) a client's access tokens are. Those that it has stay as they are.

    The default, at+jwt (RFC 9068), says in the header that a token is no ID token. Spring Boot and hono take no other
    type than JWT where nobody configures them. Then the audience alone keeps an ID token from being taken there: a
    service must ask for one that is no client's id.

    \b
    Examples:
      authsvc clients choose-access-tokens shop --access-token-typ JWT
      authsvc clients choose-access-tokens shop --access-token-typ at+jwt
    """
    from authsvc.flows.operator import manage_clients

    operate(lambda runtime, actor: manage_clients.choose_access_tokens(runtime, actor, client_id, typ))
    answer({"id": client_id, "access_token_typ": typ}, f"Access tokens of {client_id}: of the type {typ}.")
