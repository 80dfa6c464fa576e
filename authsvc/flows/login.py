"""A person logs in with e-mail and password: a session, and its first grant.

Order: limits (before any hashing) -> person -> password -> policy -> session. Known and unknown addresses take the
same steps and the same time, and get the same answer. Trouble in a store is never counted as a failed attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from authsvc import metrics
from authsvc.device_name import device_name
from authsvc.flows.issue import Tokens, access_token
from authsvc.oauth import device_cookie
from authsvc.oauth.claims import Person, audience_of
from authsvc.oauth.errors import (
    AccessDeniedError,
    InvalidCredentialsError,
    Rejected,
    TooMany,
    UnauthorizedClientError,
    plain,
)
from authsvc.oauth.records import Client, User
from authsvc.oauth.refresh_token import RefreshToken, encode
from authsvc.runtime import Runtime
from authsvc.store import sessions, users
from authsvc.store.failures import Bucket

MAX_DEVICE_INFO = 120
MAX_USER_AGENT = 512
AMR = ("pwd",)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login as it was sent. `device` is the device cookie, `address` and `network` the peer's."""

    email: str
    password: str = field(repr=False)
    remember_me: bool
    device_info: str | None
    user_agent: str | None
    address: str | None
    network: str
    device: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    tokens: Tokens
    user: User
    session_id: UUID
    remember_me: bool
    device: str = field(repr=False)
    now: datetime


async def login(runtime: Runtime, client: Client, attempt: Attempt) -> LoggedIn:
    """Raises Rejected (invalid_credentials, access_denied, unauthorized_client), TooMany, Unavailable."""
    if not client.first_party:
        raise Rejected(
            UnauthorizedClientError("This client may not log people in by password."), "client_not_first_party"
        )
    email = users.normal_email(attempt.email)
    account = _account(runtime, email)
    device = device_cookie.device_of(runtime.current_key("device cookie"), account, attempt.device or "")
    buckets = _buckets(runtime, account, device, attempt.network)
    name = runtime.entropy(8).hex()
    wait = await runtime.failures.take(buckets, name)
    if wait:
        metrics.rate_limited.labels("login").inc()
        metrics.logins.labels("limited").inc()
        raise TooMany("login_failures", retry_after=wait)
    try:
        logged_in = await _judged(runtime, client, attempt, email, known=device is not None)
    except Rejected as rejected:
        # A right password that policy turns away is no guess: it gives its place back, like trouble does.
        if rejected.reason == "role_missing":
            await runtime.failures.give_back(buckets, name)
        metrics.logins.labels(rejected.reason).inc()
        raise
    except BaseException:
        await runtime.failures.give_back(buckets, name)
        raise
    await runtime.failures.give_back(buckets, name)
    metrics.logins.labels("ok").inc()
    return logged_in


def _account(runtime: Runtime, email: str) -> bytes:
    return device_cookie.account_digest(runtime.current_key("account digest"), email)


def _buckets(runtime: Runtime, account: bytes, device: str | None, network: str) -> list[Bucket]:
    settings = runtime.settings
    if device:
        return [Bucket(f"login-device:{account.hex()}:{device}", settings.login_account_failures)]
    return [
        Bucket(f"login-account:{account.hex()}", settings.login_account_failures),
        Bucket(f"login-network:{network}", settings.login_network_failures),
    ]


async def _judged(runtime: Runtime, client: Client, attempt: Attempt, email: str, *, known: bool) -> LoggedIn:
    user = await users.by_email(runtime.db, email)
    stored = user.password_hash if user and user.disabled_at is None else None
    checked = await runtime.passwords.check(attempt.password, stored, known=known)
    if user is None or stored is None or not checked.right:
        raise _refused(user)
    if client.required_role and client.required_role not in user.roles:
        raise Rejected(
            AccessDeniedError(f"This account lacks the role {plain(client.required_role)}.", status_code=403),
            "role_missing",
        )
    if checked.upgrade and await users.upgrade_hash(runtime.db, user.id, stored, checked.upgrade):
        stored = checked.upgrade
    return await _begin(runtime, client, attempt, user, stored)


def _refused(user: User | None) -> Rejected:
    reason = "user_unknown" if user is None else "user_disabled" if user.disabled_at else "password_wrong"
    return Rejected(InvalidCredentialsError("The e-mail address or the password is wrong."), reason)


async def _begin(runtime: Runtime, client: Client, attempt: Attempt, user: User, password_hash: str) -> LoggedIn:
    remember_me = attempt.remember_me and client.remember_me_allowed
    session_id, grant_id, secret = UUID(bytes=runtime.entropy(16)), UUID(bytes=runtime.entropy(16)), runtime.entropy(16)
    first = RefreshToken(runtime.master.current_id, grant_id, 0, secret)
    audience = audience_of(client, runtime.settings.issuer)
    begun = await sessions.begin(
        runtime.db,
        session_id=session_id,
        user_id=user.id,
        password_hash=password_hash,
        device_info=(attempt.device_info or device_name(attempt.user_agent))[:MAX_DEVICE_INFO],
        ip_address=attempt.address,
        user_agent=attempt.user_agent[:MAX_USER_AGENT] if attempt.user_agent else None,
        amr=AMR,
        remember_me=remember_me,
        lifetime_seconds=_lifetime(runtime, client, remember_me),
        grant_id=grant_id,
        client_id=client.id,
        scope=client.scopes,
        audience=audience,
        secret_hash=first.secret_hash,
    )
    if begun is None:
        raise _refused(user)
    token, lifetime = access_token(
        runtime, client, grant_type="password_login", scope=client.scopes, audience=audience,
        person=Person(str(user.id), str(session_id), begun.now, AMR, user.roles), now=begun.now,
        session_expires_at=begun.expires_at,
    )  # fmt: skip
    key = runtime.refresh_mac_key(first.key_id)
    assert key is not None
    tokens = Tokens(
        access_token=token,
        expires_in=lifetime,
        scope=client.scopes,
        refresh_token=encode(first, key, client.id),
        refresh_token_expires_in=int((begun.expires_at - begun.now).total_seconds()),
    )
    cookie = device_cookie.make(
        runtime.current_key("device cookie"), _account(runtime, user.email), runtime.entropy(16)
    )
    return LoggedIn(tokens, user, session_id, remember_me, cookie, begun.now)


def _lifetime(runtime: Runtime, client: Client, remember_me: bool) -> int:
    if remember_me:
        return client.remember_me_seconds or runtime.settings.remember_me_seconds
    return client.session_seconds or runtime.settings.session_seconds
