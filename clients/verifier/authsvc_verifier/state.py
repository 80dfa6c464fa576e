"""All that a verifier knows, and what it makes of a token by that alone: no I/O, no clock, so both shells are thin.

`decide` says yes (`Claims`), no (`Refused`), not now (`Unavailable`), or whom to ask first. A further source of status
(a Token Status List) belongs beside `feed`: an object with `voids(claims, now)` and `staleness(monotonic)`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from authsvc_verifier.claims import Claims
from authsvc_verifier.dpop import Seen, Shown, judge_proof
from authsvc_verifier.errors import BoundToken, InvalidProof, InvalidToken, Unavailable, VerifierError
from authsvc_verifier.feed import Feed
from authsvc_verifier.judge import Invalid, Rules, UnknownKid, judge_token
from authsvc_verifier.keys import KeyCache
from authsvc_verifier.require import Stale


@dataclass(frozen=True, slots=True)
class Clock:
    """`wall`: seconds since 1970; `monotonic`: seconds since whenever."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class AskKeys:
    """The issuer should be asked for its keys before this token is judged."""


@dataclass(frozen=True, slots=True)
class AskIssuer:
    """Good by all that we know, but we may not know enough: introspect it."""

    claims: Claims


Verdict = Claims | VerifierError | AskKeys | AskIssuer


@dataclass(slots=True)
class State:
    """`feed` None: this verifier hears of no revocations. `stale_after`: seconds, None: three heartbeats."""

    rules: Rules
    stale: Stale
    feed: Feed | None = None
    stale_after: float | None = None
    clock: Clock = field(default_factory=Clock)
    cache: KeyCache = field(default_factory=KeyCache)
    proofs: Seen = field(default_factory=Seen)

    def decide(self, token: str, stale: Stale | None = None, shown: Shown | None = None) -> Verdict:
        now, monotonic = self.clock.wall(), self.clock.monotonic()
        keys = self.cache.usable(monotonic)
        if keys is None:
            return AskKeys()
        verdict = judge_token(token, self.rules, keys, now)
        if isinstance(verdict, UnknownKid):
            return AskKeys()
        if isinstance(verdict, Invalid):
            return InvalidToken(verdict.reason)
        if shown is not None or "cnf" in verdict.raw:
            wrong = self._binding(verdict, token, shown, now)
            if wrong is not None:
                return wrong
        return verdict if self.feed is None else self._revoked(self.feed, verdict, stale, now, monotonic)

    def _revoked(self, feed: Feed, claims: Claims, stale: Stale | None, now: float, monotonic: float) -> Verdict:
        kind = feed.revocations.voids(claims, now - self.rules.leeway)
        if kind is not None:
            return InvalidToken(f"revoked_{kind}")
        if not self.is_stale(monotonic):
            return claims
        match stale or self.stale:
            case "accept":
                return claims
            case "introspect":
                return AskIssuer(claims)
            case _:
                return Unavailable("revocations_stale")

    def is_stale(self, monotonic: float) -> bool:
        if self.feed is None:
            return False
        limit = self.feed.late_after() if self.stale_after is None else self.stale_after
        return self.feed.staleness(monotonic) > limit

    def _binding(self, claims: Claims, token: str, shown: Shown | None, now: float) -> VerifierError | None:
        """A bound token is shown with a proof by its key, another one never (RFC 9449 section 7)."""
        jkt = (claims.cnf or {}).get("jkt")
        if claims.cnf is not None and jkt is None:
            return BoundToken("bound_otherwise")  # to a certificate (RFC 8705), say: we cannot see the connection
        if shown is None:
            return BoundToken()
        if jkt is None:
            return InvalidToken("unbound_token")
        proved = judge_proof(shown, token, jkt, now, self.rules.leeway)
        if isinstance(proved, str):
            return InvalidProof(proved)
        return None if self.proofs.first_time(proved, now) else InvalidProof("dpop_replayed")

    def without_asking(self, verdict: Verdict, last_ask_failed: bool) -> Claims | VerifierError:
        """What a verdict is worth when nobody can be asked."""
        if isinstance(verdict, AskKeys):
            if self.cache.usable(self.clock.monotonic()) is None or last_ask_failed:
                return Unavailable("keys_not_read")
            return InvalidToken("unknown_kid")
        if isinstance(verdict, AskIssuer):
            return Unavailable("introspection_failed")
        return verdict
