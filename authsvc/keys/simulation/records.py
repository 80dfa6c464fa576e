"""What goes around in the world: tokens, and sets of keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

DISTANT_PAST: Final = datetime.min.replace(tzinfo=UTC)
DISTANT_FUTURE: Final = datetime.max.replace(tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
NO_TIME: Final = timedelta()
CLOCKS_APART: Final = 0.5 * SECOND
"""How far a replica's reading of PostgreSQL's clock may be off: half a slow round trip."""


class Token(NamedTuple):
    """`iat`, `exp` by the clock of the replica `by`. Its kid is its signature: nobody forges here."""

    number: int
    kid: str
    alg: str
    iat: datetime
    exp: datetime
    by: str


class Served(NamedTuple):
    """A JWKS as somebody got it: from the replica `by`, which the balancer held for `ready`."""

    kids: frozenset[str]
    by: str
    ready: bool
