"""What the service says of itself (RFC 8414 section 2, OpenID Connect Discovery section 3): only what is true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from authsvc.rules.authorize.request import PROMPTS, RESPONSE_MODES
from authsvc.rules.caller.dpop import ALGORITHMS as DPOP_ALGORITHMS
from authsvc.rules.token.access_token import PASSWORD_ACR

SCOPES = ("openid", "profile", "email", "offline_access")
CLAIMS = (
    "iss", "sub", "aud", "azp", "exp", "iat", "jti", "nonce", "at_hash", "auth_time", "acr", "amr", "sid", "name",
    "email", "email_verified",
)  # fmt: skip
UI_LOCALES = ("en", "de")
CLIENT_AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
ASSERTION_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
GRANT_TYPES = (
    "authorization_code",
    "client_credentials",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
)


def authorization_server_metadata(issuer: str, *, pushed_only: bool, registration: bool) -> dict[str, Any]:
    """RFC 8414. Operators may register further scopes with their clients."""
    confidential = [method for method in CLIENT_AUTH_METHODS if method != "none"]
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "token_endpoint": f"{issuer}/token",
        "token_endpoint_auth_methods_supported": list(CLIENT_AUTH_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "revocation_endpoint": f"{issuer}/revoke",
        "revocation_endpoint_auth_methods_supported": list(CLIENT_AUTH_METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint": f"{issuer}/introspect",
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_signing_alg_values_supported": ["RS256"],
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "revocations_endpoint": f"{issuer}/revocations",
        "revocations_stream_endpoint": f"{issuer}/revocations/stream",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "grant_types_supported": list(GRANT_TYPES),
        "authorization_endpoint": f"{issuer}/authorize",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "require_pushed_authorization_requests": pushed_only,
        "request_object_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),  # at /par alone
        **({"registration_endpoint": f"{issuer}/register"} if registration else {}),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": list(SCOPES),
        "ui_locales_supported": list(UI_LOCALES),
        "service_documentation": f"{issuer}/openapi.yaml",
    }


def openid_configuration(
    issuer: str, *, pushed_only: bool, registration: bool, algorithms: Sequence[str]
) -> dict[str, Any]:
    """OpenID Connect Discovery. `algorithms`: what ID tokens are signed with, as their clients choose."""
    return {
        **authorization_server_metadata(issuer, pushed_only=pushed_only, registration=registration),
        "userinfo_endpoint": f"{issuer}/userinfo",
        "subject_types_supported": ["public", "pairwise"],
        "acr_values_supported": [PASSWORD_ACR],
        "prompt_values_supported": list(PROMPTS),
        "claim_types_supported": ["normal"],
        "claims_supported": list(CLAIMS),
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "id_token_signing_alg_values_supported": list(algorithms),
        "end_session_endpoint": f"{issuer}/logout",
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }
