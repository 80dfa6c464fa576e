"""What the service says of itself (RFC 8414 section 2, OpenID Connect Discovery section 3): only what is true.

Each capability contributes its members; `app.py` says in which order. A new one brings a function of its own wing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from authsvc.records import frozen
from authsvc.rules.authorize.request import PROMPTS, RESPONSE_MODES
from authsvc.rules.caller.certificate import METHODS as TLS_METHODS
from authsvc.rules.caller.dpop import ALGORITHMS as DPOP_ALGORITHMS
from authsvc.rules.clients.fapi2 import ALGORITHMS as FAPI2_ALGORITHMS
from authsvc.rules.clients.fapi2 import GRANT_TYPES as FAPI2_GRANT_TYPES
from authsvc.rules.clients.fapi2 import METHODS as FAPI2_METHODS
from authsvc.rules.levels import SUPPORTED

SCOPES = ("openid", "profile", "email", "offline_access")
CLAIMS = (
    "iss", "sub", "aud", "azp", "exp", "iat", "jti", "nonce", "at_hash", "auth_time", "acr", "amr", "sid", "name",
    "locale", "email", "email_verified", "preferred_username", "roles", "groups",
)  # fmt: skip
UI_LOCALES = ("en", "de")
CLIENT_AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
ALL_AUTH_METHODS = CLIENT_AUTH_METHODS + TLS_METHODS
"""Those by a certificate are offered where the service is told of certificates (`Described.tls_methods`)."""
ASSERTION_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
GRANT_TYPES = (
    "authorization_code",
    "client_credentials",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
)


@frozen
class Described:
    """What the members depend on. `algorithms`: what ID tokens are signed with, as their clients choose; `tls_methods`:
    of client authentication by a certificate; `mtls_url`: where TLS asks for one, '' at no address of its own.
    `fapi2`: every client keeps to FAPI 2.0, and nothing else is offered."""

    issuer: str
    pushed_only: bool
    registration: bool
    documents: bool
    algorithms: Sequence[str]
    tls_methods: Sequence[str] = ()
    mtls_url: str = ""
    fapi2: bool = False


Lines = Callable[[Described], Mapping[str, Any]]
"""The members that one capability contributes."""


def document(described: Described, contributions: Iterable[Lines]) -> dict[str, Any]:
    """A metadata document. Raises ValueError where two capabilities contribute the same member."""
    members: dict[str, Any] = {"issuer": described.issuer}
    for lines in contributions:
        for name, value in lines(described).items():
            if name in members:
                raise ValueError(f"two capabilities contribute {name}")
            members[name] = value
    return members


def no_lines(_: Described) -> Mapping[str, Any]:
    """Most capabilities have no member in one of the documents."""
    return {}


def _addresses(**paths: str) -> Lines:
    return lambda it: {name: it.issuer + path for name, path in paths.items()}


keys = _addresses(jwks_uri="/.well-known/jwks.json")
feed = _addresses(revocations_endpoint="/revocations", revocations_stream_endpoint="/revocations/stream")
device = _addresses(device_authorization_endpoint="/device_authorization")
account = _addresses(userinfo_endpoint="/userinfo")
logout = _addresses(end_session_endpoint="/logout")


def tokens(it: Described) -> Mapping[str, Any]:
    methods = [method for method in (*CLIENT_AUTH_METHODS, *it.tls_methods) if not it.fapi2 or method in FAPI2_METHODS]
    return {
        **_endpoint(it, "token", "/token", methods),
        **_endpoint(it, "revocation", "/revoke", methods),
        **_endpoint(it, "introspection", "/introspect", [method for method in methods if method != "none"]),
        "introspection_signing_alg_values_supported": _algorithms(it, it.algorithms),
        "dpop_signing_alg_values_supported": _algorithms(it, DPOP_ALGORITHMS),
    }


def _algorithms(it: Described, known: Sequence[str]) -> list[str]:
    return [alg for alg in known if not it.fapi2 or alg in FAPI2_ALGORITHMS]


def _endpoint(it: Described, name: str, path: str, methods: Sequence[str]) -> Mapping[str, Any]:
    return {
        f"{name}_endpoint": it.issuer + path,
        f"{name}_endpoint_auth_methods_supported": list(methods),
        f"{name}_endpoint_auth_signing_alg_values_supported": _algorithms(it, ASSERTION_ALGORITHMS),
    }


_AT_MTLS = {
    "token_endpoint": "/token",
    "revocation_endpoint": "/revoke",
    "introspection_endpoint": "/introspect",
    "device_authorization_endpoint": "/device_authorization",
    "pushed_authorization_request_endpoint": "/par",
    "userinfo_endpoint": "/userinfo",
}


def certificates(it: Described) -> Mapping[str, Any]:
    """RFC 8705 section 3.3; section 5: where clients that have a certificate find the endpoints at which it matters."""
    bound = {"tls_client_certificate_bound_access_tokens": True} if it.tls_methods else {}
    if not it.mtls_url:
        return bound
    return {**bound, "mtls_endpoint_aliases": {name: it.mtls_url + path for name, path in _AT_MTLS.items()}}


def grants(it: Described) -> Mapping[str, Any]:
    return {"grant_types_supported": [name for name in GRANT_TYPES if not it.fapi2 or name in FAPI2_GRANT_TYPES]}


def authorization_requests(it: Described) -> Mapping[str, Any]:
    return {
        "authorization_endpoint": f"{it.issuer}/authorize",
        "pushed_authorization_request_endpoint": f"{it.issuer}/par",
        "require_pushed_authorization_requests": it.pushed_only or it.fapi2,
        "request_object_signing_alg_values_supported": _algorithms(it, ASSERTION_ALGORITHMS),  # at /par alone
    }


def registration(it: Described) -> Mapping[str, Any]:
    return {"registration_endpoint": f"{it.issuer}/register"} if it.registration else {}


def client_documents(it: Described) -> Mapping[str, Any]:
    """draft-ietf-oauth-client-id-metadata-document-03 section 6."""
    return {"client_id_metadata_document_supported": True} if it.documents else {}


def authorization_responses(_: Described) -> Mapping[str, Any]:
    return {
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def service(it: Described) -> Mapping[str, Any]:
    """Operators may register further scopes with their clients."""
    return {
        "scopes_supported": list(SCOPES),
        "ui_locales_supported": list(UI_LOCALES),
        "service_documentation": f"{it.issuer}/openapi.yaml",
    }


def id_tokens(it: Described) -> Mapping[str, Any]:
    return {
        "subject_types_supported": ["public", "pairwise"],
        "acr_values_supported": list(SUPPORTED),
        "prompt_values_supported": list(PROMPTS),
        "claim_types_supported": ["normal"],
        "claims_supported": list(CLAIMS),
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "id_token_signing_alg_values_supported": _algorithms(it, it.algorithms),
    }


def backchannel_logout(_: Described) -> Mapping[str, Any]:
    return {"backchannel_logout_supported": True, "backchannel_logout_session_supported": True}
