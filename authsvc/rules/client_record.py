"""A registered client (RFC 7591 section 2), as the store hands it to rules and flows: frozen groups of what it may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields, is_dataclass, replace
from typing import Any

from authsvc.records import frozen

Digest = bytes
"""SHA-256 of a secret. The secret itself is never stored."""

MAX_DOCUMENT_URL = 256
"""Characters of a client_id that is the address of a document; all others have fewer."""
FAPI2 = "fapi2"
PROFILES = ("none", FAPI2)
"""Of clients, and of a whole service: FAPI 2.0 is in `rules/clients/fapi2`."""
DEFAULT_ALG = "RS256"
"""What a client's tokens are signed with that named no algorithm (OpenID Connect Registration section 2)."""


@frozen
class Authentication:
    """How a client proves itself. `token_endpoint_auth_method`: the only way, None: by whatever it has.
    `registration_hash`: of the token that manages its registration (RFC 7592), None: an operator added it. `stranger`:
    nobody let it in, it registered without a token or is what its document says.
    `assertion_audience`: for whom its assertions may be: `issuer`, or `token-endpoint`, too. `tls_client_auth_...`:
    what its certificate must say, one of them for the method tls_client_auth (RFC 8705 section 2.1.2)."""

    secret_hashes: tuple[Digest, ...] = field(repr=False, default=())
    jwks: Mapping[str, Any] | None = field(repr=False, default=None)
    jwks_uri: str | None = None
    token_endpoint_auth_method: str | None = None
    assertion_audience: str = "issuer"
    assertion_seconds: int | None = None
    registration_hash: Digest | None = field(repr=False, default=None)
    stranger: bool = False
    tls_client_auth_subject_dn: str | None = None
    tls_client_auth_san_dns: str | None = None
    tls_client_auth_san_uri: str | None = None
    tls_client_auth_san_ip: str | None = None
    tls_client_auth_san_email: str | None = None


@frozen
class Login:
    """How people log in at a client, for how long, and as whom it knows them. `origins`: of pages of the client that no
    redirect URI names; `sector`: whose subjects a pairwise client shares; '': nobody's; `required_acr`: the rung of
    `rules/levels` that they must stand on, None: any; `registration_role`: given to those who register here,
    None: none is. `trusted_device_days`: for how long people may trust a device, on which their login here needs no
    second step, 0: they may not. `sector_identifier_uri`: the document that lists the redirect URIs of the sector,
    whose host is its name (OpenID Connect Core section 8.1); None: there is none. `mail_code_login`: people may log in
    by a mailed code. `pkce`: whether its requests for codes must carry a code_challenge (RFC 7636): `required`, `nonce`
    (or the nonce of an OpenID request, RFC 9700 section 2.1.1), `optional`. `require_signed_request_object`: they must
    be signed by its keys (RFC 9101), and so be pushed."""

    application_type: str = "web"
    redirect_uris: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    require_pushed_authorization_requests: bool = False
    require_signed_request_object: bool = False
    pkce: str = "required"
    required_role: str | None = None
    required_acr: str | None = None
    registration_role: str | None = None
    mail_code_login: bool = False
    trusted_device_days: int = 0
    remember_me_allowed: bool = True
    session_seconds: int | None = None
    remember_me_seconds: int | None = None
    subject_type: str = "public"
    sector: str = ""
    sector_identifier_uri: str | None = None


@frozen
class Tokens:
    """What a client's tokens may say, and what they are like.

    `id_token_signed_response_alg`: of ID tokens and logout tokens (OpenID Connect Registration section 2);
    `access_token_signed_response_alg`: ours, of access tokens. A key of exactly this algorithm signs, or none.
    `id_token_claims`: ID tokens say what the scopes open of the person; `id_token_on_refresh`: a refresh brings one
    (OpenID Connect Core section 12.2); `id_token_seconds`: how long one is good. `claim_aliases`: what the client
    is told of a person stands under a second name, too (`rules/token/id_token.ALIASES`). `access_token_typ`: the
    `typ` of its access tokens: `at+jwt` (RFC 9068 section 2.1), or `JWT` for services that know no other.
    `refresh_without_offline_access`: the grant type refresh_token is enough for a refresh token, also where the person
    was asked for no `offline_access`.
    """

    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    access_token_seconds: int | None = None
    refresh_grace_seconds: int | None = None
    refresh_lost_answer_seconds: int | None = None
    id_token_signed_response_alg: str = DEFAULT_ALG
    access_token_signed_response_alg: str = DEFAULT_ALG
    access_token_typ: str = "at+jwt"  # noqa: S105 - a media type
    id_token_claims: bool = False
    id_token_on_refresh: bool = False
    id_token_seconds: int | None = None
    refresh_without_offline_access: bool = False
    claim_aliases: bool = False
    dpop_bound_access_tokens: bool = False
    tls_client_certificate_bound_access_tokens: bool = False
    status_list: bool = False


