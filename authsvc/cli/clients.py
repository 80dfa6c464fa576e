"""`authsvc clients`: registered clients."""

from __future__ import annotations

import json
import re
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from authsvc.cli.console import CONTEXT, Refused, confirm, inert, json_option, show_json, show_table
from authsvc.cli.registration_token import registration_token

if TYPE_CHECKING:
    from authsvc.oauth.records import Client
    from authsvc.runtime import Runtime

GRANT_TYPES = ("refresh_token", "client_credentials")
_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}").fullmatch

secret_stdin = click.option(
    "--secret-stdin", is_flag=True, help="Read the secret from standard input instead of making one."
)


@click.group(context_settings=CONTEXT)
def command() -> None:
    """Registered clients: add, list, rotate-secret, remove; registration-token lets others register theirs.

    Workers know of a change within a second.

    \b
    Examples:
      authsvc clients add shop --public --first-party --scope openid --redirect-uri https://shop.example.com/cb
      authsvc clients add billing --confidential --scope api --introspection
      authsvc clients rotate-secret billing
    """


command.add_command(registration_token)


@command.command()
@click.argument("client_id", metavar="ID")
@click.option("--name", help="What people read; the id where it is left away.")
@click.option("--public", "kind", flag_value="public", help="A frontend: it cannot keep a secret.")
@click.option("--confidential", "kind", flag_value="confidential", help="A service: it has a secret or keys.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, metavar="URI", help="Exactly as used; several times.")
@click.option(
    "--grant-type", "grant_types", multiple=True, type=click.Choice(GRANT_TYPES),
    help="Several times; else refresh_token for a public client, client_credentials for a confidential one.",
)  # fmt: skip
@click.option("--scope", "scopes", multiple=True, metavar="WORD", help="A scope it may have; several times.")
@click.option("--audience", "audiences", multiple=True, metavar="URI", help="Who accepts its tokens; several times.")
@click.option("--first-party", is_flag=True, help="One of our own: may log people in by password.")
@click.option("--required-role", metavar="ROLE", help="Only people with this role log in here.")
@click.option("--no-remember-me", is_flag=True, help="Its sessions are never the long ones.")
@click.option("--introspection", is_flag=True, help="May ask about tokens at /introspect.")
@click.option("--jwks", type=click.File("rb"), metavar="FILE", help="Public keys for private_key_jwt, not a secret.")
@click.option("--access-token-seconds", type=click.IntRange(10, 86_400), help="Life of its access tokens.")
@click.option("--session-seconds", type=click.IntRange(60, 315_360_000), help="Life of its sessions.")
@click.option("--remember-me-seconds", type=click.IntRange(60, 315_360_000), help="Life with remember me.")
@click.option("--strict", is_flag=True, help="A used refresh token is never answered again, not even in a retry.")
@secret_stdin
@json_option
def add(
    client_id: str,
    name: str | None,
    kind: str | None,
    grant_types: tuple[str, ...],
    scopes: tuple[str, ...],
    jwks: BinaryIO | None,
    strict: bool,
    no_remember_me: bool,
    secret_stdin: bool,
    as_json: bool,
    **policy: Any,
) -> None:
    """Register a client. A confidential one gets a secret, which is printed once and not kept, or names its keys.

    Redirect URIs are https, http on localhost, or have a private scheme with a dot; without a fragment.

    \b
    Examples:
      authsvc clients add bar --public --first-party --required-role bartender --scope openid --scope profile
      authsvc clients add billing --confidential --scope api --audience https://api.example.com
      authsvc clients add reports --confidential --jwks public-keys.json --access-token-seconds 300
    """
    from authsvc.cli.running import actor, operate
    from authsvc.flows import manage_clients
    from authsvc.oauth.records import Client

    if kind is None:
        raise click.UsageError("say what it is: --public (a frontend) or --confidential (a service)")
    keys = _read_jwks(jwks) if jwks else None
    secret = _secret(kind, has_keys=keys is not None, from_stdin=secret_stdin)
    client = Client(
        id=client_id,
        name=name or client_id,
        kind=kind,
        secret_hashes=(_digest(secret),) if secret else (),
        redirect_uris=tuple(dict.fromkeys(policy.pop("redirect_uris"))),
        grant_types=frozenset(grant_types or (("refresh_token" if kind == "public" else "client_credentials"),)),
        scopes=tuple(dict.fromkeys(scopes)),
        audiences=tuple(dict.fromkeys(policy.pop("audiences"))),
        jwks=keys,
        remember_me_allowed=not no_remember_me,
        refresh_grace_seconds=0 if strict else None,
        **policy,
    )
    if problem := _problem(client):
        raise click.UsageError(problem)
    if not operate(lambda runtime: manage_clients.add(runtime, actor(), client)):
        raise Refused(f"there is a client {client_id} already: `authsvc clients list` shows it")
    made = None if secret_stdin else secret
    if as_json:
        show_json({"id": client.id, "kind": client.kind, **({"client_secret": made} if made else {})})
        return
    click.echo(f"Added the {client.kind} client {client.id}.")
    _show_secret(made)


def _problem(client: Client) -> str | None:
    """The first thing that is wrong with a new client, for people."""
    from authsvc.cli.user_file import role_problem
    from authsvc.oauth.redirect_uri import registration_problem
    from authsvc.oauth.scope import parse_scope

    if not _ID(client.id):
        return "an ID has 1 to 128 letters, digits, and . _ ~ -"
    if not client.confidential:
        if client.introspection:
            return "--introspection is for confidential clients: anybody could ask in a public one's name"
        if "client_credentials" in client.grant_types:
            return "client_credentials is for confidential clients: a public one has nothing to prove itself with"
    if client.required_role is not None and (problem := role_problem(client.required_role)):
        return problem
    for uri in client.redirect_uris:
        if problem := registration_problem(uri):
            return f"the redirect URI {inert(uri)[:200]} {problem}"
    for scope in client.scopes:
        if parse_scope(scope) != (scope,):
            return f"{inert(scope)[:80]!r} is not a scope: one word of visible ASCII, without quotes and backslashes"
    for audience in client.audiences:
        if not audience or not audience.isprintable() or " " in audience or len(audience) > 2000:
            return f"{inert(audience)[:80]!r} is not an audience"
    return None


def _secret(kind: str, *, has_keys: bool, from_stdin: bool) -> str | None:
    if kind == "public":
        if has_keys or from_stdin:
            raise click.UsageError("a public client has neither secret nor keys: make it --confidential")
        return None
    if from_stdin:
        from authsvc.cli.secret_input import read_secret

        return read_secret()
    return None if has_keys else secrets.token_urlsafe(32)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _show_secret(secret: str | None) -> None:
    if secret:
        click.echo(f"Its secret, shown only now:\n\n  {secret}\n")


def _read_jwks(file: BinaryIO) -> dict[str, Any]:
    """The public keys of a client (RFC 7517 section 5). Raises UsageError."""
    from authsvc.keyring.algorithms import KeyRefused
    from authsvc.keyring.client_jwks import MAX_BYTES, read_client_jwks

    try:
        return read_client_jwks(json.loads(file.read(MAX_BYTES)))
    except (ValueError, RecursionError):
        raise click.UsageError('--jwks: not a JWKS ({"keys": [...]}) of 1 to 10 keys') from None
    except KeyRefused as refused:
        raise click.UsageError(f"--jwks: {refused}") from None


@command.command("list")
@json_option
def list_clients(as_json: bool) -> None:
    """Show every client and what it may do.

    \b
    Examples:
      authsvc clients list
      authsvc clients list --json | jq -r '.[].id'
    """
    from authsvc.cli.running import operate
    from authsvc.store import clients

    found = operate(lambda runtime: clients.everyone(runtime.db))
    if as_json:
        show_json([_row(client) for client in found])
        return
    show_table(
        ("ID", "KIND", "PROVES ITSELF BY", "GRANT TYPES", "SCOPES", "POLICY", "REDIRECT URIS"),
        [
            (
                client.id,
                client.kind,
                _proof(client),
                " ".join(sorted(client.grant_types)),
                " ".join(client.scopes),
                ", ".join(_policy(client)) or "-",
                " ".join(client.redirect_uris) or "-",
            )
            for client in found
        ],
        empty="There is no client yet: `authsvc clients add --help`.",
    )


def _proof(client: Client) -> str:
    if not client.confidential:
        return "-"
    named = [f"{len(client.secret_hashes)} secret{'s' * (len(client.secret_hashes) > 1)}"] * bool(client.secret_hashes)
    return ", ".join([*named, *(["keys"] if client.jwks else [])])


def _policy(client: Client) -> list[str]:
    said = {
        "first party": client.first_party,
        "introspection": client.introspection,
        "no remember me": not client.remember_me_allowed,
        "strict": client.refresh_grace_seconds == 0,
        f"role {client.required_role}": client.required_role,
        f"access {client.access_token_seconds} s": client.access_token_seconds,
        f"session {client.session_seconds} s": client.session_seconds,
        f"remembered {client.remember_me_seconds} s": client.remember_me_seconds,
        f"audience {' '.join(client.audiences)}": client.audiences,
    }
    return [words for words, true in said.items() if true]


def _row(client: Client) -> dict[str, Any]:
    """Everything but the digests of its secrets."""
    from dataclasses import fields

    row = {item.name: getattr(client, item.name) for item in fields(client) if item.name != "secret_hashes"}
    return {**row, "grant_types": sorted(client.grant_types), "secrets": len(client.secret_hashes)}


@command.command("rotate-secret")
@click.argument("client_id", metavar="ID")
@click.option("--drop-old", is_flag=True, help="End the rotation: only the newest secret is good from now on.")
@secret_stdin
@json_option
def rotate_secret(client_id: str, drop_old: bool, secret_stdin: bool, as_json: bool) -> None:
    """Give a client a new secret beside the old one; both are good until --drop-old.

    \b
    Examples:
      authsvc clients rotate-secret billing                a new secret, printed once
      authsvc clients rotate-secret billing --drop-old     when it is in use everywhere
    """
    from authsvc.cli.running import actor, operate
    from authsvc.cli.secret_input import read_secret
    from authsvc.flows import manage_clients
    from authsvc.keyring.plans import Refused as NotThis

    if drop_old and secret_stdin:
        raise click.UsageError("--drop-old makes no new secret: leave --secret-stdin away")
    secret = "" if drop_old else read_secret() if secret_stdin else secrets.token_urlsafe(32)

    async def work(runtime: Runtime) -> NotThis | int | None:
        if drop_old:
            return await manage_clients.drop_old_secret(runtime, actor(), client_id)
        return await manage_clients.add_secret(runtime, actor(), client_id, _digest(secret))

    done = operate(work)
    if isinstance(done, NotThis):
        raise Refused(done.reason)
    made = None if secret_stdin else secret
    if as_json:
        show_json({"id": client_id, "secrets": done or 1, **({"client_secret": made} if made else {})})
    elif drop_old:
        click.echo(f"Client {client_id} has one secret now; the old one is refused within a second.")
    else:
        click.echo(
            f"Client {client_id} has a new secret."
            + (f" The old one is good too, until `rotate-secret {client_id} --drop-old`." if done == 2 else "")
        )
        _show_secret(made)


@command.command()
@click.argument("client_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(client_id: str, yes: bool, as_json: bool) -> None:
    """Remove a client for ever: its tokens are void, its refresh tokens refused.

    \b
    Examples:
      authsvc clients remove old-kiosk
    """
    from authsvc.cli.running import actor, operate, warm_redis
    from authsvc.flows import manage_clients

    confirm(f"Every token of {inert(client_id)} becomes invalid. Remove it?", yes=yes)

    async def work(runtime: Runtime) -> bool:
        await warm_redis(runtime)
        return await manage_clients.remove(runtime, actor(), client_id)

    if not operate(work):
        raise Refused(f"there is no client {client_id}: `authsvc clients list` shows them")
    if as_json:
        show_json({"id": client_id, "removed": True})
    else:
        click.echo(f"Client {client_id} is removed.")
