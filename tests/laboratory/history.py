"""What was asked and answered: one `Call` each, by a monotonic clock. It imports nothing of the service."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

OK, REFUSED, UNAVAILABLE, BROKEN, UNKNOWN = "ok", "refused", "unavailable", "broken", "unknown"
"""2xx or a redirect; 4xx; an honest 503 or 429; any other answer; none at all."""
RATE_LIMITED, NOT_NOW = 429, 503


class Lineage(NamedTuple):
    """A refresh token, opened as its specification says: the grant and its secret are those of every generation."""

    grant: str
    secret: str
    generation: int


def opened(refresh_token: str) -> Lineage:
    """Version 1, key id 1, grant 16, generation 4, secret 16, MAC 16 bytes."""
    raw = urlsafe_b64decode(refresh_token)
    return Lineage(raw[2:18].hex(), raw[22:38].hex(), int.from_bytes(raw[18:22]))


def claims(token: str, part: int = 1) -> dict[str, Any]:
    """Of a JWT, unverified; `part` 0: its header."""
    text = token.split(".")[part]
    said: dict[str, Any] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return said


@dataclass
class Call:
    """`what`: login, redeem, refresh, end, introspect, userinfo, machine, jwks, tick.

    `presented`, `given`: refresh tokens; `access`: an access token that was given, or shown to introspect and userinfo;
    `active`: what these two said. `person` and `spares` of an `end` of all sessions: those of the person but this
    grant; else `grant` alone is ended. `seconds`: of a tick. `heard`: whether whoever asked was let hear the answer.
    """

    what: str
    place: int
    began: float
    grant: str = ""
    person: str = ""
    spares: str | None = None
    presented: str = ""
    given: str = ""
    access: str = ""
    code: str = ""
    active: bool | None = None
    seconds: float = 0
    ended: float | None = None
    outcome: str = UNKNOWN
    status: int = 0
    error: str = ""
    odd: str = ""
    """What an honest 503 must not say."""
    heard: bool = True
    settled: bool = False
    """Asked when everything was healed again: it must be answered."""

    @property
    def answered(self) -> bool:
        return self.outcome in (OK, REFUSED)

    def line(self) -> str:
        """For people."""
        shown = f"{self.began:9.3f} {'' if self.ended is None else f'{self.ended - self.began:.3f}':>6} @{self.place}"
        generations = [str(opened(token).generation) for token in (self.presented, self.given) if token]
        words = [self.what, self.grant[:6], "->".join(generations), self.outcome, str(self.status or ""), self.error]
        return " ".join([shown, *filter(None, words), *([] if self.active is None else [f"active={self.active}"])])


class Row(NamedTuple):
    """A grant as PostgreSQL had it in the end."""

    generation: int
    ended: bool


class Keys(NamedTuple):
    """What a replica's JWKS held."""

    place: int
    began: float
    ended: float
    keys: dict[str, dict[str, str]]
    """By kid."""


@dataclass
class History:
    """One schedule. `revoked`: grants in the order of their revocations, as PostgreSQL committed them."""

    calls: list[Call] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    jwks: list[Keys] = field(default_factory=list)
    withdrawn: set[str] = field(default_factory=set)
    """Kids that an operator took back."""
    evicting: list[tuple[float, float]] = field(default_factory=list)
    """(from, until): meanwhile Redis may have evicted anything, at any moment."""
    loses_commits: bool = False
    """PostgreSQL failed over to a standby that lacked the last commits: one generation ahead is no violation."""
    wall: float = 0
    """What time.time() is at the clock's zero."""

    def of(self, *kinds: str) -> list[Call]:
        return [call for call in self.calls if call.what in kinds]

    def logins(self) -> dict[str, Call]:
        """The call that began each grant, by grant."""
        return {call.grant: call for call in self.of("login", "redeem") if call.outcome == OK}

    def ends_of(self, grant: str) -> list[tuple[Call, bool]]:
        """Who asked for its end, and whether it was begun surely by then."""
        login = self.logins()[grant]
        began = login.ended if login.ended is not None else login.began
        found = []
        for call in self.of("end", "redeem"):
            if call.what == "redeem":  # a second use of its code, which may end it
                if call.code == login.code and call is not login:
                    found.append((call, False))
            elif call.grant == grant:
                found.append((call, True))
            elif call.spares not in (None, grant) and call.person == login.person:
                found.append((call, began <= call.began))
        return found

    def dump(self) -> str:
        """A line of JSON for each call."""
        return "".join(json.dumps(asdict(call)) + "\n" for call in self.calls)
