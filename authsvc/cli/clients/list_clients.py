"""`authsvc clients list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from authsvc.cli.clients.add_client import SHORT
from authsvc.cli.clients.choose_login import said_of_pkce
from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option, plural, table
from authsvc.jose.names import DEFAULT_ALG
from authsvc.rules.clients.limits import ACCESS_TOKEN_TYPES

if TYPE_CHECKING:
    from authsvc.rules.client_record import Client


@click.command("list")
@json_option
def list_clients() -> None:
    """Show every client and what it may do.

    \b
    Examples:
      authsvc clients list
      authsvc clients list --json | jq -r '.[].id'
    """
    from authsvc.store.caller import clients

    found = operate(lambda runtime, _actor: clients.everyone(runtime.db))
    answer(
        [_row(client) for client in found],
        table(
            ("ID", "KIND", "PROVES ITSELF BY", "GRANT TYPES", "SCOPES", "POLICY", "REDIRECT URIS"),
            map(_cells, found),
            empty="There is no client yet: `authsvc clients add --help`.",
        ),
    )


def _cells(client: Client) -> tuple[str, ...]:
    policy, uris = ", ".join(_policy(client)) or "-", " ".join(client.login.redirect_uris) or "-"
    return client.id, client.kind, _proof(client), _grants(client), " ".join(client.tokens.scopes), policy, uris


def _proof(client: Client) -> str:
    if not client.confidential:
        return "-"
    from authsvc.rules.clients.tls_authentication import subjects_of

    proofs = client.authentication
    named = [plural(len(proofs.secret_hashes), "secret")] * bool(proofs.secret_hashes)
    named += ["keys"] * (proofs.jwks is not None) + ["keys at its jwks_uri"] * (proofs.jwks_uri is not None)
    named += [f"certificate of {subject}" for subject in subjects_of(proofs).values()]
    only = proofs.token_endpoint_auth_method
    return ", ".join(named) + (f" ({only} only)" if only else "")


def _policy(client: Client) -> list[str]:
    id_tokens = client.tokens.id_token_signed_response_alg
    access_tokens = client.tokens.access_token_signed_response_alg
    said = {
        "by its document": client.by_document,
        "FAPI 2.0": client.profile == "fapi2",
        "registered without a token": client.stranger and not client.by_document,
        "registered itself": client.authentication.registration_hash is not None and not client.stranger,
        "native": client.login.application_type == "native",
        "first party": client.first_party,
        "introspection": client.introspection and not client.introspection_all,
        "introspection of all": client.introspection_all,
        "no remember me": not client.login.remember_me_allowed,
        "strict": client.tokens.refresh_grace_seconds == 0,
        "pushed requests only": client.login.require_pushed_authorization_requests,
        "signed requests only": client.login.require_signed_request_object,
        said_of_pkce(client.login.pkce): client.login.pkce != "required",
        "assertions for the token endpoint": client.authentication.assertion_audience != "issuer",
        f"assertions {client.authentication.assertion_seconds} s": client.authentication.assertion_seconds,
        "DPoP only": client.tokens.dpop_bound_access_tokens,
        "bound to its certificate": client.tokens.tls_client_certificate_bound_access_tokens,
        "status lists": client.tokens.status_list,
        f"pairwise for {client.login.sector or 'itself'}": client.login.subject_type == "pairwise",
        f"pages of {' '.join(client.login.origins)}": client.login.origins,
        "told of logouts": client.logout.backchannel_logout_uri,
        f"role {client.login.required_role}": client.login.required_role,
        f"gives {client.login.registration_role}": client.login.registration_role,
        "codes by mail": client.login.mail_code_login,
        f"level {client.login.required_acr}": client.login.required_acr,
        f"devices trusted {client.login.trusted_device_days} d": client.login.trusted_device_days,
        f"access {client.tokens.access_token_seconds} s": client.tokens.access_token_seconds,
        f"session {client.login.session_seconds} s": client.login.session_seconds,
        f"remembered {client.login.remember_me_seconds} s": client.login.remember_me_seconds,
        f"lost answers {client.tokens.refresh_lost_answer_seconds} s": client.tokens.refresh_lost_answer_seconds
        is not None,
        "refresh tokens without offline_access": client.tokens.refresh_without_offline_access,
        "ID tokens say who it is": client.tokens.id_token_claims,
        "ID tokens with a refresh": client.tokens.id_token_on_refresh,
        f"ID tokens {client.tokens.id_token_seconds} s": client.tokens.id_token_seconds,
        "preferred_username and groups": client.tokens.claim_aliases,
        f"ID tokens {id_tokens}": id_tokens != DEFAULT_ALG,
        f"access tokens {access_tokens}": access_tokens != DEFAULT_ALG,
        f"access tokens of type {client.tokens.access_token_typ}": client.tokens.access_token_typ
        != ACCESS_TOKEN_TYPES[0],
        f"audience {' '.join(client.tokens.audiences)}": client.tokens.audiences,
        f"exchange for {' '.join(client.exchange.audiences)}": client.exchange.audiences,
    }
    return [words for words, true in said.items() if true]


def _grants(client: Client) -> str:
    short = {urn: word for word, urn in SHORT.items()}
    return " ".join(sorted(short.get(grant, grant) for grant in client.grant_types))


def _row(client: Client) -> dict[str, Any]:
    """Everything but the digests of its secrets."""
    from authsvc.rules.client_record import flat_of

    digests = {"secret_hashes", "registration_hash"}
    return {
        **{name: value for name, value in flat_of(client).items() if name not in digests},
        "grant_types": sorted(client.grant_types),
        "secrets": len(client.authentication.secret_hashes),
        "registered_itself": client.authentication.registration_hash is not None,
    }
