"""What a grant gives: decided and committed, not yet signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from authsvc.rules.person_record import Login
from authsvc.rules.token.exchange import Exchange
from authsvc.rules.token.refresh_token import RefreshToken


@dataclass(frozen=True, slots=True)
class Identified:
    """What an ID token says besides who logged in, when and how. `about`: further claims about the person."""

    nonce: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """`subject`: who the access token speaks for, None: the client itself; `now`: the committing statement's time, or
    the clock's; `expires_at`: when all that is given ends at the latest; `refresh_token`, `identified` (what the ID
    token says): None where none is given."""

    subject: Login | Exchange | None
    scope: Sequence[str]
    audience: Sequence[str]
    now: datetime
    expires_at: datetime | None = None
    refresh_token: RefreshToken | None = None
    identified: Identified | None = None
