"""A person allows or denies a device (RFC 8628 section 3.3, with the cautions of RFC 10027).

Two steps, whichever way the person came: the code is entered (guesses are counted), then the person sees what asks, for
what, when and from where, and decides. What was shown comes back sealed, good for this session only.
"""

from __future__ import annotations

import json
from dataclasses import field
from uuid import UUID

from authsvc.flows.caller.limits import network_buckets, within_limit
from authsvc.flows.factors.ways import reach_of, ways_of
from authsvc.keys.seal import open_value, seal_value
from authsvc.records import frozen
from authsvc.rules.authorize.prompting import required_rung
from authsvc.rules.client_record import Client
from authsvc.rules.device.codes import USER_CODE_KEY, normal_user_code, shown_user_code, user_code_digest
from authsvc.rules.device.polling import RequestState
from authsvc.rules.levels import acr_of, demanded_of, is_by_mail, reaches
from authsvc.rules.sealed_value_lifetimes import DEVICE_CONFIRMATION_SECONDS
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.caller.attempts import Bucket
from authsvc.store.device import requests
from authsvc.store.session.browser_sessions import BrowserSession

NETWORK_FACTOR = 10
_PURPOSE = "device confirmation"


@frozen
class Found:
    """What the person decides about. `user_code` as the device shows it."""

    request: requests.DeviceRequest
    client: Client
    user_code: str = field(repr=False)
    sealed: str = field(repr=False)


@frozen
class RoleMissing:
    client: Client


@frozen
class LevelMissing:
    """The login stands lower than client or person's roles demand. `reachable`: another login would do; else the
    person has no such factor yet."""

    client: Client
    reachable: bool


async def find(
    runtime: Runtime, session: BrowserSession, typed: str, *, network: str
) -> Found | RoleMissing | LevelMissing | None:
    """The request of a user code. None: it is unknown, expired, or decided already. Raises TooMany,
    StoreUnavailable."""
    code = normal_user_code(typed)
    if code is None:
        return None
    buckets = [
        Bucket(f"user-code:{session.user.id}", runtime.settings.user_code_failures),
        *network_buckets("user-code-network", network, runtime.settings.user_code_failures * NETWORK_FACTOR),
    ]
    async with within_limit(runtime, buckets, "user_code", "user_code_failures", guess=True) as place:
        request = await requests.waiting(runtime.db, _digests(runtime, code))
        client = await runtime.clients.get(request.client_id) if request else None
        place.counts = client is None
    if request is None or client is None:
        return None
    if not _has_role(session, client):
        return RoleMissing(client)
    wanted = _wanted(runtime, session, client)
    if _by_mail_alone(session, client):
        return LevelMissing(client, reachable=True)
    if not reaches(acr_of(session.amr), wanted):
        ways = await ways_of(runtime, session.user)
        return LevelMissing(client, reaches(reach_of(ways), wanted))
    payload = [str(request.id), str(session.id), client.id, int(session.now.timestamp())]
    sealed = seal_value(runtime.master, _PURPOSE, json.dumps(payload).encode(), runtime.entropy)
    return Found(request, client, shown_user_code(code), sealed)


async def decide(runtime: Runtime, session: BrowserSession, sealed: str, *, allow: bool) -> bool | None:
    """Whether the device is allowed now; None: too late, or not what this session was shown.

    Raises StoreUnavailable.
    """
    payload = open_value(runtime.master, _PURPOSE, sealed)
    if payload is None:
        return None
    request_id, session_id, client_id, shown_at = json.loads(payload)
    client = await runtime.clients.get(client_id)
    late = session.now.timestamp() - shown_at > DEVICE_CONFIRMATION_SECONDS
    if late or session_id != str(session.id) or client is None or (allow and not _may(runtime, session, client)):
        return None
    state = await requests.decide(
        runtime.db, UUID(request_id), allow=allow, user_id=session.user.id, session_id=session.id
    )
    if state is None:
        return None
    allowed = state is not RequestState.DENIED
    await audit.record(
        runtime.db,
        "device_allowed" if allowed else "device_denied",
        f"user:{session.user.id}",
        user_id=session.user.id,
        client_id=client.id,
        session_id=session.id,
        request=request_id,
    )
    return allowed


def _may(runtime: Runtime, session: BrowserSession, client: Client) -> bool:
    level = reaches(acr_of(session.amr), _wanted(runtime, session, client))
    return _has_role(session, client) and level and not _by_mail_alone(session, client)


def _by_mail_alone(session: BrowserSession, client: Client) -> bool:
    """Whether a mailed code opened the login, which this client does not allow."""
    return is_by_mail(session.amr) and not client.login.mail_code_login


def _wanted(runtime: Runtime, session: BrowserSession, client: Client) -> str:
    return required_rung(client, demanded_of(session.user.roles, runtime.settings.mfa_roles))


def _has_role(session: BrowserSession, client: Client) -> bool:
    return client.login.required_role is None or client.login.required_role in session.user.roles


def _digests(runtime: Runtime, code: str) -> list[bytes]:
    """Under every master key that is held: the code may be older than the newest."""
    master = runtime.master
    return [user_code_digest(master.derive(key_id, USER_CODE_KEY), code) for key_id in master.ids]
