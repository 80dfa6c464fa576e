"""Client metadata (RFC 7591 section 2, OpenID Connect Registration section 2): what a client may say of itself, and
what is answered of it. Power over people or other clients is the operator's to give, and no metadata gives it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from authsvc.rules.clients.redirect_uri import registration_problem
from authsvc.rules.discovery import CLIENT_AUTH_METHODS, SCOPES
from authsvc.rules.records import DEFAULT_ALG, Client, Digest
from authsvc.rules.scope import parse_scope

MAX_URIS = 20
MAX_NAME = 100
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_TYPES = ("authorization_code", "refresh_token", DEVICE_CODE)
"""Those in which a person decides. client_credentials and token exchange are for clients that an operator adds."""
SECRET_METHODS = ("client_secret_basic", "client_secret_post")

_LINKS = ("client_uri", "policy_uri", "tos_uri")
_ASKED = ("jwks_uri", "backchannel_logout_uri")
# What we do in one way only: a client that counts on another way is told so, rather than registered for this one.
_FIXED = {"introspection_signed_response_alg": DEFAULT_ALG}
_ALGS = ("id_token_signed_response_alg", "access_token_signed_response_alg")
_MISSING = (
    "sector_identifier_uri", "userinfo_signed_response_alg", "id_token_encrypted_response_alg",
    "userinfo_encrypted_response_alg", "introspection_encrypted_response_alg", "request_object_encryption_alg",
    "authorization_signed_response_alg", "authorization_encrypted_response_alg", "require_signed_request_object",
    "tls_client_certificate_bound_access_tokens",
)  # fmt: skip
# RFC 7592 section 2.2: what only we write.
_OURS = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")
_SPOOFED = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")


@dataclass(frozen=True, slots=True)
class Refused:
    """An error of RFC 7591 section 3.2.2; `description` is for the developer, and repeats nothing that was sent."""

    error: str
    description: str
    reason: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a client may be registered with. `jwks` is as it was sent: `jose` judges it."""

    name: str | None
    application_type: str
    redirect_uris: tuple[str, ...]
    grant_types: frozenset[str]
    method: str
    scopes: tuple[str, ...]
    subject_type: str
    sector: str
    post_logout_redirect_uris: tuple[str, ...]
    require_pushed_authorization_requests: bool
    dpop_bound_access_tokens: bool
    id_token_signed_response_alg: str
    access_token_signed_response_alg: str
    jwks: object = field(repr=False, default=None)
    uris: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_secret(self) -> bool:
        return self.method in SECRET_METHODS


def judge_metadata(
    members: Mapping[str, Any],
    *,
    loopback: bool,
    algorithms: Sequence[str] = (DEFAULT_ALG,),
    known: Client | None = None,
) -> Metadata | Refused:
    """Judge what a client sent. Null is as if omitted (RFC 7592 section 2.2), unknown members are ignored.

    `loopback`: development, where a web application may be on this machine, by plain http. `algorithms`: what tokens
    may be signed with. `known`: the client as it is registered now; the scopes, grant types and algorithms that an
    operator gave it since it may keep.
    """
    said = {name: value for name, value in members.items() if value is not None}
    try:
        return _read(said, loopback, tuple(algorithms), known)
    except _Wrong as wrong:
        return wrong.refused


def judge_change(members: Mapping[str, Any], client: Client) -> Refused | None:
    """RFC 7592 section 2.2: the client names itself, and nothing that only we write. Its secret is judged elsewhere."""
    if members.get("client_id") != client.id:
        return Refused("invalid_client_metadata", "The client_id is not that of this registration.", "client_id_other")
    for name in _OURS:
        if name in members:
            return Refused("invalid_client_metadata", f"The member {name} cannot be changed.", f"{name}_sent")
    return None


def new_client(client_id: str, registration_hash: Digest) -> Client:
    """Nobody's own, without any right."""
    return Client(id=client_id, name=client_id, kind="public", registration_hash=registration_hash)


def client_of(
    known: Client, metadata: Metadata, *, jwks: Mapping[str, Any] | None, secret_hashes: tuple[Digest, ...]
) -> Client:
    """`known` with other metadata. What is none (roles, lifetimes, rights) stays as the operator has it."""
    public = metadata.method == "none"
    return replace(
        known,
        name=metadata.name or known.id,
        kind="public" if public else "confidential",
        introspection=known.introspection and not public,
        secret_hashes=secret_hashes,
        redirect_uris=metadata.redirect_uris,
        grant_types=metadata.grant_types,
        scopes=metadata.scopes,
        jwks=jwks,
        application_type=metadata.application_type,
        post_logout_redirect_uris=metadata.post_logout_redirect_uris,
        subject_type=metadata.subject_type,
        sector=metadata.sector,
        require_pushed_authorization_requests=metadata.require_pushed_authorization_requests,
        dpop_bound_access_tokens=metadata.dpop_bound_access_tokens,
        id_token_signed_response_alg=metadata.id_token_signed_response_alg,
        access_token_signed_response_alg=metadata.access_token_signed_response_alg,
        token_endpoint_auth_method=metadata.method,
        jwks_uri=metadata.uris.get("jwks_uri"),
        backchannel_logout_uri=metadata.uris.get("backchannel_logout_uri"),
        client_uri=metadata.uris.get("client_uri"),
        policy_uri=metadata.uris.get("policy_uri"),
        tos_uri=metadata.uris.get("tos_uri"),
    )


