"""`authsvc clients add`."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from authsvc.cli.clients.choose_access_tokens import TYP
from authsvc.cli.clients.choose_assertions import ASSERTION_LIFE, AUDIENCE
from authsvc.cli.clients.choose_certificates import SUBJECT_OPTIONS, TLS_METHODS
from authsvc.cli.clients.choose_id_tokens import LIFE
from authsvc.cli.clients.choose_login import PKCE
from authsvc.cli.clients.choose_profile import PROFILE
from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option
from authsvc.cli.secret_input import read_secret
from authsvc.jose.names import ALGORITHM_NAMES, DEFAULT_ALG
from authsvc.rules.clients.limits import (
    ACCESS_TOKEN_SECONDS,
    REFRESH_LOST_ANSWER_SECONDS,
    SESSION_SECONDS,
    TRUSTED_DEVICE_DAYS,
)
from authsvc.rules.levels import LADDER
from authsvc.rules.secret_digest import digest_of

if TYPE_CHECKING:
    from authsvc.rules.client_record import Client

SHORT = {
    "device_code": "urn:ietf:params:oauth:grant-type:device_code",
    "token_exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
}
"""What people type for grant types that are URNs; the URN itself is taken too."""
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials", *SHORT)
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", *TLS_METHODS)
WITHOUT_SECRET = ("private_key_jwt", *TLS_METHODS)
_PAR = "require_pushed_authorization_requests"
_TOKEN_SECONDS, _SESSION_SECONDS = click.IntRange(*ACCESS_TOKEN_SECONDS), click.IntRange(*SESSION_SECONDS)
ALGORITHM = click.Choice(ALGORITHM_NAMES)
_ALG: dict[str, Any] = {"type": ALGORITHM, "default": DEFAULT_ALG, "show_default": True}

secret_stdin = click.option(
    "--secret-stdin", is_flag=True, help="Read the secret from standard input instead of making one."
)


class _GrantType(click.Choice[str]):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        known = {urn: short for short, urn in SHORT.items()}
        word = super().convert(known.get(value, value), param, ctx)
        return SHORT.get(word, word)


def _several(flag: str, metavar: str, help: str) -> click.Option:
    """Its values are a column of the client that is named in the plural."""
    column = flag.removeprefix("--").replace("-", "_") + "s"
    text = f"{help}; several times."
    return click.Option([flag, column], multiple=True, metavar=metavar, callback=_once, help=text)


def _once(_ctx: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """What is given several times counts once."""
    return tuple(dict.fromkeys(values))


# Their names are those of the client's columns: `_client` hands them on.
_OPTIONS: tuple[click.Parameter, ...] = (
    click.Argument(["client_id"], metavar="ID"),
    click.Option(["--name"], help="What people read; the id where it is left away."),
    click.Option(["--public", "kind"], flag_value="public", help="A frontend: it cannot keep a secret."),
    click.Option(["--confidential", "kind"], flag_value="confidential", help="A service: it has a secret or keys."),
    click.Option(["--native"], is_flag=True, help="An application on people's devices: any port on its loopback URI."),
    _several("--redirect-uri", "URI", "Exactly as used"),
    _several("--origin", "ORIGIN", "Of its pages that no redirect URI names (capacitor://localhost)"),
    click.Option(
        ["--grant-type", "grant_types"],
        multiple=True,
        type=_GrantType(GRANT_TYPES),
        help="Several times. Else: with a redirect URI authorization_code and refresh_token; without one refresh_token "
        "for a public client, client_credentials for a confidential one.",
    ),
    _several("--scope", "WORD", "A scope it may have (roles: its tokens say people's roles)"),
    _several("--audience", "URI", "Who takes its tokens: the name of an API, and of no other"),
    click.Option(["--first-party"], is_flag=True, help="One of our own: no consent, may log people in by password."),
    click.Option(["--required-role"], metavar="ROLE", help="Only people with this role log in here."),
    click.Option(["--required-acr"], type=click.Choice(LADDER), help="How people must at least have logged in here."),
    click.Option(
        ["--registration-role"], metavar="ROLE", help="Given to people who register here (AUTHSVC_REGISTRATION=open)."
    ),
    click.Option(["--mail-code-login"], is_flag=True, help="People may log in there by a code that is mailed to them."),
    click.Option(["--no-remember-me"], is_flag=True, help="Its sessions are never the long ones."),
    click.Option(["--introspection"], is_flag=True, help="May ask at /introspect about tokens that are meant for it."),
    click.Option(["--introspection-all"], is_flag=True, help="May ask there about tokens of every audience."),
    click.Option(["--jwks"], type=click.File("rb"), metavar="FILE", help="Public keys (x5c: certificates), no secret."),
    click.Option(["--jwks-uri"], metavar="URI", help="Where it publishes them, instead."),
    click.Option(
        ["--auth-method", "token_endpoint_auth_method"],
        type=click.Choice(AUTH_METHODS),
        help="The only way it proves itself; else by whatever it has.",
    ),
    *SUBJECT_OPTIONS,
    click.Option(
        ["--assertion-audience"],
        type=AUDIENCE,
        default="issuer",
        show_default=True,
        help="token-endpoint: its assertions may name our endpoints instead.",
    ),
    click.Option(["--assertion-seconds"], type=ASSERTION_LIFE, help="How far ahead their exp may be; else 300."),
    click.Option(["--require-par", _PAR], is_flag=True, help="Its authorization requests must be pushed to /par."),
    click.Option(
        ["--require-signed-requests", "require_signed_request_object"],
        is_flag=True,
        help="They must be signed by its keys, too (RFC 9101): FAPI 2.0 Message Signing.",
    ),
    click.Option(
        ["--pkce"],
        type=PKCE,
        default="required",
        show_default=True,
        help="nonce: a confidential client may send an OpenID nonce instead; optional: or neither.",
    ),
    click.Option(["--dpop-bound", "dpop_bound_access_tokens"], is_flag=True, help="No token without a DPoP proof."),
    click.Option(
        ["--certificate-bound", "tls_client_certificate_bound_access_tokens"],
        is_flag=True,
        help="No token without its certificate (RFC 8705), and none is of use without it.",
    ),
    click.Option(["--profile"], type=PROFILE, default="none", show_default=True, help="fapi2: FAPI 2.0, all of it."),
    click.Option(["--status-list"], is_flag=True, help="Its access tokens name a status list that shows their end."),
    click.Option(["--pairwise"], is_flag=True, help="Knows people by subjects that other clients do not know."),
    click.Option(
        ["--sector"],
        default="",
        metavar="HOST",
        help="Pairwise clients of one sector share their subjects; the host of the redirect URIs where it is left "
        "away.",
    ),
    click.Option(
        ["--sector-identifier-uri"],
        metavar="URI",
        help="Where the sector lists its redirect URIs (JSON), instead of --sector: it is read now.",
    ),
    _several("--post-logout-redirect-uri", "URI", "Where people may go from /logout"),
    click.Option(["--backchannel-logout-uri"], metavar="URI", help="Is told there of the end of sessions."),
    _several("--exchange-audience", "URI", "For whom it may exchange tokens (--grant-type token_exchange)"),
    _several("--exchange-subject", "URI", "Its name, beside its id, as the audience of tokens it may exchange"),
    click.Option(["--client-uri"], metavar="URI", help="Its home page."),
    click.Option(["--policy-uri"], metavar="URI", help="Its privacy policy; the consent page links to it."),
    click.Option(["--tos-uri"], metavar="URI", help="Its terms of service; likewise."),
    click.Option(["--access-token-seconds"], type=_TOKEN_SECONDS, help="Life of its access tokens."),
    click.Option(["--session-seconds"], type=_SESSION_SECONDS, help="Life of its sessions."),
    click.Option(["--remember-me-seconds"], type=_SESSION_SECONDS, help="Life with remember me."),
    click.Option(
        ["--trusted-device-days"],
        type=click.IntRange(*TRUSTED_DEVICE_DAYS),
        default=0,
        help="So long a device that its person trusts needs no second step here; 0, as it is without this: it does.",
    ),
    click.Option(
        ["--lost-answer-seconds", "refresh_lost_answer_seconds"],
        type=click.IntRange(*REFRESH_LOST_ANSWER_SECONDS),
        help="How long a used refresh token serves whoever did not hear of the next one; never with --strict.",
    ),
    click.Option(["--strict"], is_flag=True, help="A used refresh token is never answered again, not even in a retry."),
    click.Option(
        ["--id-token-claims/--no-id-token-claims"],
        default=True,
        show_default=True,
        help="Its ID tokens say what its scopes open of the person, as /userinfo does.",
    ),
    click.Option(
        ["--refresh-without-offline-access"],
        is_flag=True,
        help="The grant type refresh_token is enough for a refresh token; first-party clients need no offline_access.",
    ),
    click.Option(
        ["--claim-aliases/--no-claim-aliases"],
        default=True,
        show_default=True,
        help="It is told preferred_username (the address) and groups (the roles), too, by the same scopes.",
    ),
    click.Option(["--id-token-on-refresh"], is_flag=True, help="A refresh brings an ID token, too."),
    click.Option(["--id-token-seconds"], type=LIFE, help="Life of its ID tokens."),
    click.Option(
        ["--id-token-alg", "id_token_signed_response_alg"], help="Signs its ID tokens and logout tokens.", **_ALG
    ),
    click.Option(["--access-token-alg", "access_token_signed_response_alg"], help="Signs its access tokens.", **_ALG),
    click.Option(
        ["--access-token-typ"],
        type=TYP,
        default="at+jwt",
        show_default=True,
        help="JWT: its access tokens are for services that know no at+jwt (Spring Boot, hono).",
    ),
)


@click.command(params=[*_OPTIONS])
@secret_stdin
@json_option
def add(client_id: str, secret_stdin: bool, **said: Any) -> None:
    """Register a client. A confidential one gets a secret, which is printed once and not kept, or names its keys.

    Redirect URIs are https, http on localhost, or have a private scheme (better with a dot, as com.example.app:/cb);
    without a fragment.

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
      authsvc clients add meter --confidential --auth-method tls_client_auth --tls-san-dns meter.bank.example
      authsvc clients add fund --confidential --profile fapi2 --jwks keys.json --auth-method private_key_jwt
              --redirect-uri https://fund.example/cb --id-token-alg PS256 --access-token-alg PS256
      authsvc clients add kiosk --public --grant-type device_code --scope openid --id-token-alg ES256
      authsvc clients add gateway --confidential --grant-type token_exchange --exchange-audience https://orders.example
    """
    from authsvc.flows.operator import manage_clients

    if said["kind"] is None:
        raise click.UsageError("say what it is: --public (a frontend) or --confidential (a service)")
    secret = _secret(said, from_stdin=secret_stdin)
    client = _client(client_id, said, secret)
    stored = operate(
        lambda runtime, actor: manage_clients.add(runtime, actor, client), warn_of="algorithms", said=_as_options
    )
    made = None if secret_stdin else secret
    answer(
        {
            "id": client.id,
            "kind": client.kind,
            **({"client_secret": made} if made else {}),
            **({"without_key": stored.without_key} if stored.without_key else {}),
        },
        [f"Added the {client.kind} client {client.id}.", *shown_once(made)],
        notes=[
            *_left_out(client, stored.client),
            *warnings(stored.without_key),
            *scheme_warnings(client.login.redirect_uris),
        ],
    )


def _left_out(client: Client, stored: Client) -> list[str]:
    """What is said of keys that were given and are not for signatures."""
    given, kept = (len(it.authentication.jwks["keys"]) if it.authentication.jwks else 0 for it in (client, stored))
    return [f"Of {given} keys, {kept} can verify signatures; the others were left out."] if kept < given else []


def shown_once(secret: str | None) -> list[str]:
    """What is said of a secret that was made, and of no other."""
    return [f"Its secret, shown only now:\n\n  {secret}\n"] if secret else []


def warnings(without_key: Sequence[str]) -> list[str]:
    return [f"No {alg} key signs now: the client gets 503 until one does (`authsvc keys plan`)." for alg in without_key]


def scheme_warnings(uris: Sequence[str]) -> list[str]:
    """What is said of private schemes that nobody owns (RFC 8252 section 7.1)."""
    from authsvc.rules.authorize.redirect import dotless_scheme

    schemes = dict.fromkeys(scheme for uri in uris if (scheme := dotless_scheme(uri)))
    return [
        f"Any app may take the scheme {scheme}, if only by accident. Better is one of a domain that is yours "
        "(com.example.app:/callback), or an https address that the app claims."
        for scheme in schemes
    ]


def _as_options(description: str) -> str:
    """What a rule says of fields, said of the options that fill them."""
    options = {parameter.name: parameter.opts[0] for parameter in add.params if isinstance(parameter, click.Option)}
    options |= {"client_name": options["name"], "pairwise": options["pairwise"]}

    def option(found: re.Match[str]) -> str:
        named = found["article"] or "_" in found["word"] or found["word"] in ("jwks", "pairwise")
        return str(options.get(found["word"], found[0])) if named else found[0]

    return re.sub(r"\b(?P<article>[Tt]he )?(?P<word>[a-z_]+)\b", option, description).removesuffix(".")


def _client(client_id: str, said: dict[str, Any], secret: str | None) -> Client:
    from authsvc.rules.client_record import from_flat

    columns = said | {
        "id": client_id,
        "name": said["name"] or client_id,
        "grant_types": frozenset(said["grant_types"] or _usual_grants(said)),
        "secret_hashes": (digest_of(secret),) if secret else (),
        "registration_hash": None,
        "stranger": False,
        "jwks": _read_jwks(said["jwks"]) if said["jwks"] else None,
        "introspection": said["introspection"] or said["introspection_all"],
        "application_type": "native" if said["native"] else "web",
        "subject_type": "pairwise" if said["pairwise"] else "public",
        "remember_me_allowed": not said["no_remember_me"],
        "refresh_grace_seconds": 0 if said["strict"] else None,
    }
    return from_flat(columns)


def _usual_grants(said: dict[str, Any]) -> tuple[str, ...]:
    if said["redirect_uris"]:
        return ("authorization_code", "refresh_token")
    return ("refresh_token",) if said["kind"] == "public" else ("client_credentials",)


def _secret(said: dict[str, Any], *, from_stdin: bool) -> str | None:
    if from_stdin:
        if said["kind"] == "public":
            raise click.UsageError("a public client has neither secret nor keys: make it --confidential")
        if said["token_endpoint_auth_method"] in WITHOUT_SECRET:
            method = said["token_endpoint_auth_method"]
            raise click.UsageError(f"--auth-method {method} takes no secret: leave --secret-stdin away")
        return read_secret()
    method, has_keys = said["token_endpoint_auth_method"], bool(said["jwks"] or said["jwks_uri"])
    needs_one = said["kind"] == "confidential" and (method not in WITHOUT_SECRET if method else not has_keys)
    return secrets.token_urlsafe(32) if needs_one else None


def _read_jwks(file: BinaryIO) -> Any:
    """What stands in the file. Raises UsageError."""
    from authsvc.jose.client_jwks import MAX_BYTES

    try:
        return json.loads(file.read(MAX_BYTES))
    except (ValueError, RecursionError):
        raise click.UsageError('--jwks: not a JWKS ({"keys": [...]}) of 1 to 10 keys') from None
