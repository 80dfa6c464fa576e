"""What a client may be (RFC 7591 section 2), whoever adds or changes it.

An operator may give power over people and over other clients. A registrant may be anybody: what they ask for, a person
can be asked about, and what an operator gave them stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import urlsplit

from authsvc.records import frozen
from authsvc.rules.authorize.redirect import origin_problem, registration_problem
from authsvc.rules.client_record import Client, flat_of
from authsvc.rules.clients import code_requests, limits
from authsvc.rules.clients.client_name import name_problem
from authsvc.rules.clients.fapi2 import judge_profile
from authsvc.rules.clients.powers import asks_about, given
from authsvc.rules.clients.sector import judge_sector_identifier_uri, sector_of
from authsvc.rules.clients.tls_authentication import tls_problems
from authsvc.rules.clients.trusted_devices import trusted_device_problem
from authsvc.rules.device.codes import GRANT_TYPE as DEVICE_CODE
from authsvc.rules.discovery import ALL_AUTH_METHODS, GRANT_TYPES, SCOPES
from authsvc.rules.levels import LADDER, PASSWORD_ACR
from authsvc.rules.people.person import role_problem
from authsvc.rules.readable_text import hides_nothing, is_readable, one_line
from authsvc.rules.refused import Refused
from authsvc.rules.scope import parse_scope

Who = Literal["operator", "registrant"]

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant type
REGISTRANT_GRANT_TYPES = ("authorization_code", "refresh_token", DEVICE_CODE)
"""Those in which a person decides. client_credentials and token exchange are for clients that an operator adds."""
_ID = re.compile(rf"[A-Za-z0-9._~-]{{1,{limits.MAX_ID}}}").fullmatch
_HOST = re.compile(r"[a-z0-9.-]{1,253}").fullmatch
_WORDS = {
    "kind": ("public", "confidential"),
    "application_type": ("web", "native"),
    "subject_type": ("public", "pairwise"),
    "pkce": limits.PKCE,
    "assertion_audience": limits.ASSERTION_AUDIENCES,
    "access_token_typ": limits.ACCESS_TOKEN_TYPES,
    "token_endpoint_auth_method": ALL_AUTH_METHODS,
}


@frozen
class Service:
    """What of the service bears on its clients. `algorithms`: what tokens may be signed with. `loopback`: development,
    where plain http on this machine will do. `may_ask`: whether the service may ask an address. `taken_names`: the
    brand's and those of clients that an operator added. `tls_methods`: of authentication by a certificate."""

    algorithms: Sequence[str]
    loopback: bool
    may_ask: Callable[[str], bool]
    taken_names: Sequence[str] = ()
    tls_methods: Sequence[str] = ()


_NO_SERVICE = Service((), loopback=False, may_ask=lambda _: False)  # for rules that ask nothing of it


@frozen
class _Case:
    client: Client
    who: Who
    service: Service
    had: Client

    @property
    def by_registrant(self) -> bool:
        return self.who == "registrant"

    def refused(
        self, description: str, reason: str, *, operator: str | None = None, error: str = "invalid_client_metadata"
    ) -> Refused:
        """`operator`: what only an operator is told; `description` repeats nothing that was sent (RFC 6749 5.2)."""
        return Refused(error, description if self.by_registrant else operator or description, reason)


_Rule = Callable[[_Case], Iterator[Refused]]
"""Yields what is wrong, of which the first is said."""


def judge_client(client: Client, who: Who, service: Service, known: Client | None = None) -> Client | Refused:
    """The client as it may be stored: its name on one line, with the sector that it did not name. `known`: as it is
    registered now.

    Keys in `jwks` are judged by `jose.client_jwks`, the document at a `sector_identifier_uri` by `sector`.
    """
    client = replace(client, name=one_line(client.name))
    case = _Case(client, who, service, known or Client(id=client.id, name="", kind=client.kind))
    for rule in (*_EVERYBODYS, *(_REGISTRANTS if case.by_registrant else _OPERATORS)):
        for refused in rule(case):
            return refused
    if client.login.subject_type != "pairwise" or client.login.sector:
        return client
    sector = sector_of(client)
    if sector is None:
        return case.refused(
            "The redirect URIs of a pairwise client have one host.",
            "sector_several_hosts",
            operator="redirect URIs with several hosts: the sector must say which one subjects are made for",
        )
    return replace(client, login=replace(client.login, sector=sector))


