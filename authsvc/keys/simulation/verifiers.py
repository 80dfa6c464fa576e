"""Caches of real kinds: when each asks for the JWKS again, and what it says of a token meanwhile.

They are told apart by what they do with a kid that they do not know, and with a set that is old. Their rules are those
of the real ones, and the tests hold each to its original, call by call. Who has the key in its set accepts the token.
`now` is the world's time, which passes alike for all; a verifier's own clock, by which it reads `exp`, is off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Final, Protocol, TypeAlias

from authsvc.keys.policy import Surroundings
from authsvc.keys.simulation.chance import Chance
from authsvc.keys.simulation.records import CLOCKS_APART, DISTANT_PAST, SECOND, Served, Token

ACCEPTED: Final = "accepted"
UNKNOWN: Final = "unknown_kid"
EXPIRED: Final = "expired"
ISSUED_IN_FUTURE: Final = "issued_in_the_future"
WITHDRAWN: Final = "revoked_key"
INACTIVE: Final = "introspected_inactive"
ISSUER_UNREACHABLE: Final = "issuer_away"
"""No verdict: the issuer could not be asked. A service answers 503 with it, and the token is as good as before."""

DAY: Final = 86_400 * SECOND


Stream: TypeAlias = Callable[[datetime], datetime | None]
"""A connection to the revocation feed of one replica: now -> up to when all that was withdrawn has come by it; None: it
has ended."""


class Issuer(Protocol):
    """The service as verifiers see it: whatever replica the balancer chooses."""

    @property
    def withdrawn(self) -> Mapping[str, datetime]: ...

    def fetch(self) -> Served | None: ...

    def takes(self) -> timedelta:
        """Until an answer has arrived: a cache counts from then."""

    def stream(self) -> Stream | None: ...

    def introspect(self, kid: str) -> bool | None: ...

    def later(self, at: datetime, what: Callable[..., None], *args: object) -> None:
        """Do it then, if anybody looks that long."""


class Verifier:
    """`served`: what it holds since `fetched_at`. `trusts`: how long at most it goes by what it knows. `skew`: of its
    own clock."""

    called: ClassVar[str]

    def __init__(self, number: int, issuer: Issuer, around: Surroundings, chance: Chance) -> None:
        self.name = f"verifier {number}"
        self.skew = chance.within(-around.skew, around.skew)
        self.cut_until = DISTANT_PAST
        self._issuer = issuer
        self._max_age = around.jwks_max_age
        # As documented; replicas may differ by a little themselves.
        self._leeway = around.skew + 2 * CLOCKS_APART
        self.restart()

    def restart(self) -> None:
        """A new process, which knows nothing."""
        self.served: Served | None = None
        self.fetched_at = DISTANT_PAST

    @property
    def trusts(self) -> timedelta:
        return self._max_age

    def judge(self, token: Token, now: datetime) -> str:
        local = now + self.skew
        if token.exp <= local - self._leeway:
            return EXPIRED
        if token.iat > local + self._leeway:
            return ISSUED_IN_FUTURE
        return self.find(token.kid, now)

    def find(self, kid: str, now: datetime) -> str:
        """By the set that it holds. Each kind says when it asks for another first."""
        return ACCEPTED if self.has(kid) else UNKNOWN

    def pass_by(self, now: datetime) -> None:
        """A token of a key that it knows comes by: it looks whether its set is old."""
        self.find(min(self.served.kids, default="") if self.served else "", now)

    def keeps_old(self, now: datetime) -> bool:
        """Whether it goes by an old set because the issuer cannot be asked, as it says that it will."""
        return False

    def cut(self, until: datetime, now: datetime) -> None:
        """It does not reach the issuer for a while."""
        self.cut_until = max(until, self.cut_until)

    def has(self, kid: str) -> bool:
        return self.served is not None and kid in self.served.kids

    def _fetch(self, now: datetime) -> bool:
        served = None if now < self.cut_until else self._issuer.fetch()
        if served is None:
            return False
        self.served, self.fetched_at = served, now + self._issuer.takes()
        return True


class PyJwt(Verifier):
    """PyJWT's PyJWKClient (2.13) as it comes: its own lifespan whatever the issuer says, and for an unknown kid a new
    fetch, unless the last one was moments ago."""

    called = "PyJWKClient"
    lifespan: ClassVar[timedelta] = 300 * SECOND
    cooldown: ClassVar[timedelta] = 30 * SECOND

    @property
    def trusts(self) -> timedelta:
        return self.lifespan

    def find(self, kid: str, now: datetime) -> str:
        if self._old(now) and not self._fetch(now):
            return ISSUER_UNREACHABLE
        if self.has(kid):
            return ACCEPTED
        if now - self.fetched_at < self.cooldown:
            return UNKNOWN
        return super().find(kid, now) if self._fetch(now) else ISSUER_UNREACHABLE

    def _old(self, now: datetime) -> bool:
        return self.served is None or now - self.fetched_at > self.lifespan


class Jose(PyJwt):
    """npm's jose, createRemoteJWKSet (6.2): the same, twice as long, to the instant."""

    called = "jose createRemoteJWKSet"
    lifespan = 600 * SECOND

    def _old(self, now: datetime) -> bool:
        return self.served is None or now - self.fetched_at >= self.lifespan


class PlainHttp(Verifier):
    """A plain HTTP cache (RFC 9111): the set for exactly max-age, and no question about an unknown kid. The strictest
    that is honest."""

    called = "plain HTTP cache"

    def find(self, kid: str, now: datetime) -> str:
        if now - self.fetched_at >= self._max_age and not self._fetch(now):
            return ISSUER_UNREACHABLE
        return super().find(kid, now)


