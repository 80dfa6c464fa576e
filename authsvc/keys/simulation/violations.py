"""What is counted, and what is a violation. It asks no judge: it knows what was signed, withdrawn and shown.

A valid token is one that an honest replica signed, that is not expired by the clock of whom it is shown to, and whose
key is not withdrawn. Nobody may refuse it. `Unavailable` is no refusal: it is counted. What else is counted and not
called a violation has its reason beside its name in `COUNTED`, and nothing else is excused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from authsvc.keys.policy import MAX_PUBLISHED_KEYS, PROPAGATION, said
from authsvc.keys.records import SigningKey
from authsvc.keys.simulation.records import CLOCKS_APART, DISTANT_FUTURE, NO_TIME, Token
from authsvc.keys.simulation.scene import POLL_INTERVAL, Scene
from authsvc.keys.simulation.verifiers import ACCEPTED, EXPIRED, ISSUED_IN_FUTURE, ISSUER_UNREACHABLE, Verifier
from authsvc.records import frozen

COUNTED: Final = {
    "no_signature": "no token (503): the replica is cut off, or was just now, or the only key had leaked just now",
    "nobody_asked": "no replica was up",
    "issuer_away": "a verifier could not ask the issuer and gave no verdict (503)",
    "emergency": "refused: a key that signed before every cache had it, as the first, or as nobody else could",
    "lost_in_emergency": "keys that had to sign before a backup held them, and went with a restore",
    "lost_refused": "refused: their tokens",
    "cut_off_refused": "refused by a verifier that keeps an old set while it does not reach the issuer",
    "cut_off_accepted": "a withdrawn key's token accepted by such a verifier, later than its bound",
    "unready_refused": "refused by a set from a replica that said it was unready, asked because none was ready",
    "unready_accepted": "a withdrawn key's token accepted by such a set",
    "withdrawn_accepted": "a withdrawn key's token accepted within the bound",
    "withdrawn_signed": "a token of a withdrawn key, from a replica that had not heard of it yet",
    "refused_now": "operators' commands that were refused, most often because the JWKS was full",
}
MAX_VIOLATIONS: Final = 10
"""Violations after which a world is not looked at further."""


@frozen
class Violation:
    """`promise`: which was broken; `story`: lines that tell who held what since when."""

    promise: str
    at: datetime
    story: tuple[str, ...]


@dataclass(slots=True)
class Account:
    """Counts what happened, and collects the violations. `passed`: virtual time. `counted`: by names of `COUNTED`."""

    scene: Scene = field(repr=False)
    seed: int
    passed: timedelta = NO_TIME
    rotations: int = 0
    signatures: int = 0
    verifications: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    withdrawn: dict[str, datetime] = field(default_factory=dict)
    hasty: set[str] = field(default_factory=set)
    """Keys that nobody could let wait: those that found no key signing, and the successors of withdrawn ones."""
    lost: set[str] = field(default_factory=set)
    """Of those, what a restore did not bring back."""
    keys: dict[str, SigningKey] = field(default_factory=dict, repr=False)
    """As they were last written."""
    needed_until: dict[str, datetime] = field(default_factory=dict, repr=False)
    """kid -> when its last token is dead."""

    def broken(self, promise: str, at: datetime, *story: str) -> None:
        self.violations.append(Violation(promise, at, story))

    # Tokens

    def signed(self, token: Token, linked_since: datetime, now: datetime) -> None:
        self.signatures += 1
        since = self.withdrawn.get(token.kid)
        if since is not None:
            if now - max(since, linked_since) < 2 * POLL_INTERVAL:
                self.counted["withdrawn_signed"] += 1
            else:
                self.broken(
                    "a withdrawn key signs no more", now, f"{token.by} signs, {self.told(self.keys[token.kid])}"
                )
        self.needed_until[token.kid] = max(token.exp, self.needed_until.get(token.kid, token.exp))

    def not_signed(self, who: str, alg: str, linked_since: datetime, now: datetime) -> None:
        """No key may sign there. A replica that has been connected for a while has no excuse."""
        newborn = any(now - self.keys[kid].announced_at < 2 * CLOCKS_APART for kid in self.hasty)
        if newborn or now - linked_since < PROPAGATION:
            self.counted["no_signature"] += 1
        else:
            self.broken("some key signs at every instant", now, f"{who} is connected, and no {alg} key may sign")

    def shown(self, token: Token, verifier: Verifier, verdict: str, now: datetime) -> None:
        self.verifications += 1
        if verdict == ISSUER_UNREACHABLE:
            self.counted["issuer_away"] += 1
        elif verdict == ACCEPTED:
            if token.kid not in self.keys:
                self.broken("a forged token is refused", now, f"{verifier.name} ({verifier.called}) accepted {token}")
            elif token.kid in self.withdrawn:
                self._accepted(token, verifier, now)
        elif token.kid in self.keys and token.kid not in self.withdrawn and now + verifier.skew < token.exp:
            self._refused(token, verifier, verdict, now)

    def _refused(self, token: Token, verifier: Verifier, verdict: str, now: datetime) -> None:
        key = self.keys[token.kid]
        held = verifier.served
        if verdict in (EXPIRED, ISSUED_IN_FUTURE) or held is None:
            excuse = ""
        elif key.kid in self.hasty and now < key.announced_at + self.scene.policy.seen_by_all:
            excuse = "emergency"
        elif key.kid in self.lost:
            excuse = "lost_refused"
        elif not held.ready and not verifier.has(key.kid):
            excuse = "unready_refused"
        elif verifier.keeps_old(now):
            excuse = "cut_off_refused"
        else:
            excuse = ""
        if excuse:
            self.counted[excuse] += 1
        else:
            self.broken("no valid token is refused", now, *self._story(token, verifier, f"refused ({verdict})", now))

    def _accepted(self, token: Token, verifier: Verifier, now: datetime) -> None:
        """A withdrawn key's token. Within the bound that is as it must be."""
        late = now - self.withdrawn[token.kid] - verifier.trusts - PROPAGATION
        if late <= NO_TIME:
            self.counted["withdrawn_accepted"] += 1
        elif verifier.served is not None and not verifier.served.ready:
            self.counted["unready_accepted"] += 1
        elif verifier.keeps_old(now):
            self.counted["cut_off_accepted"] += 1
        else:
            self.broken(
                "a withdrawn key's token is refused in time",
                now,
                *self._story(token, verifier, f"accepted {said(late)} past the bound", now),
                f"the key was withdrawn at {self.withdrawn[token.kid]}",
            )

    def _story(self, token: Token, verifier: Verifier, verdict: str, now: datetime) -> Iterable[str]:
        yield (
            f"token {token.number} of key {token.kid}, given by {token.by} at {token.iat}, good until {token.exp}, "
            f"was {verdict} by {verifier.name} ({verifier.called}, clock {verifier.skew.total_seconds():+.1f} s)"
        )
        held = verifier.served
        if held is None:
            yield "its cache was empty"
        else:
            kids = " ".join(sorted(held.kids, key=lambda kid: (len(kid), kid)))
            yield f"its cache held {kids}, for {said(now - verifier.fetched_at)}, from {held.by}"
        yield self.told(self.keys[token.kid])

    @staticmethod
    def told(key: SigningKey) -> str:
        return (
            f"key {key.kid}: announced {key.announced_at}, signs from {key.signs_from} until {key.signs_until}, "
            f"in the JWKS until {key.drop_after}" + (f", withdrawn {key.withdrawn_at}" if key.withdrawn_at else "")
        )

    # Keys

    def published(self, who: str, kids: frozenset[str], now: datetime) -> None:
        if len(kids) > MAX_PUBLISHED_KEYS:
            self.broken(
                "the JWKS stays small", now, f"{who} publishes {len(kids)} keys, more than {MAX_PUBLISHED_KEYS}"
            )

    def written(self, keys: Iterable[SigningKey], now: datetime) -> None:
        """The rows after a change: one line of keys for each algorithm."""
        lines: dict[str, list[SigningKey]] = {}
        for key in keys:
            self.keys[key.kid] = key
            if key.withdrawn_at is None and (key.signs_until or DISTANT_FUTURE) > now:
                lines.setdefault(key.alg, []).append(key)
            elif key.withdrawn_at is not None and key.kid not in self.withdrawn:
                self.withdrawn[key.kid] = now
        for line in lines.values():
            line.sort(key=lambda key: key.signs_from)
            for key, following in pairwise(line):
                if max(following.signs_from, now) < min(
                    key.signs_until or DISTANT_FUTURE, following.signs_until or DISTANT_FUTURE
                ):
                    self.broken("one line of keys", now, self.told(key), self.told(following))

    def restored(self, keys: Iterable[SigningKey], now: datetime) -> None:
        """What a backup brought back. Keys with living tokens must be there."""
        there = {key.kid for key in keys}
        for kid, until in self.needed_until.items():
            key = self.keys[kid]
            if until <= now or kid in there or kid in self.withdrawn:
                continue
            if kid in self.hasty:
                self.lost.add(kid)
                self.counted["lost_in_emergency"] += 1
            else:
                self.broken("a restore loses no key that has signed", now, self.told(key))