def judge_redirect_uris(uris: Sequence[str], client: Client, who: Who, service: Service) -> Refused | None:
    """Whether a client may have these redirect URIs."""
    return next(_redirects(_Case(client, who, service, client), "redirect_uris", uris), None)


def judge_origins(origins: Sequence[str], client: Client, who: Who, service: Service) -> Refused | None:
    """Whether pages of these origins may be a client's."""
    return next(_origins(_Case(client, who, service, client), origins), None)


def judge_algorithms(client: Client, who: Who, service: Service, known: Client) -> Refused | None:
    """Whether there are, or will be, keys for a client's tokens."""
    return next(_algorithms(_Case(client, who, service, known)), None)


def judge_audiences(client: Client, known: Client) -> Refused | None:
    """Whether tokens of a client may be for these audiences."""
    return next(_audiences(_Case(client, "operator", _NO_SERVICE, known)), None)


def judge_authentication(client: Client, service: Service, known: Client) -> Refused | None:
    """Whether a client may prove itself like this."""
    return next(_authentication(_Case(client, "operator", service, known)), None)


def judge_login(client: Client, known: Client) -> Refused | None:
    """Whether people may log in at a client like this."""
    return next(_login(_Case(client, "operator", _NO_SERVICE, known)), None)


def judge_seconds(client: Client) -> Refused | None:
    """Whether the lifetimes of a client are within their limits."""
    return next(_seconds(_Case(client, "operator", _NO_SERVICE, client)), None)


# What holds for everybody.


def _words(case: _Case) -> Iterator[Refused]:
    flat = flat_of(case.client)
    if not _ID(case.client.id) and not (case.by_registrant and case.client.by_document):
        yield case.refused(f"an ID has 1 to {limits.MAX_ID} letters, digits, and . _ ~ -", "client_id")
    for name, words in _WORDS.items():
        if flat[name] is not None and flat[name] not in words:
            yield case.refused(f"The {name} must be one of {', '.join(words)}.", name)


def _grants(case: _Case) -> Iterator[Refused]:
    grants, had = case.client.grant_types, case.had.grant_types
    allowed = REGISTRANT_GRANT_TYPES if case.by_registrant else GRANT_TYPES
    if not grants <= {*allowed, *had} or (case.by_registrant and not grants):
        yield case.refused(f"A client may register these grant types: {', '.join(allowed)}.", "grant_types")
    if case.by_registrant and "refresh_token" in grants and grants.isdisjoint({"authorization_code", DEVICE_CODE}):
        yield case.refused("The grant type refresh_token needs another one to begin with.", "grant_types_refresh_alone")


def _code_redirects(case: _Case) -> Iterator[Refused]:
    yield from _redirects(case, "redirect_uris", case.client.login.redirect_uris)
    if "authorization_code" in case.client.grant_types and not case.client.login.redirect_uris:
        yield case.refused(
            "A client that asks for codes needs redirect_uris.", "redirect_uris_missing", error="invalid_redirect_uri"
        )


def _logout_redirects(case: _Case) -> Iterator[Refused]:
    return _redirects(case, "post_logout_redirect_uris", case.client.logout.post_logout_redirect_uris)


def _redirects(case: _Case, name: str, uris: Sequence[str]) -> Iterator[Refused]:
    schemes = ("https", "http") if case.service.loopback else ("https",)
    called = {"redirect_uris": "the redirect URI", "post_logout_redirect_uris": "the post-logout redirect URI"}[name]
    for uri in uris:
        problem = registration_problem(uri, dotless=not case.by_registrant)
        web = case.by_registrant and case.client.login.application_type == "web"
        if problem is None and web and urlsplit(uri).scheme not in schemes:
            problem = "must be https, unless the application_type is native"
        if problem is not None:
            yield case.refused(
                f"One of the {name} {problem}.",
                f"{name}_refused",
                operator=f"{called} {uri[:200]} {problem}",
                error="invalid_redirect_uri" if name == "redirect_uris" else "invalid_client_metadata",
            )


def _origins(case: _Case, origins: Sequence[str]) -> Iterator[Refused]:
    for origin in origins:
        if problem := origin_problem(origin):
            yield case.refused(
                f"One of the origins {problem}.", "origins_refused", operator=f"the origin {origin[:200]} {problem}"
            )


