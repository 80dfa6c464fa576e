"""What the service says of itself (RFC 8414 section 2, OpenID Connect Discovery section 3): only what is true."""

from __future__ import annotations

from typing import Any

CLIENT_AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
ASSERTION_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
GRANT_TYPES = ("client_credentials", "refresh_token")


def authorization_server_metadata(issuer: str) -> dict[str, Any]:
    """RFC 8414. `response_types_supported` is required there, and empty while there is no authorization endpoint."""
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
        "grant_types_supported": list(GRANT_TYPES),
        "response_types_supported": [],
        "service_documentation": f"{issuer}/openapi.yaml",
    }


def openid_configuration(issuer: str) -> dict[str, Any]:
    """OpenID Connect Discovery; the members about ID tokens say how the keys of the JWKS sign."""
    return {
        **authorization_server_metadata(issuer),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
