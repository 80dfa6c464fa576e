"""A recovery code, good once, and told by mail in the same transaction. Rule: `rules/factors/recovery_codes`."""

from __future__ import annotations

from authsvc.flows.factors.way import Proved, Tried, Way
from authsvc.flows.proofs.tell_person import tell_person
from authsvc.rules.factors.recovery_codes import digest_of_code
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.factors import recovery_codes

CREDENTIAL = "recovery_code"
AMR = ("mfa",)
"""RFC 8176 has no name for what somebody wrote down; that it was a second factor is true."""


async def _check(runtime: Runtime, user: User, tried: Tried) -> Proved | None:
    digest = digest_of_code(user.id, tried.values.get("code", ""))
    async with runtime.db.transaction() as connection:
        left = await recovery_codes.spend(connection, user.id, digest)
        if left is None:
            return None
        await audit.record(
            connection,
            "recovery_code_used",
            f"user:{user.id}",
            user_id=user.id,
            left=left,
            **tried.place.recorded,
        )
        await tell_person(
            runtime,
            connection,
            "recovery_code_used",
            user,
            when=runtime.clock.now(),
            place=tried.place,
        )
    return Proved(AMR, (CREDENTIAL,))


RECOVERY_CODE = Way(name="recovery_code", check=_check, spare=True)
