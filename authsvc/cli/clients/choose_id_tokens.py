"""`authsvc clients choose-id-tokens`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option
from authsvc.rules.clients.limits import ID_TOKEN_SECONDS

if TYPE_CHECKING:
    from authsvc.rules.client_record import Tokens

LIFE = click.IntRange(*ID_TOKEN_SECONDS)


@click.command("choose-id-tokens")
@click.argument("client_id", metavar="ID")
@click.option("--id-token-claims/--no-id-token-claims", default=None, help="They say who the person is, by scope.")
@click.option("--claim-aliases/--no-claim-aliases", default=None, help="preferred_username and groups, too.")
@click.option("--id-token-on-refresh/--no-id-token-on-refresh", default=None, help="A refresh brings one, too.")
@click.option("--id-token-seconds", type=LIFE, help="How long they are good; 300 where nobody says.")
@json_option
def choose_id_tokens(
    client_id: str,
    id_token_claims: bool | None,
    claim_aliases: bool | None,
    id_token_on_refresh: bool | None,
    id_token_seconds: int | None,
) -> None:
    """Choose what ID tokens say to a client, and when it gets one. Those that it has stay as they are.

    With --id-token-claims they say what the scopes `profile`, `email` and `roles` open, as /userinfo does. Auth.js,
    Kubernetes and others read nothing else. What is in a token stays there for its life, and stands in the logs of
    whoever writes tokens down. kubectl and kubelogin need --id-token-on-refresh, and a life that suits them.

    With --claim-aliases they and /userinfo say the address as `preferred_username`, too (where the scopes `profile`
    and `email` were granted), and the roles as `groups` (scope `roles`), which JupyterHub, oauth2-proxy and others look
    for. An address can change: whoever keys accounts takes `sub`.

    \b
    Examples:
      authsvc clients choose-id-tokens wiki --id-token-claims
      authsvc clients choose-id-tokens kubectl --id-token-claims --id-token-on-refresh --id-token-seconds 3600
    """
    from authsvc.flows.operator import manage_clients

    chosen: dict[str, Any] = {
        "claims": id_token_claims,
        "aliases": claim_aliases,
        "on_refresh": id_token_on_refresh,
        "seconds": id_token_seconds,
    }
    if all(value is None for value in chosen.values()):
        raise click.UsageError(
            "say what to choose: --id-token-claims, --claim-aliases, --id-token-on-refresh, --id-token-seconds"
        )
    done = operate(lambda runtime, actor: manage_clients.choose_id_tokens(runtime, actor, client_id, **chosen))
    tokens = done.tokens
    told = {
        "id_token_claims": tokens.id_token_claims,
        "claim_aliases": tokens.claim_aliases,
        "id_token_on_refresh": tokens.id_token_on_refresh,
        "id_token_seconds": tokens.id_token_seconds,
    }
    answer({"id": client_id, **told}, f"ID tokens of {client_id}: {', '.join(_said(tokens))}.")


def _said(tokens: Tokens) -> tuple[str, ...]:
    from authsvc.rules.token.id_token import ID_TOKEN_SECONDS as USUAL_SECONDS

    return (
        "who the person is" if tokens.id_token_claims else "the subject alone",
        *(["under second names, too"] if tokens.claim_aliases else []),
        "with a refresh, too" if tokens.id_token_on_refresh else "not with a refresh",
        f"good for {tokens.id_token_seconds or USUAL_SECONDS} s",
    )
