"""What is wrong with a client that an operator is about to add, in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from authsvc.cli.clients.add_client import SHORT
from authsvc.cli.console import inert
from authsvc.rules.clients.redirect_uri import registration_problem
from authsvc.rules.people.person import role_problem
from authsvc.rules.records import Client
from authsvc.rules.scope import parse_scope

_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}").fullmatch
_HOST = re.compile(r"[a-z0-9.-]{1,253}").fullmatch


def problem_of(client: Client) -> str | None:
    """The first thing that is wrong, for people."""
    for rule in (_names, _public, _proof, _grants, _uris, _words):
        for problem in rule(client):
            return problem
    return None


def _names(client: Client) -> Iterator[str]:
    if not _ID(client.id):
        yield "an ID has 1 to 128 letters, digits, and . _ ~ -"
    if not client.name.isprintable() or len(client.name) > 100:
        yield "--name has at most 100 printable characters"
    if client.required_role is not None and (problem := role_problem(client.required_role)):
        yield problem
    if client.sector and not _HOST(client.sector):
        yield "--sector is a host name in small letters, such as shop.example.com"


def _public(client: Client) -> Iterator[str]:
    if client.confidential:
        return
    if client.introspection:
        yield "--introspection is for confidential clients: anybody could ask in a public one's name"
    for word in ("client_credentials", "token_exchange"):
        if SHORT.get(word, word) in client.grant_types:
            yield f"{word} is for confidential clients: a public one has nothing to prove itself with"
    if client.token_endpoint_auth_method:
        yield "--auth-method is for confidential clients: a public one has nothing to prove itself with"


def _proof(client: Client) -> Iterator[str]:
    if client.jwks and client.jwks_uri:
        yield "give either --jwks or --jwks-uri, not both"
    by_keys = client.token_endpoint_auth_method == "private_key_jwt"  # noqa: S105 - the name of a method
    if by_keys and not (client.jwks or client.jwks_uri):
        yield "--auth-method private_key_jwt needs --jwks or --jwks-uri"


def _grants(client: Client) -> Iterator[str]:
    if "authorization_code" in client.grant_types and not client.redirect_uris:
        yield "authorization_code needs a --redirect-uri to send the code to"
    exchanges = SHORT["token_exchange"] in client.grant_types
    if exchanges and not client.exchange_audiences:
        yield "token_exchange needs an --exchange-audience: for whom the new tokens may be"
    if not exchanges and (client.exchange_audiences or client.exchange_subjects):
        yield "--exchange-audience and --exchange-subject are for --grant-type token_exchange"


def _uris(client: Client) -> Iterator[str]:
    for words, uris in (
        ("the redirect URI", client.redirect_uris),
        ("the post-logout redirect URI", client.post_logout_redirect_uris),
    ):
        for uri in uris:
            if problem := registration_problem(uri):
                yield f"{words} {inert(uri)[:200]} {problem}"
    for option, link in (
        ("--client-uri", client.client_uri), ("--policy-uri", client.policy_uri), ("--tos-uri", client.tos_uri),
    ):  # fmt: skip
        if link is not None and (registration_problem(link) or urlsplit(link).scheme != "https"):
            yield f"{option} must be an https address"


def _words(client: Client) -> Iterator[str]:
    for scope in client.scopes:
        if parse_scope(scope) != (scope,):
            yield f"{inert(scope)[:80]!r} is not a scope: one word of visible ASCII, without quotes and backslashes"
    for audience in (*client.audiences, *client.exchange_audiences, *client.exchange_subjects):
        if not audience or not audience.isprintable() or " " in audience or len(audience) > 2000:
            yield f"{inert(audience)[:80]!r} is not an audience"
