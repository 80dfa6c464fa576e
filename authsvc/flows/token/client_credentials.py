"""Grant type client_credentials (RFC 6749 section 4.4): a confidential client speaks for itself. No state, no store."""

from __future__ import annotations

from collections.abc import Mapping

from authsvc.flows.token.grant_type import Caller, GrantType, confidential_may_use
from authsvc.records import frozen
from authsvc.rules.errors import rejected
from authsvc.rules.refused import Refused
from authsvc.rules.scope import narrow, parse_scope
from authsvc.rules.token.audience import own_audience_of
from authsvc.rules.token.granted import Granted
from authsvc.runtime import Runtime

_NOT_ALLOWED = Refused(
    "invalid_scope", "The scope is malformed or not registered for this client.", "scope_not_allowed"
)


@frozen
class ClientCredentialsRequest:
    """`scope`: () for all that is registered."""

    scope: tuple[str, ...]


def parse(form: Mapping[str, str]) -> ClientCredentialsRequest | Refused:
    scope = parse_scope(form.get("scope", ""))
    return _NOT_ALLOWED if scope is None else ClientCredentialsRequest(scope)


async def grant(runtime: Runtime, caller: Caller, asked: ClientCredentialsRequest) -> Granted:
    """An access token and nothing else (section 4.4.3: no refresh token). Raises Rejected."""
    scope = narrow(caller.client.tokens.scopes, asked.scope)
    if scope is None:
        raise rejected(_NOT_ALLOWED)
    audience = own_audience_of(caller.client, runtime.settings.issuer, scope)
    return Granted(subject=None, scope=scope, audience=audience, now=runtime.clock.now())


CLIENT_CREDENTIALS = GrantType(name="client_credentials", parse=parse, run=grant, permit=confidential_may_use)
