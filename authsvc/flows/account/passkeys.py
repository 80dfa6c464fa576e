"""A person renames a passkey, or removes one with all that it opened."""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.account.end_removed_factor import end_what_it_opened
from authsvc.flows.account.sessions_and_apps import person
from authsvc.flows.factors.passkey_assertion import credential_of
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.proofs.tell_person import tell_person
from authsvc.flows.session.publish_revocation import publish_with_earlier
from authsvc.rules.errors import Rejected, rejected
from authsvc.rules.factors.passkeys import chosen_name, refusal
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.factors import passkeys
from authsvc.store.postgres import CHANGE_SECONDS
from authsvc.store.session.browser_sessions import BrowserSession

METHODS = ("hwk", "swk", "user")
"""What only a passkey proves of an `amr`."""


async def rename_passkey(runtime: Runtime, cookie: str | None, passkey_id: UUID, name: str) -> BrowserSession:
    """Give a passkey the person's own name for it; "" takes it back. Raises LoginNeeded, Rejected where they have
    no such one, StoreUnavailable."""
    session = await person(runtime, cookie, recently=True)
    if not await passkeys.rename(runtime.db, session.user.id, passkey_id, chosen_name(name)):
        raise not_there()
    return session


async def remove_passkey(
    runtime: Runtime, cookie: str | None, passkey_id: UUID, attempt: Attempt
) -> tuple[BrowserSession, bool]:
    """Delete a passkey, and end whatever it opened; False: this session, too, for nothing else did. `attempt`: what
    browser and network say of themselves. Raises LoginNeeded, Rejected where they have no such one, or no other way to
    log in (`passkey_last`); StoreUnavailable."""
    session = await person(runtime, cookie, recently=True)
    credential = credential_of(passkey_id)
    goes_on = set(session.credentials) != {credential}
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        owner = await passkeys.lock_owner(connection, session.id)
        if owner != session.user.id:
            raise rejected(refusal("session_ended"))
        if not await passkeys.remove(connection, owner, passkey_id):
            raise not_there()
        if not await passkeys.may_log_in_without(connection, owner):
            raise rejected(refusal("passkey_last"))
        keep = session if goes_on else None
        ended, lowered = await end_what_it_opened(connection, owner, credential, METHODS, keep=keep)
        await audit.record(
            connection,
            "passkey_removed",
            f"user:{owner}",
            user_id=owner,
            passkey=str(passkey_id),
            sessions=len(ended.sessions),
            session_id=session.id,
            **attempt.place.recorded,
        )
        await tell_person(
            runtime, connection, "factor_removed", session.user, when=runtime.clock.now(), place=attempt.place
        )
    await publish_with_earlier(runtime, ended, lowered)
    return session, goes_on


def not_there() -> Rejected:
    """Somebody else's looks like none at all."""
    return Rejected("not_found", "There is no such passkey.", "passkey_not_found", status=404)
