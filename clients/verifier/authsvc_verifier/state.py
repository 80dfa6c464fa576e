"""All that a verifier knows, and what it makes of a token by that alone: no I/O, no clock, so both shells are thin.

`decide` says yes (`Claims`), no (`Refused`), not now (`Unavailable`), or whom to ask first. Of revocations the feed
tells; without it, or where it is stale and the policy is to go on, the status list that the token names.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from authsvc_verifier.certificate import fits
from authsvc_verifier.claims import Claims
from authsvc_verifier.dpop import SLOT_SECONDS, Seen, Shown, judge_proof
from authsvc_verifier.errors import (
    BoundToCertificate,
    BoundToken,
    InvalidProof,
    InvalidToken,
    NotConfigured,
    Unavailable,
    VerifierError,
)
from authsvc_verifier.feed import Feed
from authsvc_verifier.judge import Invalid, Rules, UnknownKid, judge_token
from authsvc_verifier.keys import KeyCache
from authsvc_verifier.list_cache import ListCache
from authsvc_verifier.require import Stale
from authsvc_verifier.status_list import REFUSED, VALID, place_of


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


@dataclass(frozen=True, slots=True)
class AskList:
    """Good but for its status, and that is in a list of which we have no copy that we may believe: read it."""

    claims: Claims
    uri: str


Verdict = Claims | VerifierError | AskKeys | AskIssuer | AskList


@dataclass(slots=True)
class State:
    """`feed` None: this verifier does not follow it; `lists` None: it reads no status lists, else those that
    `may_read(uri)`. `stale_after`: seconds, None: three heartbeats."""

    rules: Rules
    stale: Stale
    feed: Feed | None = None
    lists: ListCache | None = None
    may_read: Callable[[str], bool] = field(default=lambda _uri: True)
    stale_after: float | None = None
    clock: Clock = field(default_factory=Clock)
    cache: KeyCache = field(default_factory=KeyCache)
    proofs: Seen = field(default_factory=Seen)

    def decide(
        self, token: str, stale: Stale | None = None, shown: Shown | None = None, certificate: bytes | None = None
    ) -> Verdict:
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
            wrong = self._binding(verdict, token, shown, certificate, now)
            if wrong is not None:
                return wrong
        if self.feed is not None:
            return self._revoked(self.feed, verdict, stale, now, monotonic)
        return verdict if "status" not in verdict.raw else self.listed(verdict, stale)

    def _revoked(self, feed: Feed, claims: Claims, stale: Stale | None, now: float, monotonic: float) -> Verdict:
        kind = feed.revocations.voids(claims, now - self.rules.leeway)
        if kind is not None:
            return InvalidToken(f"revoked_{kind}")
        if not self.is_stale(monotonic):
            return claims
        verdict = self._unsure(claims, stale, "revocations_stale")
        return self.listed(claims, stale) if verdict is claims else verdict

    def listed(self, claims: Claims, stale: Stale | None, *, asked: bool = False) -> Verdict:
        """What the list that a good token names says of it, if it names one. `asked`: it was just read, or could not
        be."""
        place = None if self.lists is None else place_of(claims)
        if place is None or self.lists is None:
            return claims
        monotonic = self.clock.monotonic()
        entry = self.lists.look(place.uri, monotonic)
        held = entry.held if entry is not None else None
        status = None if held is None else held.found.status(place.index)
        if status is not None and status != VALID:
            return InvalidToken(REFUSED.get(status, "status_unknown"))  # however old the list is
        if not asked and (self.may_read(place.uri) if entry is None else entry.may_ask(place.index, monotonic)):
            return AskList(claims, place.uri)
        if held is None or monotonic >= held.until:
            return self._unsure(claims, stale, "status_list_stale")
        if status == VALID:
            return claims
        if not asked or (entry is not None and entry.failures):  # it may have grown, and we did not see it since
            return Unavailable("status_list_short")
        return InvalidToken("status_out_of_bounds")  # section 8.3, step 6

    def _unsure(self, claims: Claims, stale: Stale | None, reason: str) -> Verdict:
        """The policy for a good token while what we know of its end is too old."""
        match stale or self.stale:
            case "accept":
                return claims
            case "introspect":
                return AskIssuer(claims)
            case _:
                return Unavailable(reason)

    def is_stale(self, monotonic: float) -> bool:
        if self.feed is None:
            return False
        limit = self.feed.late_after() if self.stale_after is None else self.stale_after
        return self.feed.staleness(monotonic) > limit

    def _binding(
        self, claims: Claims, token: str, shown: Shown | None, certificate: bytes | None, now: float
    ) -> VerifierError | None:
        """A token bound to a certificate comes by a connection with it (RFC 8705 section 3), one bound to a key with a
        proof by that, and another one never with a proof (RFC 9449 section 7)."""
        cnf = claims.cnf or {}
        jkt, x5t = cnf.get("jkt"), cnf.get("x5t#S256")
        if claims.cnf is not None and jkt is None and x5t is None:
            return BoundToken("bound_otherwise")
        if x5t is not None and (certificate is None or not fits(certificate, x5t)):
            return BoundToCertificate("certificate_missing" if certificate is None else "certificate_other")
        if shown is None:
            return None if jkt is None else BoundToken()
        return self._proof(claims, token, shown, jkt, now)

    def _proof(self, claims: Claims, token: str, shown: Shown, jkt: object, now: float) -> VerifierError | None:
        if jkt is None:
            return InvalidToken("unbound_token")
        if not shown.url:
            return NotConfigured()
        proved = judge_proof(shown, token, jkt, now, self.rules.leeway)
        if isinstance(proved, str):
            return InvalidProof(proved)
        if shown.judged:
            return None
        match self.proofs.take(proved, claims.sub or str(jkt), str(jkt), now):
            case "taken":
                return None
            case "replayed":
                return InvalidProof("dpop_replayed")
            case "crowded":
                return Unavailable("dpop_crowded", SLOT_SECONDS)

    def without_asking(self, verdict: Verdict, last_ask_failed: bool) -> Claims | VerifierError:
        """What a verdict is worth when nobody can be asked."""
        if isinstance(verdict, AskKeys):
            if self.cache.usable(self.clock.monotonic()) is None or last_ask_failed:
                return Unavailable("keys_not_read")
            return InvalidToken("unknown_kid")
        if isinstance(verdict, AskIssuer):
            return Unavailable("introspection_failed")
        assert not isinstance(verdict, AskList)  # its list was asked for, and then it is a policy's
        return verdict
