"""What a factor opened ends with it, in the transaction that removes it."""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.factors.recovery_code import CREDENTIAL as BY_RECOVERY_CODE
from authsvc.flows.factors.way import MAILED_CODE, PASSWORD
from authsvc.rules.levels import without
from authsvc.store.factors import held, recovery_codes
from authsvc.store.postgres import Connection
from authsvc.store.session.browser_sessions import BrowserSession
from authsvc.store.session.sessions import Ended


async def end_what_it_opened(
    connection: Connection,
    user_id: UUID,
    credential: str,
    methods: tuple[str, ...],
    *,
    keep: BrowserSession | None,
) -> tuple[Ended, Ended]:
    """End the sessions that a credential opened which this transaction has removed, and lower `keep`, the one that goes
    on; no login that is under way slips in behind. Both are to be published after it. Recovery codes, and what they
    opened, go with the last factor. `methods`: of RFC 8176, which the credential proved."""
    gone = [credential]
    if await held.held(connection, user_id) <= {"recovery_code"}:
        await recovery_codes.replace(connection, user_id, ())
        gone.append(BY_RECOVERY_CODE)
    await held.outdate_logins(connection, user_id)
    reason = "factor_removed"
    ended = await held.end_opened(connection, user_id, gone, reason, keep=keep.id if keep else None)
    lowered = Ended((), 0, 0)
    if keep is not None and not set(gone).isdisjoint(keep.credentials):
        before = PASSWORD.amr if set(MAILED_CODE.credentials).isdisjoint(keep.credentials) else MAILED_CODE.amr
        amr = without(keep.amr, methods) or before  # what it was opened by before it was authenticated again
        lowered = await held.lower(connection, keep.id, amr, gone, reason)
    return ended, lowered