def _authentication(case: _Case) -> Iterator[Refused]:
    client, it = case.client, case.client.authentication
    method, name = it.token_endpoint_auth_method, "token_endpoint_auth_method"
    if method is not None and (method == "none") == client.confidential:
        yield case.refused(
            f"The {name} is for confidential clients: a public one has nothing to prove itself with.", name
        )
    if it.jwks is not None and it.jwks_uri is not None:
        yield case.refused("Send jwks or jwks_uri, not both.", "jwks_and_jwks_uri")
    for told, reason, operator in tls_problems(client, case.had, case.service.tls_methods):
        yield case.refused(told, reason, operator=operator)
    has_keys = it.jwks is not None or it.jwks_uri is not None
    if method == "private_key_jwt" and not has_keys:
        yield case.refused("private_key_jwt needs jwks or jwks_uri.", "jwks_missing")
    if not client.confidential and (has_keys or it.secret_hashes):
        yield case.refused(
            "A client without authentication has no keys.",
            "jwks_of_public_client",
            operator="a public client has neither secret nor keys: make it confidential",
        )
    if len(it.secret_hashes) > limits.MAX_SECRETS or any(len(digest) != 32 for digest in it.secret_hashes):
        yield case.refused(f"A client has at most {limits.MAX_SECRETS} secrets, each as its SHA-256.", "secret_hashes")


def _public(case: _Case) -> Iterator[Refused]:
    if case.client.confidential:
        return
    for grant in ("client_credentials", TOKEN_EXCHANGE):
        if grant in case.client.grant_types:
            yield case.refused(
                "These grant types need a client that authenticates.",
                "grant_types_of_public_client",
                operator=f"{grant} is for confidential clients: a public one has nothing to prove itself with",
            )
    if case.client.introspection:
        yield case.refused(
            "The introspection is for confidential clients: anybody could ask in a public one's name.", "introspection"
        )


def _code_requests(case: _Case) -> Iterator[Refused]:
    yield from code_requests.judge_code_requests(case.client)


def _links(case: _Case) -> Iterator[Refused]:
    for name in ("client_uri", "policy_uri", "tos_uri"):
        uri = getattr(case.client.links, name)
        if uri is not None and (registration_problem(uri) or urlsplit(uri).scheme != "https"):
            yield case.refused(f"The {name} must be an https address.", name)


def _asked(case: _Case) -> Iterator[Refused]:
    """Addresses that the service itself asks."""
    schemes = ("https", "http") if case.service.loopback else ("https",)
    for name, uri in (
        ("jwks_uri", case.client.authentication.jwks_uri),
        ("sector_identifier_uri", case.client.login.sector_identifier_uri),
        ("backchannel_logout_uri", case.client.logout.backchannel_logout_uri),
    ):
        if uri is None:
            continue
        told = f"The {name} must be an https address that is public (or AUTHSVC_OUTGOING_PRIVATE is on)"
        if registration_problem(uri) or urlsplit(uri).scheme not in schemes:
            yield case.refused(f"The {name} must be an https address.", name, operator=told)
        if not case.service.may_ask(uri):
            yield case.refused(f"The {name} must be a public https address.", name, operator=told)


def _algorithms(case: _Case) -> Iterator[Refused]:
    for name in ("id_token_signed_response_alg", "access_token_signed_response_alg"):
        alg, words = getattr(case.client.tokens, name), tuple(case.service.algorithms)
        if case.by_registrant:
            words = tuple(dict.fromkeys((*words, getattr(case.had.tokens, name))))
        if alg not in words:
            yield case.refused(
                f"The {name} must be one of {', '.join(words)}.",
                name,
                operator=f"the key policy has no {alg}, but {', '.join(words)}: add it to `algorithms` "
                "(keys/README.md)",
            )


def _name(case: _Case) -> Iterator[Refused]:
    """What people read when they are asked for consent: one line without signs that turn it. A registrant's hides
    nothing, and is nobody else's (`client_name`); one that it has already, it may keep."""
    name = case.client.name
    odd = case.by_registrant and (not {"<", ">"}.isdisjoint(name) or not hides_nothing(name))
    if not 1 <= len(name) <= limits.MAX_NAME or not is_readable(name) or odd:
        yield case.refused(
            f"The client_name must be 1 to {limits.MAX_NAME} characters, without controls and changes of direction.",
            "client_name",
        )
    if case.by_registrant and name != case.had.name and (problem := name_problem(name, case.service.taken_names)):
        yield case.refused(*problem)


