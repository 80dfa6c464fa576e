"""Grant type device_code (RFC 8628 section 3.4): a device asks whether it has been allowed, until it knows.

PostgreSQL decides, and remembers how fast the device may ask: the same on every replica.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from authsvc import metrics
from authsvc.flows.keys.sign import require_keys
from authsvc.flows.session.lifetime import lifetime
from authsvc.flows.session.subject import person_of
from authsvc.flows.token.tokens import Identified, Tokens, gets_refresh_token, session_tokens
from authsvc.rules.caller.dpop import refresh_binding
from authsvc.rules.confirmation import Confirmation
from authsvc.rules.device.codes import GRANT_TYPE, decode
from authsvc.rules.device.polling import PollVerdict
from authsvc.rules.errors import (
    AccessDeniedError,
    AuthorizationPendingError,
    ExpiredTokenError,
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Error,
    Rejected,
    SlowDownError,
    UnauthorizedClientError,
)
from authsvc.rules.records import Client
from authsvc.rules.token.refresh_token import RefreshToken
from authsvc.runtime import Memory, Runtime
from authsvc.store.device import requests
from authsvc.store.device.requests import Begun
from authsvc.store.token.grants import Turns

_WORN = "The device code is invalid or already used."
_REFUSALS: dict[PollVerdict, tuple[type[OAuth2Error], str]] = {
    PollVerdict.PENDING: (AuthorizationPendingError, "Nobody has decided yet. Ask again after the interval."),
    PollVerdict.SLOW_DOWN: (SlowDownError, "Asked too soon. Wait five seconds longer between requests from now on."),
    PollVerdict.DENIED: (AccessDeniedError, "The person denied the device."),
    PollVerdict.ENDED: (AccessDeniedError, "The session in which the device was allowed has ended."),
    PollVerdict.EXPIRED: (ExpiredTokenError, "The device code has expired. Ask for a new one."),
    PollVerdict.UNKNOWN: (ExpiredTokenError, "The device code has expired. Ask for a new one."),
    PollVerdict.USED: (InvalidGrantError, _WORN),
    PollVerdict.OTHER_KEY: (InvalidGrantError, "The device code is bound to another DPoP key."),
    PollVerdict.FORGED: (InvalidGrantError, _WORN),
}
_turns = Memory(Turns)


async def redeem_device_code(
    runtime: Runtime, client: Client, form: Mapping[str, str], confirmation: Confirmation
) -> Tokens:
    """Tokens, once a person has allowed it. `confirmation`: what the caller proved.

    Raises Rejected, Unavailable, StoreUnavailable.
    """
    if GRANT_TYPE not in client.grant_types:
        raise Rejected(UnauthorizedClientError("This client may not use device codes."), "grant_type_not_allowed")
    text = form.get("device_code")
    if not text:
        raise Rejected(InvalidRequestError("The parameter device_code is missing."), "device_code_missing")
    code = decode(text, runtime.device_mac_key, client.id)
    if code is None:
        raise _refusal(PollVerdict.FORGED)
    require_keys(runtime, client, id_token="openid" in client.scopes)
    session_id, grant_id = UUID(bytes=runtime.entropy(16)), UUID(bytes=runtime.entropy(16))
    first = RefreshToken(runtime.master.current_id, grant_id, 0, runtime.entropy(16))
    # One poll of a request at a time in a worker: a burst must not hold every connection while it waits for the row.
    poll = partial(
        requests.poll,
        runtime.db,
        code.request_id,
        code.secret_hash,
        client_id=client.id,
        required_role=client.required_role,
        session_id=session_id,
        lifetime_seconds=lifetime(runtime, client, False),
        grant_id=grant_id,
        secret_hash=first.secret_hash,
        proved=confirmation,
        bound_to=refresh_binding(client, confirmation),
    )
    done = await _turns.of(runtime).run(code.request_id, poll)
    if isinstance(done, Begun):
        return _answer(runtime, client, done, session_id, first, confirmation)
    raise _refusal(done)


def _refusal(verdict: PollVerdict) -> Rejected:
    error, description = _REFUSALS[verdict]
    return Rejected(error(description), verdict.reason)


def _answer(
    runtime: Runtime, client: Client, done: Begun, session_id: UUID, first: RefreshToken, confirmation: Confirmation
) -> Tokens:
    metrics.logins.labels("ok").inc()
    person = person_of(
        runtime, client, user_id=done.user_id, session_id=session_id, auth_time=done.auth_time, amr=done.amr,
        roles=done.roles,
    )  # fmt: skip
    return session_tokens(
        runtime, client, person, grant_type=GRANT_TYPE, scope=done.scope, audience=done.audience, now=done.now,
        expires_at=done.expires_at, confirmation=confirmation,
        refresh_token=first if gets_refresh_token(client, done.scope) else None,
        identified=Identified() if "openid" in done.scope else None,
    )  # fmt: skip
