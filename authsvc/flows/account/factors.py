"""A person's second factors: set up, listed and removed by their owner.

Whatever changes them needs a recent login at the person's own level: a session that somebody else only kept alive has
none, and one that was opened by the password alone is not enough for who has a factor. What a factor opened ends when
it is removed; the session that removes it goes on as what else it has proved.
"""

from __future__ import annotations

from dataclasses import field
from uuid import UUID

from authsvc.flows.account.end_removed_factor import end_what_it_opened
from authsvc.flows.account.sessions_and_apps import LoginNeeded, person
from authsvc.flows.factors import one_time_code
from authsvc.flows.factors.ways import one_try, ways_of, wrong
from authsvc.flows.login.authenticate_person import Attempt, new_device_cookie
from authsvc.flows.proofs.tell_person import Place, tell_person
from authsvc.flows.session.publish_revocation import publish_with_earlier
from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc.rules.errors import Rejected
from authsvc.rules.factors.recovery_codes import BYTES as CODE_BYTES
from authsvc.rules.factors.recovery_codes import COUNT, code_of, digest_of_code
from authsvc.rules.factors.totp import SECRET_BYTES, address_of, text_of
from authsvc.rules.levels import combined
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.factors import one_time_codes, recovery_codes
from authsvc.store.factors.one_time_codes import Authenticator
from authsvc.store.postgres import CHANGE_SECONDS, Connection
from authsvc.store.session import browser_sessions
from authsvc.store.session.browser_sessions import BrowserSession
from authsvc_jws.base64url import base64url_encode

SET_UP_SECONDS = 900
"""How long an app may take to be confirmed."""


@frozen
class SettingUp:
    """An app that waits for its first code: the address that its QR code holds, and the secret to type instead."""

    address: str = field(repr=False)
    text: str = field(repr=False)


@frozen
class Factors:
    """What a person has. `setting_up`: what this session began; `codes_left`: recovery codes that are good."""

    session: BrowserSession = field(repr=False)
    app: Authenticator | None
    codes_left: int
    setting_up: SettingUp | None = None


@frozen
class Confirmed:
    """The session under a new cookie, and the recovery codes that were made along; () where there were some."""

    session: BrowserSession
    cookie: str = field(repr=False)
    device: str = field(repr=False)
    codes: tuple[str, ...] = field(repr=False)


async def factors_of(runtime: Runtime, cookie: str | None) -> Factors:
    """Raises LoginNeeded, StoreUnavailable."""
    session = await person(runtime, cookie)
    user_id = session.user.id
    app = await one_time_codes.confirmed(runtime.db, user_id)
    left = await recovery_codes.left(runtime.db, user_id)
    began = None
    if app is None:
        began = await one_time_codes.being_set_up(runtime.db, user_id, session.id, seconds=SET_UP_SECONDS)
    return Factors(session, app, left, _shown(runtime, session, began) if began else None)


def _shown(runtime: Runtime, session: BrowserSession, app: Authenticator) -> SettingUp:
    secret = one_time_code.secret_of(runtime, app)
    issuer, account = runtime.settings.brand_name, session.user.email
    return SettingUp(address_of(secret, issuer=issuer, account=account), text_of(secret))


async def begin_app(runtime: Runtime, cookie: str | None) -> BrowserSession:
    """Make a secret for an app that this session may confirm. Raises LoginNeeded, Rejected, StoreUnavailable."""
    session = await person(runtime, cookie, recently=True)
    factor_id = UUID(bytes=runtime.entropy(16), version=4)
    sealed = one_time_code.seal(runtime, session.user.id, factor_id, runtime.entropy(SECRET_BYTES))
    if not await one_time_codes.begin(runtime.db, session.user.id, session.id, factor_id, sealed):
        raise Rejected("conflict", "There is an app already: remove it first.", "factor_there", status=409)
    return session


