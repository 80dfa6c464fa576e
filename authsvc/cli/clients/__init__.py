"""`authsvc clients`: registered clients."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import click

from authsvc.cli.clients.add_client import SHORT, add, secret_stdin, show_secret
from authsvc.cli.clients.algorithms import choose_alg
from authsvc.cli.clients.change_redirect_uris import redirect_uris
from authsvc.cli.clients.make_registration_token import registration_token
from authsvc.cli.console import CONTEXT, confirm, granted, inert, json_option, plural, show_json, show_table
from authsvc.jose.names import DEFAULT_ALG
from authsvc.rules.secret_digest import digest_of

if TYPE_CHECKING:
    from authsvc.rules.client_record import Client
    from authsvc.rules.refused import Refused
    from authsvc.runtime import Runtime


@click.group(context_settings=CONTEXT)
def command() -> None:
    """Registered clients: add, list, redirect-uris, rotate-secret, choose-alg, remove; registration-token lets others
    register theirs.

    Workers know of a change within a second.

    \b
    Examples:
      authsvc clients add shop --public --first-party --scope openid --redirect-uri https://shop.example.com/cb
      authsvc clients add billing --confidential --scope api --introspection
      authsvc clients redirect-uris shop --add https://shop.example.com/other
      authsvc clients rotate-secret billing
    """


command.add_command(add)
command.add_command(choose_alg)
command.add_command(redirect_uris)
command.add_command(registration_token)


@command.command("list")
@json_option
def list_clients(as_json: bool) -> None:
    """Show every client and what it may do.

    \b
    Examples:
      authsvc clients list
      authsvc clients list --json | jq -r '.[].id'
    """
    from authsvc.cli.command_runtime import operate
    from authsvc.store.caller import clients

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
                _grants(client),
                " ".join(client.tokens.scopes),
                ", ".join(_policy(client)) or "-",
                " ".join(client.login.redirect_uris) or "-",
            )
            for client in found
        ],
        empty="There is no client yet: `authsvc clients add --help`.",
    )


def _proof(client: Client) -> str:
    if not client.confidential:
        return "-"
    proofs = client.authentication
    named = [plural(len(proofs.secret_hashes), "secret")] * bool(proofs.secret_hashes)
    named += ["keys"] * (proofs.jwks is not None) + ["keys at its jwks_uri"] * (proofs.jwks_uri is not None)
    only = proofs.token_endpoint_auth_method
    return ", ".join(named) + (f" ({only} only)" if only else "")


def _policy(client: Client) -> list[str]:
    id_tokens = client.tokens.id_token_signed_response_alg
    access_tokens = client.tokens.access_token_signed_response_alg
    said = {
        "registered itself": client.authentication.registration_hash is not None,
        "native": client.login.application_type == "native",
        "first party": client.first_party,
        "introspection": client.introspection,
        "no remember me": not client.login.remember_me_allowed,
        "strict": client.tokens.refresh_grace_seconds == 0,
        "pushed requests only": client.login.require_pushed_authorization_requests,
        "DPoP only": client.tokens.dpop_bound_access_tokens,
        "status lists": client.tokens.status_list,
        f"pairwise for {client.login.sector or 'itself'}": client.login.subject_type == "pairwise",
        "told of logouts": client.logout.backchannel_logout_uri,
        f"role {client.login.required_role}": client.login.required_role,
        f"access {client.tokens.access_token_seconds} s": client.tokens.access_token_seconds,
        f"session {client.login.session_seconds} s": client.login.session_seconds,
        f"remembered {client.login.remember_me_seconds} s": client.login.remember_me_seconds,
        f"ID tokens {id_tokens}": id_tokens != DEFAULT_ALG,
        f"access tokens {access_tokens}": access_tokens != DEFAULT_ALG,
        f"audience {' '.join(client.tokens.audiences)}": client.tokens.audiences,
        f"exchange for {' '.join(client.exchange.audiences)}": client.exchange.audiences,
    }
    return [words for words, true in said.items() if true]


def _grants(client: Client) -> str:
    short = {urn: word for word, urn in SHORT.items()}
    return " ".join(sorted(short.get(grant, grant) for grant in client.grant_types))


def _row(client: Client) -> dict[str, Any]:
    """Everything but the digests of its secrets."""
    from authsvc.store.caller.clients import columns_of

    digests = {"secret_hashes", "registration_hash"}
    return {
        **{name: value for name, value in columns_of(client).items() if name not in digests},
        "grant_types": sorted(client.grant_types),
        "secrets": len(client.authentication.secret_hashes),
        "registered_itself": client.authentication.registration_hash is not None,
    }


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
    from authsvc.cli.command_runtime import actor, operate
    from authsvc.cli.secret_input import read_secret
    from authsvc.flows.operator import manage_clients

    if drop_old and secret_stdin:
        raise click.UsageError("--drop-old makes no new secret: leave --secret-stdin away")
    secret = "" if drop_old else read_secret() if secret_stdin else secrets.token_urlsafe(32)

    async def work(runtime: Runtime) -> Client | Refused:
        if drop_old:
            return await manage_clients.drop_old_secret(runtime, actor(), client_id)
        return await manage_clients.add_secret(runtime, actor(), client_id, digest_of(secret))

    count = len(granted(operate(work)).authentication.secret_hashes)
    made = None if secret_stdin else secret
    if as_json:
        show_json({"id": client_id, "secrets": count, **({"client_secret": made} if made else {})})
    elif drop_old:
        click.echo(f"Client {client_id} has one secret now; the old one is refused within a second.")
    else:
        click.echo(
            f"Client {client_id} has a new secret."
            + (f" The old one is good too, until `rotate-secret {client_id} --drop-old`." if count == 2 else "")
        )
        show_secret(made)


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
    from authsvc.cli.command_runtime import actor, operate, warm_redis
    from authsvc.flows.operator import manage_clients

    confirm(f"Every token of {inert(client_id)} becomes invalid. Remove it?", yes=yes)

    async def work(runtime: Runtime) -> Refused | None:
        await warm_redis(runtime)
        return await manage_clients.remove(runtime, actor(), client_id)

    granted(operate(work))
    if as_json:
        show_json({"id": client_id, "removed": True})
    else:
        click.echo(f"Client {client_id} is removed.")
