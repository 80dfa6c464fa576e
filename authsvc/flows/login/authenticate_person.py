"""Who stands behind an e-mail address and a password: the judgement that every login shares.

Order: room for a stranger's hash -> limits -> person -> password -> policy. Known and unknown addresses take the same
steps and the same time, and get the same answer. Trouble in a store is never counted as a failed attempt. Only who
shows a genuine device cookie has the person looked up first: whether it is still good is the person's to say.
"""

from __future__ import annotations

from dataclasses import field
from uuid import UUID

from authsvc import metrics
from authsvc.device_name import MAX_DEVICE_INFO, MAX_USER_AGENT, device_name
from authsvc.flows.caller.limits import network_buckets, within_limit
from authsvc.flows.factors.way import PASSWORD, Proved
from authsvc.flows.proofs.tell_person import Place
from authsvc.flows.session.lifetime import lifetime
from authsvc.passwords import Asker
from authsvc.reason import Reason
from authsvc.records import frozen
from authsvc.rules.client_record import Client, Digest
from authsvc.rules.errors import Rejected, TooMany, plain
from authsvc.rules.login import device_cookie
from authsvc.rules.people.person import ascii_email, normal_email
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store.account import users
from authsvc.store.caller.attempts import Bucket
from authsvc.store.session.sessions import NewSession

DEVICES_OF_ACCOUNT = 3
"""All known devices of an account together may fail so many times as often as one of them."""
WIDE_NETWORK = 10
"""Known devices of a network may fail so many times as often as its strangers."""


@frozen
class Attempt:
    """One login as it was sent. `device` is the device cookie, `address` and `network` the peer's; `language`: what the
    browser asks for, "" where it does not."""

    email: str
    password: str = field(repr=False)
    remember_me: bool
    device_info: str | None
    user_agent: str | None
    address: str | None
    network: str
    device: str | None = field(repr=False, default=None)
    language: str = ""

    @property
    def place(self) -> Place:
        """From where it came, as people read it."""
        return Place(device_name(self.user_agent), self.address or "", self.language)


@frozen
class Authenticated:
    """Who logs in, and what they have proved in all. `password_hash`: of the password that they knew, None where none
    was asked for."""

    user: User
    password_hash: str | None = field(repr=False)
    proved: Proved = PASSWORD


async def authenticate_person(runtime: Runtime, attempt: Attempt, *, required_role: str | None) -> Authenticated:
    """Raises Rejected (invalid_credentials, access_denied), TooMany, Unavailable, StoreUnavailable."""
    email = normal_email(attempt.email)
    account = _account(runtime, email)
    known = await _known(runtime, email, attempt.device)
    if known is None:  # most of a flood ends here, and costs no store anything
        runtime.passwords.refuse_when_full(known=False)
    buckets = _buckets(runtime, account, known.device if known else None, attempt.network)
    try:
        async with within_limit(runtime, buckets, "login", "login_failures", guess=True) as place:
            try:
                return await _judged(runtime, attempt, email, required_role, known)
            except Rejected as rejected:
                place.counts = rejected.reason != "role_missing"  # a right password that policy turns away is no guess
                raise
    except Rejected as rejected:
        metrics.logins.labels(rejected.reason).inc()
        raise
    except TooMany:
        metrics.logins.labels("limited").inc()
        raise


def new_session(
    runtime: Runtime, client: Client | None, attempt: Attempt, person: Authenticated, cookie_hash: Digest | None = None
) -> NewSession:
    """The session to begin. `client`: None where the person came to one of our own pages."""
    remember_me = attempt.remember_me and (client is None or client.login.remember_me_allowed)
    return NewSession(
        id=UUID(bytes=runtime.entropy(16)),
        user_id=person.user.id,
        password_hash=person.password_hash,
        device_info=(attempt.device_info or device_name(attempt.user_agent))[:MAX_DEVICE_INFO],
        ip_address=attempt.address,
        user_agent=attempt.user_agent[:MAX_USER_AGENT] if attempt.user_agent else None,
        amr=person.proved.amr,
        remember_me=remember_me,
        lifetime_seconds=lifetime(runtime, client, remember_me),
        cookie_hash=cookie_hash,
        credentials=person.proved.credentials,
        factor_generation=person.user.factor_generation,
    )