async def confirm_app(runtime: Runtime, cookie: str | None, typed: str, attempt: Attempt) -> Confirmed:
    """The first code of the app that was begun: it is a factor from now on, and this session has proved it. `attempt`:
    what browser and network say of themselves. Raises LoginNeeded, Rejected (invalid_credentials), TooMany,
    StoreUnavailable."""
    session = await person(runtime, cookie, recently=True)
    app = await one_time_codes.being_set_up(runtime.db, session.user.id, session.id, seconds=SET_UP_SECONDS)
    fresh = base64url_encode(runtime.entropy(32))
    async with one_try(runtime, session.user, attempt.network) as place:
        codes = await _confirmed(runtime, session, app, typed, attempt, digest_of(cookie or ""), digest_of(fresh))
        place.counts = codes is None
    if codes is None:
        raise wrong()
    return Confirmed(session, fresh, new_device_cookie(runtime, session.user), codes)


async def _confirmed(
    runtime: Runtime,
    session: BrowserSession,
    app: Authenticator | None,
    typed: str,
    attempt: Attempt,
    old_hash: Digest,
    new_hash: Digest,
) -> tuple[str, ...] | None:
    """Take the code, step the session up and make recovery codes, all or nothing: who is answered 503 has used no code
    up. None: the code was wrong."""
    user = session.user
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        if app is None or not await one_time_code.take_code(
            runtime, app, typed, begun_in=session.id, connection=connection
        ):
            return None
        again = await browser_sessions.authenticated_again(
            connection,
            session.id,
            None,
            old_hash=old_hash,
            new_hash=new_hash,
            amr=combined(session.amr, one_time_code.AMR),
            credentials=(one_time_code.credential_of(app.id),),
            factor_generation=user.factor_generation,
            keep_time=True,
        )
        if again is None:  # it ended meanwhile, and nothing is changed
            raise LoginNeeded(again=False)
        await audit.record(
            connection,
            "factor_added",
            f"user:{user.id}",
            user_id=user.id,
            session_id=session.id,
            factor="otp",
            **attempt.place.recorded,
        )
        await tell_person(runtime, connection, "factor_added", user, when=runtime.clock.now(), place=attempt.place)
        some = await recovery_codes.left(connection, user.id)
        return () if some else await _new_codes(runtime, connection, session, attempt.place)


async def new_recovery_codes(
    runtime: Runtime, cookie: str | None, attempt: Attempt
) -> tuple[BrowserSession, tuple[str, ...]]:
    """Ten codes in place of whatever there were. `attempt`: what browser and network say of themselves. Raises
    LoginNeeded, Rejected, StoreUnavailable."""
    session = await person(runtime, cookie, recently=True)
    if not await ways_of(runtime, session.user):
        raise _no_factor()
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        codes = await _new_codes(runtime, connection, session, attempt.place)
    return session, codes


async def _new_codes(
    runtime: Runtime, connection: Connection, session: BrowserSession, place: Place
) -> tuple[str, ...]:
    user_id = session.user.id
    codes = tuple(code_of(runtime.entropy(CODE_BYTES)) for _ in range(COUNT))
    await recovery_codes.replace(connection, user_id, [digest_of_code(user_id, code) for code in codes])
    await audit.record(
        connection,
        "recovery_codes_made",
        f"user:{user_id}",
        user_id=user_id,
        session_id=session.id,
        **place.recorded,
    )
    return codes


async def remove_app(runtime: Runtime, cookie: str | None, attempt: Attempt) -> BrowserSession:
    """Remove the person's app, and end what it opened. `attempt`: what browser and network say of themselves. Raises
    LoginNeeded, Rejected, StoreUnavailable."""
    session = await person(runtime, cookie, recently=True)
    place = attempt.place
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        user = await users.lock(connection, session.user.email)
        factor_id = await one_time_codes.remove(connection, user.id) if user else None
        if user is None or factor_id is None:
            raise _no_factor()
        credential = one_time_code.credential_of(factor_id)
        over = await end_what_it_opened(connection, user.id, credential, one_time_code.AMR, keep=session)
        await audit.record(
            connection,
            "factor_removed",
            f"user:{user.id}",
            user_id=user.id,
            session_id=session.id,
            factor="otp",
            sessions=len(over[0].sessions),
            **place.recorded,
        )
        await tell_person(runtime, connection, "factor_removed", user, when=runtime.clock.now(), place=place)
    await publish_with_earlier(runtime, *over)
    return session


def _no_factor() -> Rejected:
    return Rejected("not_found", "There is no second factor.", "factor_missing", status=404)
