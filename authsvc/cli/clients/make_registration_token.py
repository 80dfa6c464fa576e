"""`authsvc clients registration-token`: lets somebody register clients (RFC 7591)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from authsvc.cli.console import complain, granted, json_option, show_json
from authsvc.rules.clients.limits import REGISTRATION_TOKEN_SECONDS, REGISTRATION_TOKEN_USES

if TYPE_CHECKING:
    from authsvc.runtime import Runtime


@click.command("registration-token")
@click.option(
    "--uses",
    type=click.IntRange(*REGISTRATION_TOKEN_USES),
    default=1,
    show_default=True,
    help="Clients it is good for.",
)
@click.option(
    "--seconds",
    type=click.IntRange(*REGISTRATION_TOKEN_SECONDS),
    default=3600,
    show_default=True,
    help="How long it is good.",
)
@click.option("--note", default="", help="For whom; the audit events of its clients repeat it.")
@json_option
def registration_token(uses: int, seconds: int, note: str, as_json: bool) -> None:
    """Make an initial access token for POST /register. It is printed once and not kept.

    Whoever has it adds clients that ask people for consent; never first-party ones. AUTHSVC_CLIENT_REGISTRATION must
    be on for the service.

    \b
    Examples:
      authsvc clients registration-token --uses 5 --seconds 86400 --note "partner team"
      authsvc clients registration-token --json | jq -r .registration_token
    """
    from authsvc.cli.command_runtime import actor, operate
    from authsvc.flows.operator import manage_clients

    async def work(runtime: Runtime) -> tuple[str, datetime, bool]:
        made = granted(
            await manage_clients.add_registration_token(runtime, actor(), uses=uses, seconds=seconds, note=note)
        )
        return *made, runtime.settings.client_registration

    token, expires_at, on = operate(work)
    if not on:
        complain("registration is off here: the service takes the token where AUTHSVC_CLIENT_REGISTRATION is true")
    if as_json:
        show_json({"registration_token": token, "uses": uses, "expires_at": expires_at})
        return
    click.echo(f"Good for {uses} client{'s' * (uses > 1)} until {expires_at.isoformat(timespec='seconds')}:")
    click.echo(f"\n  {token}\n")
