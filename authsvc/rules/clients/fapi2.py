"""The FAPI 2.0 Security Profile (final, February 2025): what a client under it must be, and what it may use.

What the profile can demand by itself is turned on for every such client where it is read (`in_profile`, in
`rules/client_record`): pushed requests, PKCE, tokens that are bound, assertions for the issuer. What only an operator
can give it is judged here, and `authsvc doctor` says it. The rest holds for everybody: codes live for 60 seconds and
are good once, answers say `iss`, redirect URIs are compared exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from authsvc.rules.caller.certificate import METHODS as TLS_METHODS
from authsvc.rules.client_record import FAPI2, PROFILES, Client
from authsvc.rules.refused import Refused

ALGORITHMS = ("PS256", "ES256", "EdDSA", "Ed25519")
"""Of every signature (section 5.4.1); EdDSA with Ed25519."""
METHODS = ("private_key_jwt", *TLS_METHODS)
"""Of client authentication (section 5.3.2.1)."""
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def allows_algorithm(client: Client, alg: object) -> bool:
    """Whether something that was signed by this algorithm is taken of a client."""
    return client.profile != FAPI2 or alg in ALGORITHMS


def unmet(client: Client) -> Iterator[tuple[str, str]]:
    """What a client under the profile lacks, in words for an operator, and the command that gives it."""
    again = "remove it, and add it anew"
    if not client.confidential:
        yield "is public: the profile is for clients that authenticate", again
        return
    method = client.authentication.token_endpoint_auth_method
    if method not in METHODS:
        known = f"by {method}" if method else "by whatever it has"
        yield (
            f"proves itself {known}: the profile takes private_key_jwt and certificates alone",
            f"authsvc clients choose-certificates {client.id} --auth-method tls_client_auth, or {again}",
        )
    if more := sorted(client.grant_types - set(GRANT_TYPES)):
        yield f"has grant types that the profile has not: {' '.join(more)}", again
    for what, flag, alg in (
        ("ID tokens", "--id-tokens", client.tokens.id_token_signed_response_alg),
        ("access tokens", "--access-tokens", client.tokens.access_token_signed_response_alg),
    ):
        if alg not in ALGORITHMS:
            do = f"authsvc clients choose-alg {client.id} {flag} PS256, with PS256 in the key policy"
            yield f"has {what} that are signed with {alg}: the profile has {', '.join(ALGORITHMS)}", do
    if plain := [uri for uri in client.login.redirect_uris if not _is_safe(client, uri)]:
        do = f"authsvc clients redirect-uris {client.id} --remove {plain[0]}"
        yield f"has a redirect URI that is not https: {plain[0]}", do


def _is_safe(client: Client, uri: str) -> bool:
    """Section 5.3.2.2: https; of native clients also a loopback address."""
    parts = urlsplit(uri)
    loopback = client.login.application_type == "native" and parts.hostname in _LOOPBACK
    return parts.scheme == "https" or (parts.scheme == "http" and loopback)


def judge_profile(client: Client) -> Refused | None:
    """Whether an operator may put a client like this under its profile."""
    if client.profile not in PROFILES:
        return Refused("invalid_client_metadata", f"The profile must be one of {', '.join(PROFILES)}.", "profile")
    for found, do in unmet(client) if client.profile == FAPI2 else ():
        return Refused("invalid_client_metadata", f"FAPI 2.0: the client {found} ({do})", "profile_unmet")
    return None


def refuse_unmet(client: Client, grant_type: str) -> Refused | None:
    """Why a client gets nothing: under the profile, and not as the profile wants it, or by a way that it has not."""
    if client.profile != FAPI2:
        return None
    told = "This client is not set up as its profile, FAPI 2.0, demands."
    if grant_type not in GRANT_TYPES:
        return Refused("unauthorized_client", "The profile of this client has no such grant.", "profile_grant_type")
    return Refused("unauthorized_client", told, "profile_unmet") if any(unmet(client)) else None
