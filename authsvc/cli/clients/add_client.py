"""`authsvc clients add`."""

from __future__ import annotations

import inspect
import json
import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from authsvc.cli.clients import algorithms
from authsvc.cli.console import granted, json_option, show_json
from authsvc.jose.names import DEFAULT_ALG
from authsvc.rules.clients.limits import ACCESS_TOKEN_SECONDS, SESSION_SECONDS

if TYPE_CHECKING:
    from authsvc.flows.operator.manage_clients import Stored
    from authsvc.rules.client_record import Client
    from authsvc.rules.refused import Refused
    from authsvc.runtime import Runtime

SHORT = {
    "device_code": "urn:ietf:params:oauth:grant-type:device_code",
    "token_exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
}
"""What people type for grant types that are URNs; the URN itself is taken too."""
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials", *SHORT)
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")

secret_stdin = click.option(
    "--secret-stdin", is_flag=True, help="Read the secret from standard input instead of making one."
)
Decorate = Callable[[Callable[..., None]], Callable[..., None]]
Group = TypeVar("Group")


class _GrantType(click.Choice[str]):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        known = {urn: short for short, urn in SHORT.items()}
        word = super().convert(known.get(value, value), param, ctx)
        return SHORT.get(word, word)


# Their names are those of the record's fields: `_filled` puts each into the group that has it.
_OPTIONS: tuple[Decorate, ...] = (
    click.option("--name", help="What people read; the id where it is left away."),
    click.option("--public", "kind", flag_value="public", help="A frontend: it cannot keep a secret."),
    click.option("--confidential", "kind", flag_value="confidential", help="A service: it has a secret or keys."),
    click.option("--native", is_flag=True, help="An application on people's devices: any port on its loopback URI."),
    click.option(
        "--redirect-uri", "redirect_uris", multiple=True, metavar="URI", help="Exactly as used; several times."
    ),
    click.option(
        "--grant-type",
        "grant_types",
        multiple=True,
        type=_GrantType(GRANT_TYPES),
        help="Several times. Else: with a redirect URI authorization_code and refresh_token; without one refresh_token "
        "for a public client, client_credentials for a confidential one.",
    ),
    click.option("--scope", "scopes", multiple=True, metavar="WORD", help="A scope it may have; several times."),
    click.option("--audience", "audiences", multiple=True, metavar="URI", help="Who takes its tokens; several times."),
    click.option("--first-party", is_flag=True, help="One of our own: no consent, may log people in by password."),
    click.option("--required-role", metavar="ROLE", help="Only people with this role log in here."),
    click.option("--no-remember-me", is_flag=True, help="Its sessions are never the long ones."),
    click.option("--introspection", is_flag=True, help="May ask about tokens at /introspect."),
    click.option("--jwks", type=click.File("rb"), metavar="FILE", help="Public keys for private_key_jwt, no secret."),
    click.option("--jwks-uri", metavar="URI", help="Where it publishes them, instead."),
    click.option(
        "--auth-method",
        "token_endpoint_auth_method",
        type=click.Choice(AUTH_METHODS),
        help="The only way it proves itself; else by whatever it has.",
    ),
    click.option(
        "--require-par",
        "require_pushed_authorization_requests",
        is_flag=True,
        help="Its authorization requests must be pushed to /par.",
    ),
    click.option("--dpop-bound", "dpop_bound_access_tokens", is_flag=True, help="No token without a DPoP proof."),
    click.option("--status-list", is_flag=True, help="Its access tokens name a status list that shows their end."),
    click.option("--pairwise", is_flag=True, help="Knows people by subjects that other clients do not know."),
    click.option(
        "--sector",
        default="",
        metavar="HOST",
        help="Pairwise clients of one sector share their subjects; "
        "the host of the redirect URIs where it is left away.",
    ),
    click.option(
        "--post-logout-redirect-uri",
        "post_logout_redirect_uris",
        multiple=True,
        metavar="URI",
        help="Where people may go from /logout; several times.",
    ),
    click.option("--backchannel-logout-uri", metavar="URI", help="Is told there of the end of sessions."),
    click.option(
        "--exchange-audience",
        "exchange_audiences",
        multiple=True,
        metavar="URI",
        help="For whom it may exchange tokens (--grant-type token_exchange); several times.",
    ),
    click.option(
        "--exchange-subject",
        "exchange_subjects",
        multiple=True,
        metavar="URI",
        help="Its name, beside its id, as the audience of tokens it may exchange; several times.",
    ),
    click.option("--client-uri", metavar="URI", help="Its home page."),
    click.option("--policy-uri", metavar="URI", help="Its privacy policy; the consent page links to it."),
    click.option("--tos-uri", metavar="URI", help="Its terms of service; likewise."),
    click.option(
        "--access-token-seconds", type=click.IntRange(*ACCESS_TOKEN_SECONDS), help="Life of its access tokens."
    ),
    click.option("--session-seconds", type=click.IntRange(*SESSION_SECONDS), help="Life of its sessions."),
    click.option("--remember-me-seconds", type=click.IntRange(*SESSION_SECONDS), help="Life with remember me."),
    click.option("--strict", is_flag=True, help="A used refresh token is never answered again, not even in a retry."),
    *algorithms.options(DEFAULT_ALG),
    secret_stdin,
    json_option,
)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("client_id", metavar="ID")
@_options
def add(client_id: str, secret_stdin: bool, as_json: bool, **said: Any) -> None:
    """Register a client. A confidential one gets a secret, which is printed once and not kept, or names its keys.

    Redirect URIs are https, http on localhost, or have a private scheme with a dot; without a fragment.

    \b
    Examples:
      authsvc clients add shop --confidential --redirect-uri https://shop.example.com/cb --scope openid --scope profile
      authsvc clients add bar --public --first-party --required-role bartender --scope openid --scope profile
      authsvc clients add app --public --native --redirect-uri com.example.app:/cb --scope openid --dpop-bound
      authsvc clients add tv --public --grant-type device_code --grant-type refresh_token --scope offline_access
      authsvc clients add billing --confidential --scope api --audience https://api.example.com
      authsvc clients add reports --confidential --jwks public-keys.json --access-token-seconds 300
      authsvc clients add bank --confidential --jwks-uri https://bank.example/jwks --auth-method private_key_jwt
              --redirect-uri https://bank.example/cb --require-par --pairwise
              --backchannel-logout-uri https://bank.example/logout
      authsvc clients add kiosk --public --grant-type device_code --scope openid --id-token-alg ES256
      authsvc clients add gateway --confidential --grant-type token_exchange --exchange-audience https://orders.example
    """
    from authsvc.cli.command_runtime import actor, operate
    from authsvc.cli.keys.warn_settings_differ import in_force_told
    from authsvc.flows.operator import manage_clients

    if said["kind"] is None:
        raise click.UsageError("say what it is: --public (a frontend) or --confidential (a service)")
    secret = _secret(said, from_stdin=secret_stdin)
    client = _client(client_id, said, secret)

    async def work(runtime: Runtime) -> Stored | Refused:
        await in_force_told(runtime, "algorithms")
        return await manage_clients.add(runtime, actor(), client)

    stored = granted(operate(work), _as_options)
    made = None if secret_stdin else secret
    if as_json:
        show_json({"id": client.id, "kind": client.kind, **({"client_secret": made} if made else {})})
        return
    click.echo(f"Added the {client.kind} client {client.id}.")
    show_secret(made)
    algorithms.warn_of(stored.without_key)


