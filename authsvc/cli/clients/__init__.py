"""`authsvc clients`: registered clients."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import click

from authsvc.cli.clients.add_client import ALGORITHM, add, scheme_warnings, secret_stdin, shown_once, warnings
from authsvc.cli.clients.choose_access_tokens import choose_access_tokens
from authsvc.cli.clients.choose_assertions import choose_assertions
from authsvc.cli.clients.choose_certificates import choose_certificates
from authsvc.cli.clients.choose_id_tokens import choose_id_tokens
from authsvc.cli.clients.choose_login import PKCE, choose_login
from authsvc.cli.clients.choose_profile import choose_profile
from authsvc.cli.clients.list_clients import list_clients
from authsvc.cli.command_runtime import granted, operate
from authsvc.cli.console import Refused, answer, complain, confirm, json_option, plural, yes_option
from authsvc.cli.secret_input import read_secret
from authsvc.rules.clients.limits import REGISTRATION_TOKEN_SECONDS, REGISTRATION_TOKEN_USES, TRUSTED_DEVICE_DAYS
from authsvc.rules.secret_digest import digest_of

if TYPE_CHECKING:
    from datetime import datetime

    from authsvc.rules.client_record import Client
    from authsvc.rules.refused import Refused as NotThis
    from authsvc.runtime import Runtime


@click.group()
def command() -> None:
    """Registered clients: add, list, redirect-uris, origins, audiences, introspection, trusted-devices,
    rotate-secret, choose-alg, choose-login, choose-id-tokens, choose-access-tokens, choose-assertions,
    choose-certificates, choose-profile, remove; registration-token lets others register theirs.

    Workers know of a change within a second.

    \b
    Examples:
      authsvc clients add shop --public --first-party --scope openid --redirect-uri https://shop.example.com/cb
      authsvc clients add billing --confidential --scope api --introspection
      authsvc clients redirect-uris shop --add https://shop.example.com/other
      authsvc clients rotate-secret billing
    """


command.add_command(add)
command.add_command(choose_login)
command.add_command(choose_id_tokens)
command.add_command(choose_access_tokens)
command.add_command(choose_assertions)
command.add_command(choose_certificates)
command.add_command(choose_profile)
command.add_command(list_clients)


@command.command("rotate-secret")
@click.argument("client_id", metavar="ID")
@click.option("--drop-old", is_flag=True, help="End the rotation: only the newest secret is good from now on.")
@secret_stdin
@json_option
def rotate_secret(client_id: str, drop_old: bool, secret_stdin: bool) -> None:
    """Give a client a new secret beside the old one; both are good until --drop-old.

    \b
    Examples:
      authsvc clients rotate-secret billing                a new secret, printed once
      authsvc clients rotate-secret billing --drop-old     when it is in use everywhere
    """
    from authsvc.flows.operator import manage_clients

    if drop_old and secret_stdin:
        raise click.UsageError("--drop-old makes no new secret: leave --secret-stdin away")
    secret = "" if drop_old else read_secret() if secret_stdin else secrets.token_urlsafe(32)

    def work(runtime: Runtime, actor: str) -> Awaitable[Client | NotThis]:
        if drop_old:
            return manage_clients.drop_old_secret(runtime, actor, client_id)
        return manage_clients.add_secret(runtime, actor, client_id, digest_of(secret))

    count = len(operate(work).authentication.secret_hashes)
    made = None if secret_stdin else secret
    if drop_old:
        text = f"Client {client_id} has one secret now; the old one is refused within a second."
    else:
        text = f"Client {client_id} has a new secret."
        text += f" The old one is good too, until `rotate-secret {client_id} --drop-old`." if count == 2 else ""
    answer({"id": client_id, "secrets": count, **({"client_secret": made} if made else {})}, [text, *shown_once(made)])


@command.command()
@click.argument("client_id", metavar="ID")
@yes_option
@json_option
def remove(client_id: str, yes: bool) -> None:
    """Remove a client for ever: its tokens are void, its refresh tokens refused.

    \b
    Examples:
      authsvc clients remove old-kiosk
    """
    from authsvc.flows.operator import manage_clients

    confirm(f"Every token of {client_id} becomes invalid. Remove it?", yes=yes)
    operate(lambda runtime, actor: manage_clients.remove(runtime, actor, client_id), warm_redis=True)
    answer({"id": client_id, "removed": True}, f"Client {client_id} is removed.")


@command.command("audiences")
@click.argument("client_id", metavar="ID")
@click.option("--add", "added", multiple=True, metavar="URI", help="What tokens call an API; several times.")
@click.option("--remove", "removed", multiple=True, metavar="URI", help="Exactly as listed; several times.")
@json_option
def audiences(client_id: str, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Change who takes a client's tokens. It holds for new logins; a refresh keeps what was granted.

    Give each API a name of its own. The tokens of a client without any open the service's /userinfo alone, or, of a
    first-party client and of one that speaks for itself, the service's own endpoints.

    \b
    Examples:
      authsvc clients audiences shop --add https://orders.example.com
      authsvc clients audiences shop --add https://orders.example.com --remove https://auth.example.com
    """
    from authsvc.flows.operator import manage_clients

    if not added and not removed:
        raise click.UsageError("say what to change: --add URI, --remove URI")
    done = operate(lambda runtime, actor: manage_clients.change_audiences(runtime, actor, client_id, added, removed))
    answer(
        {"id": client_id, "audiences": done.tokens.audiences},
        f"Client {client_id} now has: {' '.join(done.tokens.audiences) or 'no audience of its own'}",
    )


