"""The `claims` parameter (OpenID Connect Core section 5.5): single claims about a person, where they shall stand.

Every claim is voluntary to us (section 5.5.1: what is not available is left out, also where it is called essential),
but for two that are conditions: a `sub` that must be the person, and an essential `acr` that we must reach.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from authsvc.rules.token.access_token import PASSWORD_ACR
from authsvc.rules.token.id_token import SCOPE_OF


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """`subject`: who must be logged in, None for anybody."""

    id_token: tuple[str, ...] = ()
    userinfo: tuple[str, ...] = ()
    subject: str | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """Scopes that open the claims asked for."""
        return tuple(dict.fromkeys(SCOPE_OF[name] for name in (*self.id_token, *self.userinfo)))


NO_CLAIMS = ClaimsRequest()


def read_claims_request(text: str | None, registered: Sequence[str]) -> ClaimsRequest | str:
    """What is asked for, or the reason (a lower_snake word) why it cannot be. `registered`: the client's scopes; a
    claim that none of them opens is left out."""
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
    if not _acr_reachable(members["id_token"].get("acr")):
        return "acr_not_reachable"
    names = {place: tuple(_allowed(member, registered)) for place, member in members.items()}
    return ClaimsRequest(**names, subject=next(iter(subjects), None))


def _has_value(asked: Any) -> bool:
    return isinstance(asked, dict) and isinstance(asked.get("value"), str | int | float)


def _acr_reachable(asked: Any) -> bool:
    """Section 5.5.1.1: an essential acr that cannot be reached is a failed authentication."""
    if not isinstance(asked, dict) or asked.get("essential") is not True:
        return True
    wanted = [asked["value"]] if "value" in asked else asked.get("values")
    return wanted is None or (isinstance(wanted, list) and PASSWORD_ACR in wanted)


def _allowed(member: dict[str, Any], registered: Sequence[str]) -> list[str]:
    return [name for name in SCOPE_OF if name in member and SCOPE_OF[name] in registered]