def _as_options(description: str) -> str:
    """What a rule says of fields, said of the options that fill them."""
    options = {parameter.name: parameter.opts[0] for parameter in add.params if isinstance(parameter, click.Option)}
    options |= {"client_name": options["name"], "pairwise": options["pairwise"]}

    def option(found: re.Match[str]) -> str:
        named = found["article"] or "_" in found["word"] or found["word"] in ("jwks", "pairwise")
        return str(options.get(found["word"], found[0])) if named else found[0]

    return re.sub(r"\b(?P<article>[Tt]he )?(?P<word>[a-z_]+)\b", option, description).removesuffix(".")


def _client(client_id: str, said: dict[str, Any], secret: str | None) -> Client:
    from authsvc.rules.client_record import Authentication, Client, Exchange, Links, Login, Logout, Tokens

    return Client(
        id=client_id,
        name=said["name"] or client_id,
        kind=said["kind"],
        grant_types=frozenset(said["grant_types"] or _usual_grants(said)),
        first_party=said["first_party"],
        introspection=said["introspection"],
        authentication=_filled(
            Authentication,
            said,
            secret_hashes=(digest_of(secret),) if secret else (),
            jwks=_read_jwks(said["jwks"]) if said["jwks"] else None,
        ),
        login=_filled(
            Login,
            said,
            application_type="native" if said["native"] else "web",
            subject_type="pairwise" if said["pairwise"] else "public",
            remember_me_allowed=not said["no_remember_me"],
        ),
        tokens=_filled(Tokens, said, refresh_grace_seconds=0 if said["strict"] else None),
        exchange=Exchange(_once(said["exchange_audiences"]), _once(said["exchange_subjects"])),
        logout=_filled(Logout, said),
        links=_filled(Links, said),
    )


def _filled(group: Callable[..., Group], said: dict[str, Any], **own: Any) -> Group:
    """A group of the record: `own` fields, and else the options that are named as its fields are."""
    names = said.keys() & inspect.signature(group).parameters.keys() - own.keys()
    return group(**own, **{name: _once(said[name]) for name in names})


def _once(value: Any) -> Any:
    """An option that is given several times: each value once."""
    return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else value


def _usual_grants(said: dict[str, Any]) -> tuple[str, ...]:
    if said["redirect_uris"]:
        return ("authorization_code", "refresh_token")
    return ("refresh_token",) if said["kind"] == "public" else ("client_credentials",)


def _secret(said: dict[str, Any], *, from_stdin: bool) -> str | None:
    if from_stdin:
        if said["kind"] == "public":
            raise click.UsageError("a public client has neither secret nor keys: make it --confidential")
        if said["token_endpoint_auth_method"] == "private_key_jwt":  # noqa: S105 - the name of a method
            raise click.UsageError("--auth-method private_key_jwt takes no secret: leave --secret-stdin away")
        from authsvc.cli.secret_input import read_secret

        return read_secret()
    method, has_keys = said["token_endpoint_auth_method"], bool(said["jwks"] or said["jwks_uri"])
    needs_one = said["kind"] == "confidential" and (method != "private_key_jwt" if method else not has_keys)
    return secrets.token_urlsafe(32) if needs_one else None


def digest_of(secret: str) -> bytes:
    from authsvc.rules.clients.secret import digest_of_secret

    return granted(digest_of_secret(secret))


def show_secret(secret: str | None) -> None:
    """Print a secret that was made, the one time it is shown."""
    if secret:
        click.echo(f"Its secret, shown only now:\n\n  {secret}\n")


def _read_jwks(file: BinaryIO) -> Any:
    """What stands in the file. Raises UsageError."""
    from authsvc.jose.client_jwks import MAX_BYTES

    try:
        return json.loads(file.read(MAX_BYTES))
    except (ValueError, RecursionError):
        raise click.UsageError('--jwks: not a JWKS ({"keys": [...]}) of 1 to 10 keys') from None
