"""Grant type client_credentials (RFC 6749 section 4.4): a confidential client speaks for itself. No state, no store."""

from __future__ import annotations

from authsvc.flows.token.tokens import Tokens, access_token
from authsvc.rules.confirmation import UNBOUND, Confirmation
from authsvc.rules.errors import InvalidScopeError, Rejected, UnauthorizedClientError
from authsvc.rules.records import Client
from authsvc.rules.scope import narrow, parse_scope
from authsvc.rules.token.access_token import audience_of
from authsvc.runtime import Runtime

GRANT_TYPE = "client_credentials"


def client_credentials(
    runtime: Runtime, client: Client, *, scope: str = "", confirmation: Confirmation = UNBOUND
) -> Tokens:
    """An access token and nothing else (section 4.4.3: no refresh token). Raises Rejected."""
    if not client.confidential or GRANT_TYPE not in client.grant_types:
        raise Rejected(UnauthorizedClientError("This client may not use client_credentials."), "grant_type_not_allowed")
    asked = parse_scope(scope)
    given = None if asked is None else narrow(client.scopes, asked)
    if given is None:
        raise Rejected(
            InvalidScopeError("The scope is malformed or not registered for this client."), "scope_not_allowed"
        )
    token, lifetime = access_token(
        runtime,
        client,
        grant_type=GRANT_TYPE,
        scope=given,
        audience=audience_of(client, runtime.settings.issuer),
        person=None,
        confirmation=confirmation,
        now=runtime.clock.now(),
    )
    return Tokens(access_token=token, expires_in=lifetime, scope=given)