class Background(Verifier):
    """Asks anew when it is time, whether a token comes or not, and goes by what it has until there is an answer."""

    def restart(self) -> None:
        super().restart()
        self.due, self.failures = DISTANT_PAST, 0

    @property
    def period(self) -> timedelta:
        return self.trusts

    def pause(self) -> timedelta:
        """After a failure."""
        return SECOND

    def keeps_old(self, now: datetime) -> bool:
        return self.failures > 0 and now - self.fetched_at > self.trusts

    def refresh(self, now: datetime) -> bool:
        fetched = self._fetch(now)
        if fetched:
            self.failures, self.due = 0, self.fetched_at + self.period
        else:
            self.failures += 1  # what fails for certain is not tried again and again
            self.due = max(now + self.pause(), self.cut_until)
        self._issuer.later(self.due, self._tick, self.due)
        return fetched

    def _tick(self, due: datetime) -> None:
        if self.due == due:
            self.refresh(due)

    def _wake(self, now: datetime) -> None:
        if self.due <= now:
            self.refresh(now)


class Gateway(Background):
    """A gateway's JWT filter (as Envoy's, fetching in the background, its cache as long as our max-age): the last set
    serves while the issuer is away, and an unknown kid asks nothing."""

    called = "gateway, background fetch"

    def find(self, kid: str, now: datetime) -> str:
        self._wake(now)
        return ISSUER_UNREACHABLE if self.served is None else super().find(kid, now)


class Ours(Background):
    """authsvc-verifier without the feed (`KeyCache`): asks before the set is old, for an unknown kid once in 30 s, and
    keeps the last set for a day while the issuer is away."""

    called = "authsvc-verifier, no feed"
    unknown: ClassVar[timedelta] = 30 * SECOND

    def restart(self) -> None:
        super().restart()
        self.asked_at = self.tried_at = DISTANT_PAST

    @property
    def trusts(self) -> timedelta:
        return min(max(self._max_age, 60 * SECOND), 3600 * SECOND)

    @property
    def period(self) -> timedelta:
        return 0.8 * self.trusts

    def pause(self) -> timedelta:
        return min(30.0, 2.0 ** min(self.failures - 1, 10)) * SECOND

    def refresh(self, now: datetime) -> bool:
        self.tried_at = now
        return super().refresh(now)

    def find(self, kid: str, now: datetime) -> str:
        self._wake(now)
        if self._usable(now) and self.has(kid):
            return ACCEPTED
        if self._may_ask(now):
            self.refresh(now)
        if not self._usable(now):
            return ISSUER_UNREACHABLE
        if self.has(kid):
            return ACCEPTED
        return ISSUER_UNREACHABLE if self.failures else UNKNOWN

    def keeps_old(self, now: datetime) -> bool:
        return super().keeps_old(now) and self._usable(now)

    def _usable(self, now: datetime) -> bool:
        return self.served is not None and now - self.fetched_at < DAY

    def _may_ask(self, now: datetime) -> bool:
        if self.served is None:
            return now - self.tried_at >= SECOND
        if now - self.asked_at < self.unknown:
            return False
        self.asked_at = now
        return True


class OursFollowing(Ours):
    """authsvc-verifier with the feed: a withdrawn key is dropped when the feed says so; a feed that was silent for
    three heartbeats is not believed, and tokens are introspected."""

    called = "authsvc-verifier, feed"
    late: ClassVar[timedelta] = 15 * SECOND

    def __init__(self, number: int, issuer: Issuer, around: Surroundings, chance: Chance) -> None:
        super().__init__(number, issuer, around, chance)
        self._lag = chance.within(0.02 * SECOND, SECOND)

    def restart(self) -> None:
        super().restart()
        self.known_until = DISTANT_PAST
        self._stream: Stream | None = None

    @property
    def trusts(self) -> timedelta:
        return self.late

    @property
    def period(self) -> timedelta:
        return 0.8 * super().trusts

    def keeps_old(self, now: datetime) -> bool:
        return False  # without the feed it introspects

    def cut(self, until: datetime, now: datetime) -> None:
        self._follow(now)
        super().cut(until, now)

    def find(self, kid: str, now: datetime) -> str:
        verdict = super().find(kid, now)
        if verdict != ACCEPTED:
            return verdict
        self._follow(now)
        at = self._issuer.withdrawn.get(kid)
        if at is not None and at + self._lag <= self.known_until:
            return WITHDRAWN
        if now - self.known_until <= self.late:
            return ACCEPTED
        active = None if now < self.cut_until else self._issuer.introspect(kid)
        if active is None:
            return ISSUER_UNREACHABLE
        return ACCEPTED if active else INACTIVE

    def keys_changed(self, now: datetime) -> None:
        """The feed says that the JWKS is another."""
        self._follow(now)
        if now - self.known_until <= self.late:
            self.refresh(now)

    def _follow(self, now: datetime) -> None:
        if now < self.cut_until:
            return
        heard = self._stream(now) if self._stream else None
        if heard is None or now - heard > self.late:
            self._stream = self._issuer.stream()
            heard = self._stream(now) if self._stream else None
        if heard is not None:
            self.known_until = max(self.known_until, heard)


Kind: TypeAlias = type[Verifier]
KINDS: Final[tuple[Kind, ...]] = (PyJwt, Jose, PlainHttp, Gateway, OursFollowing, Ours)
