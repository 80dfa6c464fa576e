"""`authsvc clients choose-login`."""

from __future__ import annotations

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option


@click.command("choose-login")
@click.argument("client_id", metavar="ID")
@click.option("--mail-code-login/--no-mail-code-login", default=None, help="By a code that is mailed to them, too.")
@json_option
def choose_login(client_id: str, mail_code_login: bool | None) -> None:
    """Choose how people may log in at a client, beside password and passkey. Nobody is logged out.

    A mailed code is as good as a password and no better: a second factor is asked for all the same, and whoever a role
    or a request demands more of is turned back to the password. It can be phished: somebody who asks for it can talk a
    person into reading the code to them. Without a mail server (AUTHSVC_SMTP_URL) it is not offered.

    \b
    Examples:
      authsvc clients choose-login shop --mail-code-login
      authsvc clients choose-login shop --no-mail-code-login
    """
    from authsvc.flows.operator import manage_clients

    if mail_code_login is None:
        raise click.UsageError("say what to choose: --mail-code-login, --no-mail-code-login")
    done = operate(lambda runtime, actor: manage_clients.choose_login(runtime, actor, client_id, mail_code_login))
    chosen = done.login.mail_code_login
    answer(
        {"id": client_id, "mail_code_login": chosen},
        f"Client {client_id} {'takes' if chosen else 'takes no'} codes by mail.",
    )