@command.command("redirect-uris")
@click.argument("client_id", metavar="ID")
@click.option("--add", "added", multiple=True, metavar="URI", help="Exactly as used; several times.")
@click.option("--remove", "removed", multiple=True, metavar="URI", help="Exactly as listed; several times.")
@json_option
def redirect_uris(client_id: str, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Change where a client may have people sent, and with it whose pages may read our answers. Nobody is logged out.

    What is there already is added without complaint. The rules are those of `clients add`.

    \b
    Examples:
      authsvc clients redirect-uris shop --add https://shop.example.com/callback
      authsvc clients redirect-uris shop --add https://new.example.com/cb --remove https://old.example.com/cb
    """
    from authsvc.flows.operator import manage_clients

    if not added and not removed:
        raise click.UsageError("say what to change: --add URI, --remove URI")
    done = operate(
        lambda runtime, actor: manage_clients.change_redirect_uris(runtime, actor, client_id, added, removed)
    )
    uris = done.login.redirect_uris
    answer(
        {"id": client_id, "redirect_uris": uris},
        f"Client {client_id} now has: {' '.join(uris) or 'no redirect URI'}",
        notes=scheme_warnings(added),
    )


@command.command("origins")
@click.argument("client_id", metavar="ID")
@click.option("--add", "added", multiple=True, metavar="ORIGIN", help="As browsers write it; several times.")
@click.option("--remove", "removed", multiple=True, metavar="ORIGIN", help="Exactly as listed; several times.")
@json_option
def origins(client_id: str, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Change which pages may read our answers beside those of the redirect URIs: of an app in a browser engine, or of a
    page that only uses the device grant. Nobody is logged out.

    \b
    Examples:
      authsvc clients origins shop --add capacitor://localhost --add https://localhost
      authsvc clients origins terminal --remove https://old.example.com
    """
    from authsvc.flows.operator import manage_clients

    if not added and not removed:
        raise click.UsageError("say what to change: --add ORIGIN, --remove ORIGIN")
    done = operate(lambda runtime, actor: manage_clients.change_origins(runtime, actor, client_id, added, removed))
    named = done.login.origins
    answer(
        {"id": client_id, "origins": named},
        f"Client {client_id} now has: {' '.join(named) or 'no origin beside its redirect URIs'}",
    )


@command.command()
@click.argument("client_id", metavar="ID")
@click.argument("about", metavar="none|own|all", type=click.Choice(("none", "own", "all")))
@json_option
def introspection(client_id: str, about: str) -> None:
    """Choose which tokens a client may ask about at /introspect: none, its own, or all.

    Its own are those whose audience holds its id or one of its audiences; the issuer, where it has no audience.

    \b
    Examples:
      authsvc clients introspection orders own
      authsvc clients introspection gateway all
    """
    from authsvc.flows.operator import manage_clients

    operate(lambda runtime, actor: manage_clients.choose_introspection(runtime, actor, client_id, about))
    told = {"none": "no tokens", "own": "tokens that are meant for it", "all": "tokens of every audience"}[about]
    answer({"id": client_id, "introspection": about}, f"Client {client_id} may ask about {told}.")


@command.command("trusted-devices")
@click.argument("client_id", metavar="ID")
@click.argument("days", type=click.IntRange(*TRUSTED_DEVICE_DAYS))
@json_option
def trusted_devices(client_id: str, days: int) -> None:
    """Choose for how many days people may trust a device there: a login on it needs no second step. 0: they may not.

    Its tokens say then that a password was proved, and no more. Roles and requests that demand a second factor get it.

    \b
    Examples:
      authsvc clients trusted-devices shop 30
      authsvc clients trusted-devices shop 0
    """
    from authsvc.flows.operator import manage_clients

    operate(lambda runtime, actor: manage_clients.choose_trusted_device_days(runtime, actor, client_id, days))
    told = f"may trust a device for {plural(days, 'day')}" if days else "may not trust a device"
    answer({"id": client_id, "trusted_device_days": days}, f"People {told} at client {client_id}.")


@command.command("choose-alg")
@click.argument("client_id", metavar="ID")
@click.option("--id-token-alg", type=ALGORITHM, help="Signs its ID tokens and logout tokens.")
@click.option("--access-token-alg", type=ALGORITHM, help="Signs its access tokens.")
@json_option
def choose_alg(client_id: str, id_token_alg: str | None, access_token_alg: str | None) -> None:
    """Choose what a client's tokens are signed with, out of the key policy's `algorithms`.

    Tokens that it has stay good. Whoever verifies its tokens must accept the new algorithm first.

    \b
    Examples:
      authsvc clients choose-alg shop --id-token-alg ES256
      authsvc clients choose-alg shop --id-token-alg RS256 --access-token-alg EdDSA
    """
    from authsvc.flows.operator import manage_clients

    if not id_token_alg and not access_token_alg:
        raise click.UsageError("say --id-token-alg or --access-token-alg")
    done = operate(
        lambda runtime, actor: manage_clients.choose_algorithms(
            runtime, actor, client_id, id_tokens=id_token_alg, access_tokens=access_token_alg
        ),
        warn_of="algorithms",
        other_words=Refused,  # what the key policy has is stored, too
    )
    names = ("id_token_signed_response_alg", "access_token_signed_response_alg")
    chosen = {name: getattr(done.client.tokens, name) for name in names}
    id_tokens, access_tokens = chosen.values()
    answer(
        {"id": client_id, **chosen, "without_key": done.without_key},
        f"Client {client_id}: {id_tokens} for ID tokens, {access_tokens} for access tokens.",
        notes=warnings(done.without_key),
    )


_USES, _SECONDS = click.IntRange(*REGISTRATION_TOKEN_USES), click.IntRange(*REGISTRATION_TOKEN_SECONDS)


@command.command("registration-token")
@click.option("--uses", type=_USES, default=1, show_default=True, help="Clients it is good for.")
@click.option("--seconds", type=_SECONDS, default=3600, show_default=True, help="How long it is good.")
@click.option("--note", default="", help="For whom; the audit events of its clients repeat it.")
@click.option(
    "--origin", "origins", multiple=True, metavar="ORIGIN", help="Of a page that may use it (CORS); several times."
)
@click.option(
    "--pkce", type=PKCE, default="required", show_default=True, help="Of its confidential clients, as in clients add."
)
@json_option
def registration_token(uses: int, seconds: int, note: str, origins: tuple[str, ...], pkce: str) -> None:
    """Make an initial access token for POST /register. It is printed once and not kept.

    Whoever has it adds clients that ask people for consent; never first-party ones. AUTHSVC_CLIENT_REGISTRATION must
    be on for the service.

    Where the clients' software sends no PKCE, --pkce lets those off that have a secret or keys; clients choose-login
    says what that costs, and takes it back.

    \b
    Examples:
      authsvc clients registration-token --uses 5 --seconds 86400 --note "partner team"
      authsvc clients registration-token --origin http://localhost:6274 --note "MCP Inspector"
      authsvc clients registration-token --pkce nonce --note "old wiki"
      authsvc clients registration-token --json | jq -r .registration_token
    """
    from authsvc.flows.operator.registration_token import add_registration_token

    async def work(runtime: Runtime, actor: str) -> tuple[str, datetime, bool]:
        made = add_registration_token(
            runtime,
            actor,
            uses=uses,
            seconds=seconds,
            note=note,
            origins=tuple(dict.fromkeys(origins)),
            pkce=pkce,
        )
        return *granted(await made), runtime.settings.client_registration != "off"

    token, expires_at, on = operate(work)
    if not on:
        complain("registration is off here: the service takes the token where AUTHSVC_CLIENT_REGISTRATION is true")
    until = expires_at.isoformat(timespec="seconds")
    answer(
        {"registration_token": token, "uses": uses, "expires_at": expires_at, "pkce": pkce},
        [f"Good for {uses} client{'s' * (uses > 1)} until {until}:", f"\n  {token}\n"],
    )