def _scopes(case: _Case) -> Iterator[Refused]:
    scopes = case.client.tokens.scopes
    for scope in scopes:
        if parse_scope(scope) != (scope,):
            operator = f"{scope[:80]!r} is not a scope: one word of visible ASCII, without quotes and backslashes"
            yield case.refused("The scope holds what is no word.", "scope", operator=operator)
    if not case.by_registrant:
        return
    allowed = registrant_scopes(case.client.grant_types)
    if not scopes or not set(scopes) <= {*allowed, *case.had.tokens.scopes} - (set(SCOPES) - set(allowed)):
        yield case.refused(f"The scope may have these words: {' '.join(allowed)}.", "scope")


def registrant_scopes(grant_types: frozenset[str]) -> tuple[str, ...]:
    """The scopes that a registrant may have, and has where none is named."""
    return tuple(scope for scope in SCOPES if scope != "offline_access" or "refresh_token" in grant_types)


def _sector(case: _Case) -> Iterator[Refused]:
    sector = case.client.login.sector
    if sector and case.client.login.subject_type != "pairwise":
        yield case.refused("The sector is for pairwise clients.", "sector")
    if sector and not _HOST(sector):
        yield case.refused("The sector is a host name in small letters, such as shop.example.com.", "sector")
    if refused := judge_sector_identifier_uri(case.client, by_registrant=case.by_registrant):
        yield refused


def _powers(case: _Case) -> Iterator[Refused]:
    """Neither does a registrant give themselves a right, nor shake off a restriction."""
    if given(case.client) != given(case.had) or asks_about(case.client) > asks_about(case.had):
        yield case.refused("That is for the operator to give.", "operators_alone")


def _tokens_of_others(case: _Case) -> Iterator[Refused]:
    client, exchanges = case.client, TOKEN_EXCHANGE in case.client.grant_types
    if exchanges and not client.exchange.audiences:
        yield case.refused("token_exchange needs exchange_audiences: for whom the new tokens may be.", "exchange")
    if not exchanges and (client.exchange.audiences or client.exchange.subjects):
        yield case.refused(
            "exchange_audiences and exchange_subjects are for the grant type token_exchange.", "exchange"
        )
    if case.client.introspection_all and not case.client.introspection:
        yield case.refused("The introspection_all is for clients with introspection.", "introspection_all")


def _pages_and_profile(case: _Case) -> Iterator[Refused]:
    yield from _origins(case, case.client.login.origins)
    if refused := judge_profile(case.client):
        yield refused


def _audiences(case: _Case) -> Iterator[Refused]:
    client = case.client
    for audience in (*client.tokens.audiences, *client.exchange.audiences, *client.exchange.subjects):
        if not audience or not audience.isprintable() or " " in audience or len(audience) > limits.MAX_AUDIENCE:
            yield case.refused(f"{audience[:80]!r} is not an audience", "audience")


def _login(case: _Case) -> Iterator[Refused]:
    yield from _code_requests(case)
    login = case.client.login
    for name, role in (("required_role", login.required_role), ("registration_role", login.registration_role)):
        if role is not None and (problem := role_problem(role)):
            yield case.refused(problem, name)
    acr = login.required_acr
    if acr is not None and acr not in LADDER:
        yield case.refused(f"The required_acr must be one of {', '.join(LADDER)}.", "required_acr")
    if login.mail_code_login and acr not in (None, PASSWORD_ACR):
        yield case.refused(
            "A mail_code_login never reaches the required_acr: no login could be made.", "mail_code_login"
        )
    if problem := trusted_device_problem(login):
        yield case.refused(problem, "trusted_device_days")


def _seconds(case: _Case) -> Iterator[Refused]:
    flat = flat_of(case.client)
    for name, (least, most) in limits.SECONDS.items():
        if flat[name] is not None and not least <= flat[name] <= most:
            yield case.refused(f"The {name} must be from {least} to {most}.", name)


_EVERYBODYS: tuple[_Rule, ...] = (
    _words,
    _grants,
    _code_redirects,
    _authentication,
    _public,
    _code_requests,
    _links,
    _asked,
    _algorithms,
    _name,
    _scopes,
    _sector,
    _logout_redirects,
)
_REGISTRANTS: tuple[_Rule, ...] = (_powers,)
_OPERATORS: tuple[_Rule, ...] = (_login, _pages_and_profile, _tokens_of_others, _audiences, _seconds)
