"""Client metadata (RFC 7591 section 2, OpenID Connect Registration section 2): how it is read, and what is answered.

Only its form is judged here; what such a client may be, `judge_client.judge_client` says.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from authsvc.rules.authorize.redirect import can_only_be_native, origin_problem
from authsvc.rules.client_record import DEFAULT_ALG, Authentication, Client, Digest, flat_of, from_flat
from authsvc.rules.clients.judge_client import registrant_scopes
from authsvc.rules.clients.limits import MAX_NOTE, MAX_URIS, PKCE, REGISTRATION_TOKEN_SECONDS, REGISTRATION_TOKEN_USES
from authsvc.rules.clients.tls_authentication import SUBJECTS
from authsvc.rules.readable_text import is_readable
from authsvc.rules.refused import Refused
from authsvc.rules.scope import parse_scope

SECRET_METHODS = ("client_secret_basic", "client_secret_post")

# Members that are called as the fields of the record (`flat_of`), by their form; of words with what is meant without,
# unless the redirect URIs say otherwise.
_WORDS = {
    "application_type": "web",
    "subject_type": "public",
    "id_token_signed_response_alg": DEFAULT_ALG,
    "access_token_signed_response_alg": DEFAULT_ALG,
}
_FLAGS = ("require_pushed_authorization_requests", "dpop_bound_access_tokens")
_RARE_FLAGS = ("tls_client_certificate_bound_access_tokens", "require_signed_request_object")
"""Said only where they are true: whom they do not concern is answered as before."""
_ADDRESSES = ("client_uri", "policy_uri", "tos_uri", "jwks_uri", "sector_identifier_uri", "backchannel_logout_uri")
_TEXTS = (*_ADDRESSES, *SUBJECTS)

# What we do in one way only: a client that counts on another way is told so, rather than registered for this one.
_FIXED = {"introspection_signed_response_alg": DEFAULT_ALG}
_MISSING = (
    "userinfo_signed_response_alg",
    "id_token_encrypted_response_alg",
    "userinfo_encrypted_response_alg",
    "introspection_encrypted_response_alg",
    "request_object_encryption_alg",
    "authorization_signed_response_alg",
    "authorization_encrypted_response_alg",
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
    flat = flat_of(client)
    answer: dict[str, Any] = {
        "client_name": client.name,
        "grant_types": sorted(client.grant_types),
        "response_types": ["code"] if "authorization_code" in client.grant_types else [],
        "token_endpoint_auth_method": client.authentication.token_endpoint_auth_method,
        "scope": " ".join(client.tokens.scopes),
        **{name: list(flat[name]) for name in ("redirect_uris", "post_logout_redirect_uris")},
        **{name: flat[name] for name in (*_WORDS, *_FLAGS)},
        **{name: flat[name] for name in _TEXTS if flat[name] is not None},
    }
    answer |= {name: True for name in _RARE_FLAGS if flat[name]}
    if client.authentication.jwks is not None:
        answer["jwks"] = dict(client.authentication.jwks)
    if client.logout.backchannel_logout_uri is not None:
        answer["backchannel_logout_session_required"] = True
    return answer


def judge_registration_token(
    uses: int, seconds: int, note: str, origins: Sequence[str] = (), pkce: str = "required"
) -> Refused | None:
    """Which initial access tokens (RFC 7591 section 3) an operator may make. `uses`: how many clients it registers;
    `seconds`: how long it is good; `note`: repeated in audit events; `origins`: of pages that may use it; `pkce`: the
    policy of its confidential clients."""
    for name, value, (least, most) in (
        ("uses", uses, REGISTRATION_TOKEN_USES),
        ("seconds", seconds, REGISTRATION_TOKEN_SECONDS),
    ):
        if not least <= value <= most:
            return Refused(
                "invalid_request", f"the {name} must be from {least} to {most}", f"registration_token_{name}"
            )
    if len(note) > MAX_NOTE or not is_readable(note):
        return Refused(
            "invalid_request", f"--note has at most {MAX_NOTE} printable characters", "registration_token_note"
        )
    for origin in origins:
        if problem := origin_problem(origin):
            return Refused("invalid_request", f"the origin {origin[:200]} {problem}", "registration_token_origin")
    if pkce not in PKCE:
        return Refused("invalid_request", f"the pkce is one of {', '.join(PKCE)}", "registration_token_pkce")
    return None


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
    # OpenID Connect Registration section 2 says web; but a client that could be nothing else has told us what it is.
    meant = _WORDS | ({"application_type": "native"} if can_only_be_native(redirect_uris) else {})
    changed = {
        "name": _name(said, known),
        "kind": "public" if public else "confidential",
        "grant_types": grant_types,
        "introspection": known.introspection and not public,
        "introspection_all": known.introspection_all and not public,
        "secret_hashes": known.authentication.secret_hashes if method in SECRET_METHODS else (),
        "jwks": said.get("jwks"),
        "token_endpoint_auth_method": method,
        "redirect_uris": redirect_uris,
        "sector": "",
        "scopes": _scopes(said, grant_types, known),
        **{name: _text(said, name, default) for name, default in meant.items()},
        **{name: _flag(said, name) for name in (*_FLAGS, *_RARE_FLAGS)},
        **{name: _text(said, name, "") if name in said else None for name in _TEXTS},
        "post_logout_redirect_uris": _strings(said, "post_logout_redirect_uris", ()),
    }
    return from_flat(flat_of(known) | changed)


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


def _scopes(said: Mapping[str, Any], grant_types: frozenset[str], known: Client) -> tuple[str, ...]:
    if "scope" not in said:
        more = known.tokens.scopes if known.stranger else ()  # what the operator lets any of them have
        return tuple(dict.fromkeys((*registrant_scopes(grant_types), *more)))
    return parse_scope(_text(said, "scope", "")) or ()


def _name(said: Mapping[str, Any], known: Client) -> str:
    """One line, in one form; the id where it is left away."""
    if "client_name" not in said:
        return known.id
    return unicodedata.normalize("NFC", " ".join(_text(said, "client_name", "").split()))


def _text(said: Mapping[str, Any], name: str, default: str) -> str:
    value = said.get(name, default)
    return value if isinstance(value, str) else ""


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
