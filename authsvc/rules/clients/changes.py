"""What an operator may change of a client: each gives the changed client, or says why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from authsvc.rules.caller.certificate import METHODS, TLS_CLIENT_AUTH
from authsvc.rules.client_record import Client, Digest
from authsvc.rules.clients.fapi2 import judge_profile
from authsvc.rules.clients.judge_client import (
    Service,
    judge_algorithms,
    judge_audiences,
    judge_authentication,
    judge_login,
    judge_origins,
    judge_redirect_uris,
    judge_seconds,
)
from authsvc.rules.clients.limits import MAX_SECRETS
from authsvc.rules.clients.tls_authentication import SUBJECTS, subjects_of
from authsvc.rules.clients.trusted_devices import trusted_device_problem
from authsvc.rules.refused import Refused

Group = TypeVar("Group")


def unknown_client(client_id: str) -> Refused:
    return Refused("not_found", f"there is no client {client_id}: `authsvc clients list` shows them", "client_unknown")


def change_redirect_uris(
    client: Client, added: Sequence[str], removed: Sequence[str], service: Service
) -> Client | Refused:
    """The order is kept; what is there already is added without complaint, and judged no more if it stays."""
    if refused := judge_redirect_uris(added, client, "operator", service):
        return refused
    unknown = [uri for uri in removed if uri not in client.login.redirect_uris]
    if unknown:
        description = f"client {client.id} has no redirect URI {unknown[0]}: `authsvc clients list` shows them"
        return Refused("conflict", description, "redirect_uri_unknown")
    uris = tuple(uri for uri in dict.fromkeys([*client.login.redirect_uris, *added]) if uri not in removed)
    if not uris and "authorization_code" in client.grant_types:
        description = f"client {client.id} would have no redirect URI left to send a code to"
        return Refused("conflict", description, "redirect_uris_missing")
    return replace(client, login=replace(client.login, redirect_uris=uris))


def change_origins(client: Client, added: Sequence[str], removed: Sequence[str], service: Service) -> Client | Refused:
    """As `change_redirect_uris`; those of its redirect URIs are its pages' all the same."""
    if refused := judge_origins(added, client, "operator", service):
        return refused
    unknown = [origin for origin in removed if origin not in client.login.origins]
    if unknown:
        description = f"client {client.id} has no origin {unknown[0]}: `authsvc clients list` shows them"
        return Refused("conflict", description, "origin_unknown")
    origins = tuple(one for one in dict.fromkeys([*client.login.origins, *added]) if one not in removed)
    return replace(client, login=replace(client.login, origins=origins))


def change_audiences(client: Client, added: Sequence[str], removed: Sequence[str]) -> Client | Refused:
    """The order is kept; what is there already is added without complaint."""
    known = client.tokens.audiences
    unknown = [audience for audience in removed if audience not in known]
    if unknown:
        description = f"client {client.id} has no audience {unknown[0][:80]}: `authsvc clients list` shows them"
        return Refused("conflict", description, "audience_unknown")
    audiences = tuple(one for one in dict.fromkeys([*known, *added]) if one not in removed)
    changed = replace(client, tokens=replace(client.tokens, audiences=audiences))
    return judge_audiences(changed, client) or changed


def choose_algorithms(
    client: Client, id_tokens: str | None, access_tokens: str | None, service: Service
) -> Client | Refused:
    """None: as it is."""
    tokens = _choose(
        client.tokens, id_token_signed_response_alg=id_tokens, access_token_signed_response_alg=access_tokens
    )
    changed = replace(client, tokens=tokens)
    return judge_algorithms(changed, "operator", service, client) or changed


def choose_login(
    client: Client, mail_code_login: bool | None, pkce: str | None, refresh: bool | None
) -> Client | Refused:
    """Whether people may log in by a mailed code, whether requests for codes carry a code_challenge, and whether a
    login gives a refresh token without offline_access. None: as it is."""
    changed = replace(
        client,
        login=_choose(client.login, mail_code_login=mail_code_login, pkce=pkce),
        tokens=_choose(client.tokens, refresh_without_offline_access=refresh),
    )
    return judge_login(changed, client) or changed


def choose_id_tokens(
    client: Client, claims: bool | None, aliases: bool | None, on_refresh: bool | None, seconds: int | None
) -> Client | Refused:
    """What its ID tokens say, and whether under second names, too; whether a refresh brings one, how long one is good.
    None: as it is."""
    tokens = _choose(
        client.tokens,
        id_token_claims=claims,
        claim_aliases=aliases,
        id_token_on_refresh=on_refresh,
        id_token_seconds=seconds,
    )
    changed = replace(client, tokens=tokens)
    return judge_seconds(changed) or changed


