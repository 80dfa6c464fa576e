"""How a client may prove itself by a certificate (RFC 8705 sections 2.1.2 and 2.2.2). The form of a distinguished name
is judged by `jose/client_certificates`, as the keys of a client are by `jose/client_jwks`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from authsvc.rules.caller.certificate import METHODS, SELF_SIGNED, TLS_CLIENT_AUTH
from authsvc.rules.client_record import Authentication, Client, Tokens

SUBJECTS = (
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)
"""What of a certificate must name the client: exactly one of these is registered."""
MAX_SUBJECT = 1000
_DNS = re.compile(r"([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


Problem = tuple[str, str, str]
"""What a registrant is told, the reason, what an operator is told."""


def tls_problems(client: Client, had: Client, offered: Sequence[str]) -> Iterator[Problem]:
    """Why a client may not use certificates like this. `had`: how it is registered now; `offered`: the methods that
    this service's TLS allows."""
    for problem in (
        _method_problem(client.authentication, had.authentication, offered),
        _binding_problem(client.tokens, had.tokens, offered),
    ):
        if problem is not None:
            yield problem


def _binding_problem(tokens: Tokens, had: Tokens, offered: Sequence[str]) -> Problem | None:
    name = "tls_client_certificate_bound_access_tokens"
    if not tokens.tls_client_certificate_bound_access_tokens:
        return None
    if tokens.dpop_bound_access_tokens:
        told = f"The {name} and the dpop_bound_access_tokens are two ways to bind tokens: choose one."
        return told, name, told
    if offered or had.tls_client_certificate_bound_access_tokens:
        return None
    ways = "AUTHSVC_CLIENT_CERTIFICATE_HEADER or AUTHSVC_MTLS_PORT"
    operator = f"the service asks for no certificates of clients: {name} needs {ways}"
    return f"The member {name} is not supported here.", name, operator


def subjects_of(it: Authentication) -> dict[str, str]:
    """Those that are registered: one, of a client with tls_client_auth."""
    return {name: value for name in SUBJECTS if (value := getattr(it, name)) is not None}


def _method_problem(it: Authentication, had: Authentication, offered: Sequence[str]) -> Problem | None:
    method, subjects = it.token_endpoint_auth_method, subjects_of(it)
    if method in METHODS and method not in (*offered, had.token_endpoint_auth_method):
        return (
            f"The token_endpoint_auth_method {method} is not offered here.",
            "tls_method_not_offered",
            f"the service asks for no such certificates: {method} needs AUTHSVC_CLIENT_CERTIFICATE_HEADER"
            + (" or AUTHSVC_MTLS_PORT, and AUTHSVC_CLIENT_CA_FILE" if method == TLS_CLIENT_AUTH else ""),
        )
    if method == TLS_CLIENT_AUTH and len(subjects) != 1:
        told = f"{TLS_CLIENT_AUTH} needs exactly one of {', '.join(SUBJECTS)}."
        return told, "tls_client_auth_subject", told
    if method != TLS_CLIENT_AUTH and subjects:
        told = f"{', '.join(subjects)} is for {TLS_CLIENT_AUTH}."
        return told, "tls_client_auth_subject", told
    if method == SELF_SIGNED and it.jwks is None and it.jwks_uri is None:
        told = f"{SELF_SIGNED} needs jwks or jwks_uri."
        return told, "jwks_missing", told
    for name, value in subjects.items():
        if not value.isprintable() or not 0 < len(value) <= MAX_SUBJECT or not _well_formed(name, value):
            told = f"The {name} is malformed."
            return told, name, told
    return None


def _well_formed(name: str, value: str) -> bool:
    if name == "tls_client_auth_san_dns":
        return len(value) <= 253 and _DNS.fullmatch(value) is not None
    if name == "tls_client_auth_san_ip":
        return _is_address(value)
    if name == "tls_client_auth_san_uri":
        return value.isascii() and bool(urlsplit(value).scheme)
    if name == "tls_client_auth_san_email":
        local, _, domain = value.rpartition("@")
        return bool(local) and _DNS.fullmatch(domain) is not None
    return True


def _is_address(value: str) -> bool:
    try:
        return "%" not in value and bool(ip_address(value))
    except ValueError:
        return False
