"""Client metadata (RFC 7591 section 2, OpenID Connect Registration section 2): how it is read, and what is answered.

Only its form is judged here; what such a client may be, `client.judge_client` says.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from authsvc.rules.client_record import DEFAULT_ALG, Authentication, Client, Digest, Links, Login, Logout
from authsvc.rules.clients.judge_client import registrant_scopes
from authsvc.rules.clients.limits import MAX_URIS
from authsvc.rules.refused import Refused
from authsvc.rules.scope import parse_scope

SECRET_METHODS = ("client_secret_basic", "client_secret_post")

# What we do in one way only: a client that counts on another way is told so, rather than registered for this one.
_FIXED = {"introspection_signed_response_alg": DEFAULT_ALG}
_MISSING = (
    "sector_identifier_uri",
    "userinfo_signed_response_alg",
    "id_token_encrypted_response_alg",
    "userinfo_encrypted_response_alg",
    "introspection_encrypted_response_alg",
    "request_object_encryption_alg",
    "authorization_signed_response_alg",
    "authorization_encrypted_response_alg",
    "require_signed_request_object",
    "tls_client_certificate_bound_access_tokens",
)
# RFC 7592 section 2.2: what only we write.
_OURS = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")


def read_metadata(members: Mapping[str, Any], known: Client) -> Client | Refused:
    """`known` with other metadata, still to be judged. Null is as if omitted (RFC 7592 section 2.2), unknown members
    are ignored. What is no metadata (roles, lifetimes, rights) stays as the operator has it. `jwks` is as it was sent.

    What is no text where text belongs is read as '', which no rule lets pass.
    """
    said = {name: value for name, value in members.items() if value is not None}
    try:
        return _read(said, known)
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
    return Client(
        id=client_id, name=client_id, kind="public", authentication=Authentication(registration_hash=registration_hash)
    )


def metadata_of(client: Client) -> dict[str, Any]:
    """What is registered, in the words of RFC 7591 section 3.2.1: also what was defaulted, without secrets."""
    answer: dict[str, Any] = {
        "client_name": client.name,
        "application_type": client.login.application_type,
        "redirect_uris": list(client.login.redirect_uris),
        "grant_types": sorted(client.grant_types),
        "response_types": ["code"] if "authorization_code" in client.grant_types else [],
        "token_endpoint_auth_method": client.authentication.token_endpoint_auth_method,
        "scope": " ".join(client.tokens.scopes),
        "subject_type": client.login.subject_type,
        "id_token_signed_response_alg": client.tokens.id_token_signed_response_alg,
        "access_token_signed_response_alg": client.tokens.access_token_signed_response_alg,
        "post_logout_redirect_uris": list(client.logout.post_logout_redirect_uris),
        "require_pushed_authorization_requests": client.login.require_pushed_authorization_requests,
        "dpop_bound_access_tokens": client.tokens.dpop_bound_access_tokens,
    }
    if client.authentication.jwks is not None:
        answer["jwks"] = dict(client.authentication.jwks)
    if client.logout.backchannel_logout_uri is not None:
        answer["backchannel_logout_session_required"] = True
    addresses = {
        "client_uri": client.links.client_uri,
        "policy_uri": client.links.policy_uri,
        "tos_uri": client.links.tos_uri,
        "jwks_uri": client.authentication.jwks_uri,
        "backchannel_logout_uri": client.logout.backchannel_logout_uri,
    }
    return answer | {name: uri for name, uri in addresses.items() if uri is not None}


class _Wrong(Exception):
    def __init__(self, description: str, reason: str, error: str = "invalid_client_metadata") -> None:
        super().__init__(reason)
        self.refused = Refused(error, description, reason)


def _read(said: Mapping[str, Any], known: Client) -> Client:
    if "software_statement" in said:
        raise _Wrong("No software statement is approved here.", "software_statement", "unapproved_software_statement")
    _refuse_other_ways(said)
    redirect_uris = _strings(said, "redirect_uris", (), "invalid_redirect_uri")
    grant_types = _grant_types(said)
    method = _text(said, "token_endpoint_auth_method", "client_secret_basic")
    public = method == "none"
    return replace(
        known,
        name=_name(said, known),
        kind="public" if public else "confidential",
        grant_types=grant_types,
        introspection=known.introspection and not public,
        authentication=replace(
            known.authentication,
            secret_hashes=known.authentication.secret_hashes if method in SECRET_METHODS else (),
            jwks=said.get("jwks"),
            jwks_uri=_address(said, "jwks_uri"),
            token_endpoint_auth_method=method,
        ),
        login=_read_login(said, redirect_uris, known.login),
        tokens=replace(
            known.tokens,
            scopes=_scopes(said, grant_types),
            id_token_signed_response_alg=_text(said, "id_token_signed_response_alg", DEFAULT_ALG),
            access_token_signed_response_alg=_text(said, "access_token_signed_response_alg", DEFAULT_ALG),
            dpop_bound_access_tokens=_flag(said, "dpop_bound_access_tokens"),
        ),
        logout=Logout(
            post_logout_redirect_uris=_strings(said, "post_logout_redirect_uris", ()),
            backchannel_logout_uri=_address(said, "backchannel_logout_uri"),
        ),
        links=Links(
            client_uri=_address(said, "client_uri"),
            policy_uri=_address(said, "policy_uri"),
            tos_uri=_address(said, "tos_uri"),
        ),
    )


def _read_login(said: Mapping[str, Any], redirect_uris: tuple[str, ...], known: Login) -> Login:
    return replace(
        known,
        application_type=_text(said, "application_type", "web"),
        redirect_uris=redirect_uris,
        require_pushed_authorization_requests=_flag(said, "require_pushed_authorization_requests"),
        subject_type=_text(said, "subject_type", "public"),
        sector="",
    )


def _refuse_other_ways(said: Mapping[str, Any]) -> None:
    for name, value in _FIXED.items():
        if said.get(name, value) != value:
            raise _Wrong(f"The only {name} is {value}.", f"{name}_unsupported")
    for name in _MISSING:
        if said.get(name, False) is not False:
            raise _Wrong(f"The member {name} is not supported.", f"{name}_unsupported")


def _grant_types(said: Mapping[str, Any]) -> frozenset[str]:
    """RFC 7591 section 2.1: response types and grant types say the same."""
    grant_types = frozenset(_strings(said, "grant_types", ("authorization_code",)))
    usual = {"code"} if "authorization_code" in grant_types else set()
    if set(_strings(said, "response_types", tuple(usual))) != usual:
        raise _Wrong(
            "The response_types must be code with the grant type authorization_code, and none without it.",
            "response_types",
        )
    return grant_types


def _scopes(said: Mapping[str, Any], grant_types: frozenset[str]) -> tuple[str, ...]:
    if "scope" not in said:
        return registrant_scopes(grant_types)
    return parse_scope(_text(said, "scope", "")) or ()


def _name(said: Mapping[str, Any], known: Client) -> str:
    """One line, in one form; the id where it is left away."""
    if "client_name" not in said:
        return known.id
    return unicodedata.normalize("NFC", " ".join(_text(said, "client_name", "").split()))


def _text(said: Mapping[str, Any], name: str, default: str) -> str:
    value = said.get(name, default)
    return value if isinstance(value, str) else ""


def _address(said: Mapping[str, Any], name: str) -> str | None:
    return _text(said, name, "") if name in said else None


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
    return tuple(dict.fromkeys(value))
