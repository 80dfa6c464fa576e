"""What a client's requests for codes must carry: PKCE (RFC 7636), and a signature of its own (RFC 9101)."""

from __future__ import annotations

from collections.abc import Iterator

from authsvc.rules.client_record import Client
from authsvc.rules.refused import Refused


def judge_code_requests(client: Client) -> Iterator[Refused]:
    """Why these policies cannot be those of the client."""
    login, keys = client.login, client.authentication
    if login.pkce != "required" and not client.confidential:
        yield Refused(
            "invalid_client_metadata",
            "The pkce of a public client is required: nothing else makes its codes its own.",
            "pkce",
        )
    if login.require_signed_request_object and keys.jwks is None and keys.jwks_uri is None:
        yield Refused(
            "invalid_client_metadata",
            "The require_signed_request_object needs keys that verify: jwks or jwks_uri.",
            "require_signed_request_object",
        )
