"""`authsvc clients choose-login`."""

from __future__ import annotations

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option
from authsvc.rules.clients import limits

PKCE = click.Choice(limits.PKCE)
"""What a client may leave out of its requests for codes."""


@click.command("choose-login")
@click.argument("client_id", metavar="ID")
@click.option("--mail-code-login/--no-mail-code-login", default=None, help="By a code that is mailed to them, too.")
@click.option("--pkce", type=PKCE, help="nonce: it may send an OpenID nonce instead; optional: or neither.")
@click.option(
    "--refresh-without-offline-access/--no-refresh-without-offline-access",
    "refresh",
    default=None,
    help="A login gives a refresh token by the grant type alone.",
)
@json_option
def choose_login(client_id: str, mail_code_login: bool | None, pkce: str | None, refresh: bool | None) -> None:
    """Choose how people may log in at a client, what its requests must carry, and whether it may come back without
    them. Nobody is logged out.

    A mailed code is as good as a password and no better: a second factor is asked for all the same, and whoever a role
    or a request demands more of is turned back to the password. It can be phished: somebody who asks for it can talk a
    person into reading the code to them. Without a mail server (AUTHSVC_SMTP_URL) it is not offered.

    PKCE binds a code to the browser that asked for it. A confidential client whose software sends none can be let off:
    with `nonce` the client itself must compare the nonce of the ID token, and with `optional` a code that somebody
    else slips into a person's browser is redeemed. What is sent is always checked.

    A client that is not first-party asks for offline_access where it wants a refresh token. Programs that never do, as
    many agents, get one with --refresh-without-offline-access; the page that asks people for consent says so.

    \b
    Examples:
      authsvc clients choose-login shop --mail-code-login
      authsvc clients choose-login shop --no-mail-code-login
      authsvc clients choose-login wiki --pkce nonce
      authsvc clients choose-login agent --refresh-without-offline-access
    """
    from authsvc.flows.operator import manage_clients

    if mail_code_login is None and pkce is None and refresh is None:
        options = "--mail-code-login, --no-mail-code-login, --pkce, --refresh-without-offline-access"
        raise click.UsageError(f"say what to choose: {options}")
    done = operate(
        lambda runtime, actor: manage_clients.choose_login(
            runtime, actor, client_id, mail_code_login=mail_code_login, pkce=pkce, refresh=refresh
        )
    )
    login, takes = done.login, "takes" if done.login.mail_code_login else "takes no"
    without = done.tokens.refresh_without_offline_access
    refreshes = "; refresh tokens need no offline_access" if without else ""
    answer(
        {
            "id": client_id,
            "mail_code_login": login.mail_code_login,
            "pkce": login.pkce,
            "refresh_without_offline_access": without,
        },
        f"Client {client_id} {takes} codes by mail; {said_of_pkce(login.pkce)}{refreshes}.",
    )


def said_of_pkce(policy: str) -> str:
    """In a list, or at the end of a sentence."""
    return "PKCE or a nonce is required" if policy == "nonce" else f"PKCE is {policy}"
