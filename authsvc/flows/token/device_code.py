"""Grant type device_code (RFC 8628 section 3.4): a device asks whether it has been allowed, until it knows.

PostgreSQL decides, and remembers how fast the device may ask: the same on every replica. The person is told of the
session as of a login on a new device.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import field
from functools import partial
from typing import Any
from uuid import UUID

from authsvc import metrics
from authsvc.flows.proofs.tell_of_device import tell_of_device
from authsvc.flows.proofs.tell_person import Place
from authsvc.flows.session.end_surplus import end_surplus
from authsvc.flows.session.lifetime import lifetime
from authsvc.flows.session.subject import session_name_for
from authsvc.flows.token.grant_type import Caller, GrantType, always
from authsvc.records import frozen
from authsvc.rules.caller.dpop import refresh_binding
from authsvc.rules.client_record import Client
from authsvc.rules.device.codes import GRANT_TYPE, decode
from authsvc.rules.device.polling import PollVerdict
from authsvc.rules.errors import Rejected
from authsvc.rules.mac_token import Code
from authsvc.rules.person_record import User
from authsvc.rules.refused import Refused
from authsvc.rules.token.granted import Granted, Identified
from authsvc.rules.token.id_token import claims_about
from authsvc.rules.token.refresh_token import RefreshToken, gets_refresh_token
from authsvc.runtime import Memory, Runtime
from authsvc.store.account import users
from authsvc.store.device import requests
from authsvc.store.token.grants import Turns

_WORN = "The device code is invalid or already used."
_REFUSALS = {
    PollVerdict.PENDING: ("authorization_pending", "Nobody has decided yet. Ask again after the interval."),
    PollVerdict.SLOW_DOWN: ("slow_down", "Asked too soon. Wait five seconds longer between requests from now on."),
    PollVerdict.DENIED: ("access_denied", "The person denied the device."),
    PollVerdict.ENDED: ("access_denied", "The session in which the device was allowed has ended."),
    PollVerdict.EXPIRED: ("expired_token", "The device code has expired. Ask for a new one."),
    PollVerdict.UNKNOWN: ("expired_token", "The device code has expired. Ask for a new one."),
    PollVerdict.USED: ("invalid_grant", _WORN),
    PollVerdict.OTHER_KEY: ("invalid_grant", "The device code is bound to another DPoP key or certificate."),
    PollVerdict.FORGED: ("invalid_grant", _WORN),
}
"""RFC 8628 section 3.5."""
_turns = Memory(Turns)
Poll = Callable[..., Coroutine[Any, Any, requests.Begun | PollVerdict]]


@frozen
class DeviceCodeRequest:
    device_code: str = field(repr=False)


def parse(form: Mapping[str, str]) -> DeviceCodeRequest | Refused:
    device_code = form.get("device_code")
    if not device_code:
        return Refused("invalid_request", "The parameter device_code is missing.", "device_code_missing")
    return DeviceCodeRequest(device_code)


async def redeem_device_code(runtime: Runtime, caller: Caller, asked: DeviceCodeRequest) -> Granted:
    """What a person has allowed the device, once they have. Raises Rejected, Unavailable, StoreUnavailable."""
    client = caller.client
    code = _recognize(runtime, client, asked)
    session_id, grant_id = UUID(bytes=runtime.entropy(16)), UUID(bytes=runtime.entropy(16))
    first = RefreshToken(runtime.master.current_id, grant_id, 0, runtime.entropy(16))
    poll = partial(
        requests.poll,
        request_id=code.id,
        device_hash=code.secret_hash,
        client_id=client.id,
        required_role=client.login.required_role,
        session_id=session_id,
        lifetime_seconds=lifetime(runtime, client, False),
        grant_id=grant_id,
        secret_hash=first.secret_hash,
        proved=caller.confirmation,
        bound_to=refresh_binding(client, caller.confirmation),
        session_name=session_name_for(runtime, client, session_id),
    )
    # One poll of a request at a time in a worker: a burst must not hold every connection while it waits for the row.
    done, user = await _turns.of(runtime).run(code.id, partial(_polled, runtime, poll))
    if isinstance(done, requests.Begun):
        await end_surplus(runtime, done.login.user_id, done.login.session_id, done.others)
        return _granted(client, done, user, first)
    raise _refusal(done)


async def _polled(runtime: Runtime, poll: Poll) -> tuple[requests.Begun | PollVerdict, User | None]:
    """One statement while nobody has decided. The session of a device that was allowed begins in the transaction of
    its notice: the device is a stranger, whoever allowed it. The person is known then."""
    done = await poll(runtime.db, redeem=False)
    if done is not PollVerdict.UNKNOWN:
        return done, None
    async with runtime.db.transaction() as connection:
        done = await poll(connection, redeem=True)
        user = await users.by_id(connection, done.login.user_id) if isinstance(done, requests.Begun) else None
        if isinstance(done, requests.Begun) and user is not None:
            place = Place(done.device_info, done.address)
            await tell_of_device(runtime, connection, user, done.login.session_id, place)
    return done, user


def _recognize(runtime: Runtime, client: Client, asked: DeviceCodeRequest) -> Code:
    """The code that we made for this client, or Rejected. Raises StoreUnavailable: the master key is not held."""
    code = decode(asked.device_code, runtime.device_mac_key, client.id)
    if code is None:
        raise _refusal(PollVerdict.FORGED)
    return code


def _refusal(verdict: PollVerdict) -> Rejected:
    error, description = _REFUSALS[verdict]
    return Rejected(error, description, verdict.reason)


def _granted(client: Client, done: requests.Begun, user: User | None, first: RefreshToken) -> Granted:
    told = user if client.tokens.id_token_claims else None
    about = claims_about(told, done.scope, aliases=client.tokens.claim_aliases) if told else {}
    metrics.logins.labels("ok").inc()
    return Granted(
        subject=done.login,
        scope=done.scope,
        audience=done.audience,
        now=done.now,
        expires_at=done.expires_at,
        refresh_token=first if gets_refresh_token(client, done.scope) else None,
        identified=Identified(about=about) if "openid" in done.scope else None,
    )


DEVICE_CODE = GrantType(name=GRANT_TYPE, parse=parse, run=redeem_device_code, identifies=always, recognize=_recognize)
