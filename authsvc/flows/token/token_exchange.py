"""Grant type token-exchange (RFC 8693): a service that was sent a token gets a narrower one for the next service.

Nothing is stored. The new token lives no longer than the one it was made from, names its session and its sources, and
is void with any of them.
"""

from __future__ import annotations

from datetime import UTC, datetime

from authsvc.flows.caller.authenticate_bearer import bearer_in, verify
from authsvc.flows.caller.check_revoked import is_revoked
from authsvc.flows.token.grant_type import NOT_ALLOWED, Caller, GrantType, confidential_may_use
from authsvc.jose.verify import Invalid
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected, rejected
from authsvc.rules.refused import Refused
from authsvc.rules.token.exchange import GRANT_TYPE, ExchangeRequest, judge_exchange, read_request
from authsvc.rules.token.granted import Granted
from authsvc.runtime import Runtime

_INVALID = "The subject_token is invalid, expired or revoked."


async def exchange_token(runtime: Runtime, caller: Caller, asked: ExchangeRequest) -> Granted:
    """An access token and nothing else. Raises Rejected, Unavailable, StoreUnavailable."""
    claims = verify(runtime, asked.subject_token, audience=None)
    if isinstance(claims, Invalid):
        raise Rejected("invalid_request", _INVALID, claims.reason)
    found = judge_exchange(
        asked, claims.raw, caller.client, issuer=runtime.settings.issuer, confirmation=caller.confirmation
    )
    if isinstance(found, Refused):
        raise rejected(found)
    if await is_revoked(runtime, bearer_in(claims.raw)):
        raise Rejected("invalid_request", _INVALID, "token_revoked")
    now = runtime.clock.now()
    return Granted(
        subject=found,
        scope=found.scope,
        audience=found.audience,
        now=now,
        # So that both ends are compared in whole seconds; the key is asked for now, not for the second's beginning.
        expires_at=datetime.fromtimestamp(claims.exp, UTC).replace(microsecond=now.microsecond),
    )


def _may_exchange(client: Client, grant_type: str) -> Refused | None:
    """Confidential clients for which an operator has said what they may exchange tokens for."""
    return confidential_may_use(client, grant_type) if client.exchange.audiences else NOT_ALLOWED


TOKEN_EXCHANGE = GrantType(name=GRANT_TYPE, parse=read_request, run=exchange_token, permit=_may_exchange)