def metadata_of(client: Client) -> dict[str, Any]:
    """What is registered, in the words of RFC 7591 section 3.2.1: also what was defaulted, without secrets."""
    answer: dict[str, Any] = {
        "client_name": client.name,
        "application_type": client.application_type,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": sorted(client.grant_types),
        "response_types": ["code"] if "authorization_code" in client.grant_types else [],
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "scope": " ".join(client.scopes),
        "subject_type": client.subject_type,
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "access_token_signed_response_alg": client.access_token_signed_response_alg,
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "require_pushed_authorization_requests": client.require_pushed_authorization_requests,
        "dpop_bound_access_tokens": client.dpop_bound_access_tokens,
    }
    if client.jwks is not None:
        answer["jwks"] = dict(client.jwks)
    if client.backchannel_logout_uri is not None:
        answer["backchannel_logout_session_required"] = True
    return answer | {name: value for name in (*_LINKS, *_ASKED) if (value := getattr(client, name)) is not None}


def sector_of(redirect_uris: tuple[str, ...]) -> str | None:
    """OpenID Connect Core section 8.1: the one host of all redirect URIs; None: there are several. Loopback and private
    schemes are nobody's in particular, so such a client is a sector of its own ('')."""
    hosts = {urlsplit(uri).hostname or "" if urlsplit(uri).scheme == "https" else "" for uri in redirect_uris}
    return None if len(hosts) > 1 else next(iter(hosts), "")


class _Wrong(Exception):
    def __init__(self, description: str, reason: str, error: str = "invalid_client_metadata") -> None:
        super().__init__(reason)
        self.refused = Refused(error, description, reason)


def _read(said: Mapping[str, Any], loopback: bool, algorithms: tuple[str, ...], known: Client | None) -> Metadata:
    if "software_statement" in said:
        raise _Wrong("No software statement is approved here.", "software_statement", "unapproved_software_statement")
    _ways(said)
    application_type = _one_of(said, "application_type", ("web", "native"), "web")
    grant_types = _grant_types(said, known.grant_types if known else frozenset())
    redirect_uris = _redirect_uris(said, "redirect_uris", application_type, loopback)
    if "authorization_code" in grant_types and not redirect_uris:
        raise _Wrong("A client that asks for codes needs redirect_uris.", "redirect_uris_missing", _REDIRECT)
    method = _one_of(said, "token_endpoint_auth_method", CLIENT_AUTH_METHODS, "client_secret_basic")
    _keys(said, method)
    if method == "none" and not grant_types <= set(GRANT_TYPES):
        raise _Wrong("These grant types need a client that authenticates.", "grant_types_of_public_client")
    subject_type = _one_of(said, "subject_type", ("public", "pairwise"), "public")
    links = {name: _link(said, name, plain=False) for name in _LINKS if name in said}
    asked = {name: _link(said, name, plain=loopback) for name in _ASKED if name in said}
    id_token_alg, access_token_alg = (
        _one_of(said, name, _with(algorithms, getattr(known, name, DEFAULT_ALG)), DEFAULT_ALG) for name in _ALGS
    )
    return Metadata(
        name=_name(said),
        application_type=application_type,
        redirect_uris=redirect_uris,
        grant_types=grant_types,
        method=method,
        scopes=_scopes(said, grant_types, known.scopes if known else ()),
        subject_type=subject_type,
        sector=_sector(redirect_uris) if subject_type == "pairwise" else "",
        post_logout_redirect_uris=_redirect_uris(said, "post_logout_redirect_uris", application_type, loopback),
        require_pushed_authorization_requests=_flag(said, "require_pushed_authorization_requests"),
        dpop_bound_access_tokens=_flag(said, "dpop_bound_access_tokens"),
        id_token_signed_response_alg=id_token_alg,
        access_token_signed_response_alg=access_token_alg,
        jwks=said.get("jwks"),
        uris=links | asked,
    )


_REDIRECT = "invalid_redirect_uri"


def _ways(said: Mapping[str, Any]) -> None:
    for name, value in _FIXED.items():
        if said.get(name, value) != value:
            raise _Wrong(f"The only {name} is {value}.", f"{name}_unsupported")
    for name in _MISSING:
        if said.get(name, False) is not False:
            raise _Wrong(f"The member {name} is not supported.", f"{name}_unsupported")


