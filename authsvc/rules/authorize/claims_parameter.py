"""The `claims` parameter (OpenID Connect Core section 5.5): single claims about a person, where they shall stand.

Every claim is voluntary to us (section 5.5.1: what is not available is left out, also where it is called essential),
but for two that are conditions: a `sub` that must be the person, and an essential `acr` that the login must reach.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from authsvc.reason import Reason
from authsvc.records import frozen
from authsvc.rules.levels import known
from authsvc.rules.token.id_token import ALIASES, SCOPE_OF

_OPENED_BY = {name: (scope,) for name, scope in SCOPE_OF.items()} | {
    name: tuple(sorted(scopes)) for name, (_, scopes) in ALIASES.items()
}


@frozen
class ClaimsRequest:
    """`subject`: who must be logged in, None for anybody. `acr`: contexts of which the login must reach one; those of
    `acr_wish` it should. Each in the order of preference."""

    id_token: tuple[str, ...] = ()
    userinfo: tuple[str, ...] = ()
    subject: str | None = None
    acr: tuple[str, ...] = ()
    acr_wish: tuple[str, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        """Scopes that open the claims asked for."""
        return tuple(dict.fromkeys(one for name in (*self.id_token, *self.userinfo) for one in _OPENED_BY[name]))


NO_CLAIMS = ClaimsRequest()


def read_claims_request(
    text: str | None, registered: Sequence[str], *, aliases: bool = False
) -> ClaimsRequest | Reason:
    """What is asked for, or the reason why it cannot be. `registered`: the client's scopes; a
    claim that they do not open is left out. `aliases`: the client's policy, to be told second names, too."""
    if text is None:
        return NO_CLAIMS
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        return "claims_malformed"
    if not isinstance(asked, dict):
        return "claims_malformed"
    members = {place: asked.get(place) or {} for place in ("id_token", "userinfo")}
    if not all(
        isinstance(member, dict) and all(isinstance(one, dict | None) for one in member.values())
        for member in members.values()
    ):
        return "claims_malformed"
    subjects = {member["sub"]["value"] for member in members.values() if _has_value(member.get("sub"))}
    if not all(isinstance(subject, str) for subject in subjects) or len(subjects) > 1:
        return "claims_subject_malformed"
    acr = _acr(members["id_token"].get("acr"))
    if isinstance(acr, str):
        return acr
    names = {place: tuple(_allowed(member, registered, aliases)) for place, member in members.items()}
    must, wish = acr
    return ClaimsRequest(**names, subject=next(iter(subjects), None), acr=must, acr_wish=wish)


def _has_value(asked: Any) -> bool:
    return isinstance(asked, dict) and isinstance(asked.get("value"), str | int | float)


def _acr(asked: Any) -> tuple[tuple[str, ...], tuple[str, ...]] | Reason:
    """What the login must and what it should reach. Section 5.5.1.1: an essential acr that cannot be reached is a
    failed authentication, and so is one that nobody here knows."""
    if not isinstance(asked, dict):
        return (), ()
    values = [asked["value"]] if "value" in asked else asked.get("values")
    found = known(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
    if asked.get("essential") is not True:
        return (), found
    return "acr_not_reachable" if values is not None and not found else (found, ())


def _allowed(member: dict[str, Any], registered: Sequence[str], aliases: bool) -> list[str]:
    return [
        name
        for name, scopes in _OPENED_BY.items()
        if name in member and set(scopes) <= set(registered) and (aliases or name not in ALIASES)
    ]