def choose_access_tokens(client: Client, typ: str) -> Client | Refused:
    """Of which type its access tokens are."""
    return replace(client, tokens=replace(client.tokens, access_token_typ=typ))


def choose_assertions(client: Client, audience: str | None, seconds: int | None) -> Client | Refused:
    """For whom its assertions may be, and how far ahead their end. None: as it is."""
    known = client.authentication
    if known.jwks is None and known.jwks_uri is None:
        description = f"client {client.id} has no keys that could sign assertions"
        return Refused("conflict", description, "jwks_missing")
    changed = replace(client, authentication=_choose(known, assertion_audience=audience, assertion_seconds=seconds))
    return judge_seconds(changed) or changed


def choose_certificates(
    client: Client, method: str | None, subjects: Mapping[str, str], bound: bool | None, service: Service
) -> Client | Refused:
    """By which certificate it proves itself, and by nothing else; whether its tokens are bound to it. `subjects`: what
    the certificate must say, by the names of `tls_authentication.SUBJECTS`. None, and no subject: as it is."""
    known = client.authentication
    changed = replace(client, tokens=_choose(client.tokens, tls_client_certificate_bound_access_tokens=bound))
    if method is not None or subjects:
        by_now = known.token_endpoint_auth_method
        method = method or (by_now if by_now in METHODS else TLS_CLIENT_AUTH)
        kept = subjects_of(known) if method == TLS_CLIENT_AUTH and not subjects else subjects
        chosen: dict[str, Any] = {**dict.fromkeys(SUBJECTS), **kept}
        authentication = replace(known, token_endpoint_auth_method=method, secret_hashes=(), **chosen)
        changed = replace(changed, authentication=authentication)
    return judge_authentication(changed, service, client) or changed


def choose_profile(client: Client, profile: str) -> Client | Refused:
    """What the client keeps to from now on, if it can."""
    changed = replace(client, profile=profile)
    return judge_profile(changed) or changed


def choose_introspection(client: Client, about: str) -> Client | Refused:
    """`about`: which tokens it may ask about: none, own (those meant for it), all."""
    if about != "none" and not client.confidential:
        description = f"client {client.id} is public: anybody could ask in its name"
        return Refused("conflict", description, "introspection")
    return replace(client, introspection=about != "none", introspection_all=about == "all")


def choose_trusted_device_days(client: Client, days: int) -> Client | Refused:
    """`days`: for how long people may trust a device there, 0: not at all."""
    changed = replace(client, login=replace(client.login, trusted_device_days=days))
    problem = trusted_device_problem(changed.login)
    return Refused("conflict", problem, "trusted_device_days") if problem else changed


def add_secret(client: Client, digest: Digest) -> Client | Refused:
    """A new secret beside the one in use, so that the client can change over in its own time."""
    if not client.confidential:
        return _without_secret(client)
    if len(client.authentication.secret_hashes) >= MAX_SECRETS:
        description = (
            f"client {client.id} has two secrets already: once the new one is in use everywhere, run "
            f"`authsvc clients rotate-secret {client.id} --drop-old`, then rotate again"
        )
        return Refused("conflict", description, "secrets_too_many")
    return _with_secrets(client, (digest, *client.authentication.secret_hashes))


def drop_old_secret(client: Client) -> Client | Refused:
    """Only the newest secret is left."""
    if not client.confidential:
        return _without_secret(client)
    if len(client.authentication.secret_hashes) < MAX_SECRETS:
        description = f"client {client.id} has only one secret: there is no old one to drop"
        return Refused("conflict", description, "secret_only_one")
    return _with_secrets(client, client.authentication.secret_hashes[:1])


def _choose(group: Group, **chosen: Any) -> Group:
    """A group of a client's fields with what was chosen; None: as it is."""
    return replace(group, **{name: value for name, value in chosen.items() if value is not None})  # type: ignore[type-var]


def _with_secrets(client: Client, hashes: tuple[Digest, ...]) -> Client:
    return replace(client, authentication=replace(client.authentication, secret_hashes=hashes))


def _without_secret(client: Client) -> Refused:
    return Refused("conflict", f"client {client.id} is public: it has no secret", "client_public")
