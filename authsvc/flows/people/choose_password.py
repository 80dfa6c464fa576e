"""A person chooses a password: judged by the rules."""

from __future__ import annotations

from authsvc.rules.people.new_password import Fault, judge_password
from authsvc.runtime import Runtime


async def judge_choice(runtime: Runtime, new: str, repeated: str, *, account: str, name: str) -> Fault | None:
    """What is wrong with a password that somebody typed twice. `account`: their address."""
    if not new or not repeated:
        return "missing"
    if new != repeated:
        return "password_mismatch"
    return judge_password(new, account, runtime.settings.brand_name)
