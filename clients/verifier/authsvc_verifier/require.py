"""What a route wants of a good token: scope, role, and how and when the person logged in (RFC 9470). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from authsvc_verifier.claims import Claims
from authsvc_verifier.errors import InsufficientRole, InsufficientScope, Refused, StepUpNeeded

Stale = Literal["accept", "introspect", "refuse"]
"""What to do with a token while the revocation feed is older than it should be."""
STALE: tuple[Stale, ...] = ("accept", "introspect", "refuse")

_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # scope-token, RFC 6749 section 3.3


@dataclass(frozen=True, slots=True)
class Requirement:
    """`scope`: all of them; `role` and `acr`: one of them; `max_age`: seconds since the login at most; `stale`: instead
    of the verifier's own policy."""

    scope: tuple[str, ...] = ()
    role: tuple[str, ...] = ()
    max_age: int | None = None
    acr: tuple[str, ...] = ()
    stale: Stale | None = None


NOTHING = Requirement()


def require(
    scope: str | Iterable[str] = (),
    role: str | Iterable[str] = (),
    max_age: int | None = None,
    acr: str | Iterable[str] = (),
    stale: Stale | None = None,
) -> Requirement:
    """Words in one text are separated by spaces. Raises ValueError for what no challenge could say."""
    need = Requirement(_words(scope), _texts(role), max_age, _words(acr), stale)
    if not all(_WORD.fullmatch(word) for word in (*need.scope, *need.acr)):
        raise ValueError("scope and acr are words without quotes, backslashes and control characters")
    if max_age is not None and max_age < 0:
        raise ValueError("max_age is in seconds, from 0 on")
    if stale is not None and stale not in STALE:
        raise ValueError(f"stale is one of {STALE}")
    return need


def judge_requirement(claims: Claims, need: Requirement, now: float, leeway: float = 0.0) -> Refused | None:
    """Judge whether the claims of a good token are enough for a route. None: let it in. What no other login would give
    is said first."""
    if need.scope and not claims.scope.issuperset(need.scope):
        return InsufficientScope(need.scope)
    if need.role and not set(need.role) & set(claims.roles):
        return InsufficientRole()
    if need.acr and claims.acr not in need.acr:
        return StepUpNeeded("acr_too_low", need.acr, need.max_age)
    if need.max_age is not None and (claims.auth_time is None or claims.auth_time + need.max_age < now - leeway):
        return StepUpNeeded("login_too_old", need.acr, need.max_age)
    return None


def _words(given: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(given.split()) if isinstance(given, str) else tuple(given)


def _texts(given: str | Iterable[str]) -> tuple[str, ...]:
    """A role may hold spaces: one text is one role."""
    return (given,) if isinstance(given, str) else tuple(given)
