"""Somebody chooses a password, for themselves or for another: judged by the rules, and looked up among those that
leaked, where the operator names a list."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from authsvc.rules.errors import Rejected
from authsvc.rules.people.new_password import Fault, judge_given_password, judge_new_password, known_to_attackers
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime


async def judge_choice(
    runtime: Runtime, new: str, repeated: str, *, account: str, name: str, current: str | None = None
) -> Fault | None:
    """What is wrong with a password that a person typed twice. `account`: their address; `current`: None where there is
    none to type."""
    settings = runtime.settings
    fault = judge_new_password(
        current, new, repeated, account, settings.brand_name, name=name, least=settings.password_characters
    )
    return "password_common" if fault is None and await runtime.passwords.is_breached(new) else fault


def password_refused(runtime: Runtime, fault: Fault, members: Mapping[str, Any] = MappingProxyType({})) -> Rejected:
    """What a frontend is told of it. `members`: beside the error, what must come back with another password."""
    description = {
        "password_short": f"A password needs at least {runtime.settings.password_characters} characters.",
        "password_long": "The password is longer than 1024 bytes.",
    }.get(fault, "This password is known to attackers: choose another one.")
    return Rejected("password_refused", description, fault, members=members)


async def judge_given(runtime: Runtime, password: str, *, account: str, name: str) -> Refused | None:
    """The same of a password that an operator gives, in an operator's words."""
    settings = runtime.settings
    least = settings.password_characters
    refused = judge_given_password(password, account, settings.brand_name, name=name, least=least)
    return known_to_attackers() if refused is None and await runtime.passwords.is_breached(password) else refused
