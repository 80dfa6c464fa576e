"""What is known of the keys at the `jwks_uri` of clients, and when to ask again. Times are monotonic seconds.

A set serves for ten minutes, and for a day where the client's host is away. A `kid` that is not in it is a reason to
ask, but nobody can make us ask more often than once in 30 seconds, whatever is sent and however it ends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FRESH_SECONDS = 600.0
STALE_SECONDS = 86_400.0
PAUSE_SECONDS = 30.0
MAX_SETS = 1000

Place = tuple[str, str]
"""Client id and jwks_uri: a client that names another place is asked for there at once."""


@dataclass(slots=True)
class KeySet:
    """`jwks`: the last good answer, None before the first. `failure`: why the last try failed, '' where it did not."""

    jwks: Mapping[str, Any] | None = None
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    failure: str = ""

    def must_ask(self, kid: str | None, now: float) -> bool:
        """Whether the client's host is to be asked before a signature by `kid` is judged."""
        if now - self.tried_at < PAUSE_SECONDS:
            return False
        if self.jwks is None or now - self.fetched_at >= FRESH_SECONDS:
            return True
        return kid is not None and all(key.get("kid") != kid for key in self.jwks["keys"])

    def usable(self, now: float) -> Mapping[str, Any] | None:
        return self.jwks if now - self.fetched_at < STALE_SECONDS else None

    def answered(self, jwks: Mapping[str, Any], now: float) -> None:
        self.jwks, self.fetched_at, self.tried_at, self.failure = jwks, now, now, ""

    def failed(self, reason: str, now: float) -> None:
        self.tried_at, self.failure = now, reason


@dataclass(slots=True)
class RemoteKeys:
    """The sets of this worker; the one that was asked for longest ago is forgotten first."""

    sets: OrderedDict[Place, KeySet] = field(default_factory=OrderedDict)

    def of(self, place: Place) -> KeySet:
        known = self.sets.setdefault(place, KeySet())
        self.sets.move_to_end(place)
        if len(self.sets) > MAX_SETS:
            self.sets.popitem(last=False)
        return known