def asker(runtime: Runtime, attempt: Attempt, *, known: bool) -> Asker:
    """On whose behalf a password is hashed."""
    return Asker(_account(runtime, normal_email(attempt.email)).hex(), attempt.network, known)


def refused(user: User | None) -> Rejected:
    """One answer for whatever was wrong; the reason is for the log."""
    reason: Reason = "user_unknown" if user is None else "user_disabled" if user.disabled_at else "password_wrong"
    return Rejected("invalid_credentials", "The e-mail address or the password is wrong.", reason, status=401)


def _account(runtime: Runtime, email: str) -> bytes:
    return device_cookie.account_digest(runtime.current_key("account digest"), email)


def new_device_cookie(runtime: Runtime, user: User) -> str:
    """What proves from now on that this person has logged in from this device."""
    return device_cookie.make(
        runtime.current_key("device cookie"),
        _account(runtime, normal_email(user.email)),
        user.device_generation,
        runtime.entropy(16),
        now=int(runtime.clock.seconds()),
    )


def is_known_device(runtime: Runtime, user: User, cookie: str | None) -> bool:
    """Whether a device cookie is genuine, of this person, and of a time since their password was last changed."""
    device = _device(runtime, normal_email(user.email), cookie) if cookie else None
    return device is not None and device.generation == user.device_generation


@frozen
class _Known:
    """A device on which this person has logged in, and no new password since."""

    device: str
    user: User


async def _known(runtime: Runtime, email: str, cookie: str | None) -> _Known | None:
    shown = _device(runtime, email, cookie) if cookie else None
    user = await users.by_email(runtime.db, email, ascii_email(email)) if shown else None
    if shown is None or user is None or user.device_generation != shown.generation:
        return None
    return _Known(shown.name, user)


def _device(runtime: Runtime, email: str, cookie: str) -> device_cookie.Device | None:
    """Under every master key that is held: the cookie may be older than the newest."""
    now = int(runtime.clock.seconds())
    for key_id in runtime.master.ids:
        account = device_cookie.account_digest(runtime.master.derive(key_id, "account digest"), email)
        device = device_cookie.device_of(runtime.master.derive(key_id, "device cookie"), account, cookie, now=now)
        if device:
            return device
    return None


def _buckets(runtime: Runtime, account: bytes, device: str | None, network: str) -> list[Bucket]:
    of_account, of_network = runtime.settings.login_account_failures, runtime.settings.login_network_failures
    if device:
        return [
            Bucket(f"login-device:{account.hex()}:{device}", of_account),
            Bucket(f"login-devices:{account.hex()}", of_account * DEVICES_OF_ACCOUNT),
            *network_buckets("login-devices-network", network, of_network * WIDE_NETWORK),
        ]
    return [
        Bucket(f"login-account:{account.hex()}", of_account),
        *network_buckets("login-network", network, of_network),
    ]


async def _judged(
    runtime: Runtime, attempt: Attempt, email: str, required_role: str | None, known: _Known | None
) -> Authenticated:
    user = known.user if known else await users.by_email(runtime.db, email, ascii_email(email))
    stored = user.password_hash if user and user.disabled_at is None else None
    checked = await runtime.passwords.check(attempt.password, stored, asker(runtime, attempt, known=known is not None))
    if user is None or stored is None or not checked.right:
        raise refused(user)
    if required_role and required_role not in user.roles:
        raise Rejected(
            "access_denied", f"This account lacks the role {plain(required_role)}.", "role_missing", status=403
        )
    if checked.upgrade and await users.upgrade_hash(runtime.db, user.id, stored, checked.upgrade):
        stored = checked.upgrade
    return Authenticated(user, stored)
