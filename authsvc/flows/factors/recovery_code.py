"""A recovery code, good once. Rule: `rules/factors/recovery_codes`."""

from __future__ import annotations

from collections.abc import Mapping

from authsvc.flows.factors.way import Proved, Way
from authsvc.rules.factors.recovery_codes import digest_of_code
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.factors import recovery_codes

CREDENTIAL = "recovery_code"
AMR = ("mfa",)
"""RFC 8176 has no name for what somebody wrote down; that it was a second factor is true."""


async def _check(runtime: Runtime, user: User, values: Mapping[str, str], _binding: str) -> Proved | None:
    left = await recovery_codes.spend(runtime.db, user.id, digest_of_code(user.id, values.get("code", "")))
    if left is None:
        return None
    await audit.record(runtime.db, "recovery_code_used", f"user:{user.id}", user_id=user.id, left=left)
    return Proved(AMR, (CREDENTIAL,))


RECOVERY_CODE = Way(name="recovery_code", check=_check, spare=True)
