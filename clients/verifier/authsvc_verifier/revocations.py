"""Revocations in memory: a lookup is a dict's, an expired entry goes by itself, 100,000 of them take some 20 MB.

What voids a token is what the issuer's own set says: its session, its id, its key; its client, its client's grant and
its person where they were told after it was issued; and the same of every token that it was exchanged from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from authsvc_verifier.claims import Claims

WHOLE = ("session", "token", "key")
"""Kinds that void all that they name."""
UP_TO = ("user", "client", "grant")
"""Kinds that void what was issued until `not_before`."""
KINDS = frozenset(WHOLE + UP_TO)
_SLICE = 64
"""Seconds of expiry that are swept together."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of the feed. `not_before` and `expires_at`: seconds since 1970."""

    kind: str
    subject: str
    expires_at: int
    not_before: int = 0


@dataclass(slots=True)
class Revocations:
    """One thread writes; readers need no lock, because an entry comes and goes by one assignment."""

    whole: dict[str, dict[str, int]] = field(default_factory=lambda: {kind: {} for kind in WHOLE})
    up_to: dict[str, dict[str, tuple[int, int]]] = field(default_factory=lambda: {kind: {} for kind in UP_TO})
    ends: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    """(kind, expiry in slices) -> subjects to look at then."""

    def __len__(self) -> int:
        return sum(map(len, self.whole.values())) + sum(map(len, self.up_to.values()))

    def add(self, entry: Revocation) -> None:
        """Twice is as once; whatever the order of arrival, nothing is taken back."""
        kind, subject, expires_at = entry.kind, entry.subject, entry.expires_at
        if kind in self.whole:
            known = self.whole[kind].get(subject)
            if known is not None and known >= expires_at:
                return
            self.whole[kind][subject] = expires_at
        else:
            not_before, before = entry.not_before, self.up_to[kind].get(subject)
            if before is not None:
                not_before, expires_at = max(not_before, before[0]), max(expires_at, before[1])
            self.up_to[kind][subject] = (not_before, expires_at)
            if before is not None and before[1] == expires_at:
                return
        self.ends.setdefault((kind, expires_at // _SLICE), []).append(subject)

    def sweep(self, now: float) -> int:
        """Forget what is over; returns how many. Costs what it forgets."""
        gone = 0
        for kind, end in [place for place in self.ends if (place[1] + 1) * _SLICE <= now]:
            for subject in self.ends.pop((kind, end)):
                if self._expiry(kind, subject) // _SLICE == end:
                    table: dict[str, int] | dict[str, tuple[int, int]]
                    table = self.whole[kind] if kind in self.whole else self.up_to[kind]
                    del table[subject]
                    gone += 1
        return gone

    def _expiry(self, kind: str, subject: str) -> int:
        if kind in self.whole:
            return self.whole[kind].get(subject, -1)
        return self.up_to[kind].get(subject, (0, -1))[1]

    def voids(self, claims: Claims, now: float) -> str | None:
        """The kind of a revocation that voids this token, None while it is good. `now`: seconds since 1970, less the
        leeway that tokens are given."""
        for kind, subject in _whole_names(claims):
            expires_at = self.whole[kind].get(subject)
            if expires_at is not None and expires_at > now:
                return kind
        up_to = self.up_to
        if up_to["user"] or up_to["client"] or up_to["grant"]:
            for kind, subject, issued_at in _dated_names(claims):
                entry = up_to[kind].get(subject)
                if entry is not None and entry[1] > now and issued_at <= entry[0]:
                    return kind
        return None


def _whole_names(claims: Claims) -> Iterator[tuple[str, str]]:
    raw = claims.raw
    if "jti" in raw:
        yield "token", raw["jti"]
    if "sid" in raw:
        yield "session", raw["sid"]
    yield "key", claims.kid
    for source in raw.get("exchanged_from", ()):
        yield "token", source["jti"]


def _dated_names(claims: Claims) -> Iterator[tuple[str, str, float]]:
    """A token without a time of issue is as old as can be."""
    raw = claims.raw
    links = [(claims.client_id, raw.get("iat", 0))]
    links += [(source["client_id"], source["iat"]) for source in raw.get("exchanged_from", ())]
    for client_id, issued_at in links:
        yield "client", client_id, issued_at
        if "sid" in raw:
            yield "grant", f"{raw['sid']}:{client_id}", issued_at
    if "sid" in raw:
        # What ends all that a person has so far ends also what was made of it later. Without a session: a client.
        yield "user", claims.sub, min(issued_at for _, issued_at in links)