def _grant_types(said: Mapping[str, Any], had: frozenset[str]) -> frozenset[str]:
    """RFC 7591 section 2.1: response types and grant types say the same."""
    grant_types = frozenset(_strings(said, "grant_types", ("authorization_code",)))
    if not grant_types or not grant_types <= {*GRANT_TYPES, *had}:
        raise _Wrong(f"A client may register these grant types: {', '.join(GRANT_TYPES)}.", "grant_types")
    code = "authorization_code" in grant_types
    if "refresh_token" in grant_types and not code and DEVICE_CODE not in grant_types:
        raise _Wrong("The grant type refresh_token needs another one to begin with.", "grant_types_refresh_alone")
    response_types = _strings(said, "response_types", ("code",) if code else ())
    if set(response_types) != ({"code"} if code else set()):
        raise _Wrong(
            "The response_types must be code with the grant type authorization_code, and none without it.",
            "response_types",
        )
    return grant_types


def _redirect_uris(said: Mapping[str, Any], name: str, application_type: str, loopback: bool) -> tuple[str, ...]:
    error = _REDIRECT if name == "redirect_uris" else "invalid_client_metadata"
    found = tuple(dict.fromkeys(_strings(said, name, (), error)))
    for uri in found:
        problem = registration_problem(uri)
        schemes = ("https", "http") if loopback else ("https",)
        if problem is None and application_type == "web" and urlsplit(uri).scheme not in schemes:
            problem = "must be https, unless the application_type is native"
        if problem is not None:
            raise _Wrong(f"One of the {name} {problem}.", f"{name}_refused", error)
    return found


def _keys(said: Mapping[str, Any], method: str) -> None:
    given = [name for name in ("jwks", "jwks_uri") if name in said]
    if len(given) == 2:
        raise _Wrong("Send jwks or jwks_uri, not both.", "jwks_and_jwks_uri")
    if method == "private_key_jwt" and not given:
        raise _Wrong("private_key_jwt needs jwks or jwks_uri.", "jwks_missing")
    if method == "none" and given:
        raise _Wrong("A client without authentication has no keys.", "jwks_of_public_client")


def _scopes(said: Mapping[str, Any], grant_types: frozenset[str], had: tuple[str, ...]) -> tuple[str, ...]:
    allowed = [scope for scope in SCOPES if scope != "offline_access" or "refresh_token" in grant_types]
    text = said.get("scope")
    scopes = tuple(allowed) if text is None else parse_scope(text) if isinstance(text, str) else None
    if not scopes or not set(scopes) <= {*allowed, *had} - (set(SCOPES) - set(allowed)):
        raise _Wrong(f"The scope may have these words: {' '.join(allowed)}.", "scope")
    return scopes


def _sector(redirect_uris: tuple[str, ...]) -> str:
    sector = sector_of(redirect_uris)
    if sector is None:
        raise _Wrong("The redirect URIs of a pairwise client have one host.", "sector_several_hosts")
    return sector


def _name(said: Mapping[str, Any]) -> str | None:
    """What people read when they are asked for consent: one line, without signs that turn or hide it, and without the
    letters of another script that look like those around them."""
    if "client_name" not in said:
        return None
    value = said["client_name"]
    name = unicodedata.normalize("NFC", " ".join(value.split())) if isinstance(value, str) else ""
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or not {"<", ">"}.isdisjoint(name):
        raise _Wrong(f"The client_name must be 1 to {MAX_NAME} printable characters.", "client_name")
    scripts = {unicodedata.name(char, "").partition(" ")[0] for char in name if char.isalpha()}
    if len(scripts & {"LATIN", *_SPOOFED}) > 1:
        raise _Wrong("The client_name mixes scripts that look alike.", "client_name_scripts")
    return name


def _link(said: Mapping[str, Any], name: str, *, plain: bool) -> str:
    """An https address. `plain`: http on loopback too."""
    value = said[name]
    if not isinstance(value, str) or registration_problem(value) or urlsplit(value).scheme not in ("https", "http"):
        raise _Wrong(f"The {name} must be an https address.", name)
    if urlsplit(value).scheme == "http" and not plain:
        raise _Wrong(f"The {name} must be an https address.", name)
    return value


def _one_of(said: Mapping[str, Any], name: str, words: tuple[str, ...], default: str) -> str:
    value = said.get(name, default)
    if not isinstance(value, str) or value not in words:
        raise _Wrong(f"The {name} must be one of {', '.join(words)}.", name)
    return value


def _with(words: tuple[str, ...], had: str) -> tuple[str, ...]:
    return words if had in words else (*words, had)


def _flag(said: Mapping[str, Any], name: str) -> bool:
    value = said.get(name, False)
    if not isinstance(value, bool):
        raise _Wrong(f"The member {name} must be true or false.", name)
    return value


def _strings(
    said: Mapping[str, Any], name: str, default: tuple[str, ...], error: str = "invalid_client_metadata"
) -> tuple[str, ...]:
    value = said.get(name, default)
    if not isinstance(value, list | tuple) or len(value) > MAX_URIS or not all(isinstance(text, str) for text in value):
        raise _Wrong(f"The member {name} must be a list of at most {MAX_URIS} strings.", f"{name}_type", error)
    return tuple(value)
