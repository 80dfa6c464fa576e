"""What a grant gives: decided and committed, not yet signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from authsvc.records import frozen
from authsvc.rules.person_record import Login
from authsvc.rules.token.exchange import Exchange
from authsvc.rules.token.refresh_token import RefreshToken


@frozen
class Identified:
    """What an ID token says besides who logged in, when and how. `about`: further claims about the person."""

    nonce: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Granted:
    """`subject`: who the access token speaks for, None: the client itself; `now`: the committing statement's time, or
    the clock's; `expires_at`: when all that is given ends at the latest; `refresh_token`, `identified` (what the ID
    token says): None where none is given.

    Final where other records are frozen: that takes 0.4 µs to make, and a frozen one 1.3."""

    subject: Final[Login | Exchange | None]
    scope: Final[Sequence[str]]
    audience: Final[Sequence[str]]
    now: Final[datetime]
    expires_at: Final[datetime | None] = None
    refresh_token: Final[RefreshToken | None] = None
    identified: Final[Identified | None] = None
