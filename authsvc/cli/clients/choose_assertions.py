"""`authsvc clients choose-assertions`."""

from __future__ import annotations

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option
from authsvc.rules.clients.limits import ASSERTION_AUDIENCES, ASSERTION_SECONDS, ASSERTION_USUAL_SECONDS

AUDIENCE = click.Choice(ASSERTION_AUDIENCES)
ASSERTION_LIFE = click.IntRange(*ASSERTION_SECONDS)


@click.command("choose-assertions")
@click.argument("client_id", metavar="ID")
@click.option("--assertion-audience", "audience", type=AUDIENCE, help="token-endpoint: those of its endpoints, too.")
@click.option("--assertion-seconds", "seconds", type=ASSERTION_LIFE, help="How far ahead their exp may be.")
@json_option
def choose_assertions(client_id: str, audience: str | None, seconds: int | None) -> None:
    """Choose which assertions (private_key_jwt) a client may send.

    The default is RFC 10070's: `aud` is the issuer alone, and `exp` at most 300 seconds ahead. Authlib, Spring and
    Nimbus name the token endpoint, and some sign for an hour. Whoever catches an assertion that was not used yet can
    use it for as long as it lives; one for a token endpoint can be meant for another server that sent the client there.

    \b
    Examples:
      authsvc clients choose-assertions bank --assertion-audience token-endpoint
      authsvc clients choose-assertions bank --assertion-audience token-endpoint --assertion-seconds 3600
    """
    from authsvc.flows.operator import manage_clients

    if audience is None and seconds is None:
        raise click.UsageError("say what to choose: --assertion-audience, --assertion-seconds")
    done = operate(
        lambda runtime, actor: manage_clients.choose_assertions(
            runtime, actor, client_id, audience=audience, seconds=seconds
        )
    )
    chosen = done.authentication
    told = {"assertion_audience": chosen.assertion_audience, "assertion_seconds": chosen.assertion_seconds}
    life = chosen.assertion_seconds or ASSERTION_USUAL_SECONDS
    answer(
        {"id": client_id, **told}, f"Assertions of {client_id}: for the {chosen.assertion_audience}, {life} s at most."
    )
