"""`authsvc clients choose-profile`."""

from __future__ import annotations

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option

PROFILE = click.Choice(("none", "fapi2"))


@click.command("choose-profile")
@click.argument("client_id", metavar="ID")
@click.argument("profile", type=PROFILE)
@json_option
def choose_profile(client_id: str, profile: str) -> None:
    """Choose the profile of OAuth that a client keeps to.

    fapi2, the FAPI 2.0 Security Profile: its requests are pushed, with PKCE; its tokens are bound to a DPoP key, or to
    its certificate if it registered that; it proves itself by private_key_jwt or a certificate; signatures are PS256,
    ES256 or EdDSA. Nothing that a request leaves away is a way around it. `authsvc doctor` says what a client lacks;
    AUTHSVC_PROFILE=fapi2 is for all clients at once.

    \b
    Examples:
      authsvc clients choose-profile bank fapi2
      authsvc clients choose-profile bank none
    """
    from authsvc.flows.operator import manage_clients

    done = operate(lambda runtime, actor: manage_clients.choose_profile(runtime, actor, client_id, profile))
    answer({"id": client_id, "profile": done.profile}, f"The profile of {client_id}: {done.profile}.")
