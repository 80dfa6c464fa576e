"""Grant type token-exchange (RFC 8693): a service that was sent a token gets a narrower one for the next service.

Nothing is stored. The new token lives no longer than the one it was made from, names its session and its sources, and
is void with any of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from authsvc.flows.caller.authenticate_bearer import bearer_of, verify
from authsvc.flows.caller.check_revoked import is_revoked
from authsvc.flows.token.tokens import Tokens, exchanged_token
from authsvc.jose.verify import Invalid
from authsvc.rules.confirmation import Confirmation
from authsvc.rules.errors import (
    InvalidRequestError,
    InvalidScopeError,
    InvalidTargetError,
    OAuth2Error,
    Rejected,
    UnauthorizedClientError,
)
from authsvc.rules.records import Client
from authsvc.rules.token.exchange import ACCESS_TOKEN, GRANT_TYPE, Refusal, judge_exchange, read_request
from authsvc.runtime import Runtime

_ERRORS: dict[str, type[OAuth2Error]] = {
    "invalid_request": InvalidRequestError,
    "invalid_scope": InvalidScopeError,
    "invalid_target": InvalidTargetError,
}


async def exchange_token(
    runtime: Runtime, client: Client, form: Mapping[str, str], confirmation: Confirmation
) -> Tokens:
    """An access token and nothing else. `confirmation`: see `access_token`. Raises Rejected, Unavailable,
    StoreUnavailable."""
    if not client.confidential or GRANT_TYPE not in client.grant_types or not client.exchange_audiences:
        raise Rejected(UnauthorizedClientError("This client may not exchange tokens."), "grant_type_not_allowed")
    asked = read_request(form)
    if isinstance(asked, Refusal):
        raise _rejected(asked)
    claims = verify(runtime, asked.subject_token, audience=None)
    if isinstance(claims, Invalid):
        raise Rejected(InvalidRequestError("The subject_token is invalid, expired or revoked."), claims.reason)
    found = judge_exchange(asked, claims.raw, client, issuer=runtime.settings.issuer, confirmation=confirmation)
    if isinstance(found, Refusal):
        raise _rejected(found)
    if await is_revoked(runtime, bearer_of(claims)):
        raise Rejected(InvalidRequestError("The subject_token is invalid, expired or revoked."), "token_revoked")
    token, lifetime = exchanged_token(
        runtime,
        client,
        subject=claims.raw,
        exchange=found,
        confirmation=confirmation,
        now=runtime.clock.now(),
    )
    return Tokens(access_token=token, expires_in=lifetime, scope=found.scope, issued_token_type=ACCESS_TOKEN)


def _rejected(refusal: Refusal) -> Rejected:
    return Rejected(_ERRORS[refusal.error](refusal.description), refusal.reason)
