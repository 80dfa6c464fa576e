"""What a thief may have added to an account goes when its owner takes it back. Rule: `rules/proofs/taken_back`.

All sessions end in the same transaction, and no device is trusted any more, so nothing here asks what opened what.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.proofs.taken_back import moment_of, removes_app
from authsvc.store.factors import added, held, one_time_codes, recovery_codes
from authsvc.store.postgres import Connection


@frozen
class RemovedSince:
    """What went: whether the authenticator app, how many passkeys and recovery codes."""

    app: bool = False
    passkeys: int = 0
    recovery_codes: int = 0


async def remove_added(connection: Connection, user_id: UUID, made_at: datetime) -> RemovedSince:
    """Remove what was added since a letter of this time was made. The person's row is locked."""
    moment = moment_of(made_at)
    app = await one_time_codes.confirmed(connection, user_id)
    had_one = await added.had_app(connection, user_id, moment)
    goes = removes_app(app.confirmed_at if app else None, moment, had_one=had_one)
    if goes:
        await one_time_codes.remove(connection, user_id)
    passkeys = await added.remove_passkeys(connection, user_id, moment)
    codes = await added.remove_recovery_codes(connection, user_id, moment)
    if await held.held(connection, user_id) <= {"recovery_code"}:
        await recovery_codes.replace(connection, user_id, ())  # they go with the last factor
    await held.outdate_logins(connection, user_id)
    return RemovedSince(goes, passkeys, codes)