@frozen
class Exchange:
    """For whom a client may exchange tokens (RFC 8693), and what it is called, beside its id, in those that it may."""

    audiences: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


@frozen
class Logout:
    """Where people may go from /logout, and where the client is told of the end of sessions."""

    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None


@frozen
class Links:
    """What people can read about a client."""

    client_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None


@frozen
class Client:
    """A registered client (RFC 7591 section 2) and what it may do. `kind`: public or confidential. `introspection`: it
    may ask about tokens that are meant for it, with `introspection_all` about all. `profile`: what it keeps to, of
    `PROFILES`. `None` seconds, anywhere in it, mean the service's default."""

    id: str
    name: str
    kind: str
    grant_types: frozenset[str] = frozenset()
    first_party: bool = False
    introspection: bool = False
    introspection_all: bool = False
    profile: str = "none"
    authentication: Authentication = Authentication()
    login: Login = Login()
    tokens: Tokens = Tokens()
    exchange: Exchange = Exchange()
    logout: Logout = Logout()
    links: Links = Links()

    @property
    def confidential(self) -> bool:
        return self.kind == "confidential"

    @property
    def stranger(self) -> bool:
        return self.authentication.stranger

    @property
    def by_document(self) -> bool:
        """Whether nobody registered it: it is what the document at its id says (`rules/clients/client_document`)."""
        return names_document(self.id)

    def misses_role(self, roles: Sequence[str]) -> bool:
        """Whether somebody with these roles lacks the one that this client wants of its people."""
        return self.login.required_role is not None and self.login.required_role not in roles


def in_profile(client: Client, of_service: str) -> Client:
    """A client with all that its profile, or that of the service, turns on: nothing that a request leaves away, and no
    policy of the client, is a way around it."""
    if FAPI2 not in (client.profile, of_service):
        return client
    tokens = client.tokens
    return replace(
        client,
        profile=FAPI2,
        login=replace(client.login, require_pushed_authorization_requests=True, pkce="required"),
        tokens=replace(tokens, dpop_bound_access_tokens=not tokens.tls_client_certificate_bound_access_tokens),
        authentication=replace(client.authentication, assertion_audience="issuer"),
    )


def names_document(client_id: str) -> bool:
    """Whether a client_id is an address. No registered client has a colon in its own."""
    return client_id.startswith(("https://", "http://"))


_GROUPS: dict[str, Any] = {item.name: type(item.default) for item in fields(Client) if is_dataclass(item.default)}
_FLAT = {item.name: ("", item.name) for item in fields(Client) if item.name not in _GROUPS} | {
    ("exchange_" if group == "exchange" else "") + item.name: (group, item.name)
    for group, kind in _GROUPS.items()
    for item in fields(kind)
}
"""Name without groups -> (group, field); the group is '' for what is in none."""


def flat_of(client: Client) -> dict[str, Any]:
    """All fields of a client, without groups: by the names of its columns, which RFC 7591 calls so too."""
    return {name: getattr(getattr(client, group) if group else client, inner) for name, (group, inner) in _FLAT.items()}


def from_flat(values: Mapping[str, Any]) -> Client:
    """The client of these values (`flat_of`): every one of them is needed."""
    groups: dict[str, dict[str, Any]] = {name: {} for name in ("", *_GROUPS)}
    for name, (group, inner) in _FLAT.items():
        groups[group][inner] = values[name]
    return Client(**groups[""], **{name: kind(**groups[name]) for name, kind in _GROUPS.items()})
