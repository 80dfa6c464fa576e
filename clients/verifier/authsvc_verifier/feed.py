"""The revocation feed as a state machine: events in, memory changed. Pure; `heard_at` is in monotonic seconds.

    GET stream --> snapshot, or its parts --> revocation, jwks, heartbeat ... --> cut --> the same with Last-Event-ID

A heartbeat (or a snapshot) is the only proof that nothing is missing: staleness is its age, and where we go on after a
cut is its sequence. So whatever came between two of them comes again, in any order, and changes nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authsvc_verifier.revocations import KINDS, UP_TO, Revocation, Revocations

HEARTBEAT_SECONDS = 5.0
MAX_BYTES = 64 * 2**20
"""Of one event: a snapshot of half a million revocations."""
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z


class FeedBroken(Exception):
    """What came cannot be the feed: it is left and asked for anew. The message is a lower_snake word."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The object of GET /revocations. `unknown`: entries of kinds that we cannot judge."""

    sequence: int
    heartbeat_seconds: float
    revocations: Revocations = field(repr=False)
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """One event of a snapshot that is too large for one. `gathered`: all of it so far; `more`: there is another."""

    gathered: Snapshot
    more: bool


@dataclass(frozen=True, slots=True)
class JwksChanged:
    """The issuer's keys have changed: its JWKS is to be read again."""

    etag: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`time`: when the sequence was the newest, in seconds since 1970 by the issuer's clock; None: it does not say."""

    sequence: int
    time: int | None = None


@dataclass(frozen=True, slots=True)
class Suspended:
    """The issuer's database was restored from a backup, and it serves nobody until its operator has decided."""


Event = Suspended | Snapshot | SnapshotPart | Revocation | JwksChanged | Heartbeat


def read_event(name: str, data: str, issuer: str, gathered: Snapshot | None = None) -> Event | None:
    """None: an event, or a kind of revocation, that this version does not know. `gathered`: the parts of a snapshot
    that came before. Raises FeedBroken.

    A large snapshot takes a while: it is made ready here, so that taking it is one assignment.
    """
    if name == "revocation":
        value = _parsed(data)
        if not isinstance(value.get("kind"), str):
            raise FeedBroken("bad_revocation")
        return _revocation(value) if value["kind"] in KINDS else None
    if name == "heartbeat":
        value = _parsed(data)
        return Heartbeat(_whole(value, "sequence"), _whole(value, "time") if "time" in value else None)
    if name == "jwks":
        etag = _parsed(data).get("etag", "")
        return JwksChanged(etag if isinstance(etag, str) else "")
    if name == "suspended":
        return Suspended()
    if name == "snapshot":
        return _snapshot(_snapshot_document(data, issuer))
    if name == "snapshot_part":
        document = _snapshot_document(data, issuer)
        return SnapshotPart(_snapshot(document, gathered), document.get("more") is not False)
    return None


def read_snapshot(data: str, issuer: str) -> Snapshot:
    """The document of GET /revocations."""
    return _snapshot(_snapshot_document(data, issuer))


def _snapshot_document(data: str, issuer: str) -> dict[str, Any]:
    """Entries become small as they are read: a large snapshot is never held as dicts."""
    try:
        value = json.loads(data, object_hook=_compact)
    except (ValueError, RecursionError):
        raise FeedBroken("bad_json") from None
    if not isinstance(value, dict) or value.get("issuer") != issuer:
        raise FeedBroken("other_issuer")
    entries = value.get("revocations")
    if not isinstance(entries, list) or not all(isinstance(entry, Revocation | _Unknown) for entry in entries):
        raise FeedBroken("bad_snapshot")
    return value


def _snapshot(value: Mapping[str, Any], gathered: Snapshot | None = None) -> Snapshot:
    """A part of another snapshot than the one that is `gathered` begins anew."""
    sequence = _whole(value, "sequence")
    if gathered is not None and gathered.sequence != sequence:
        gathered = None
    revocations, unknown = (gathered.revocations, gathered.unknown) if gathered else (Revocations(), 0)
    for entry in value["revocations"]:
        if isinstance(entry, Revocation):
            revocations.add(entry)
        else:
            unknown += 1
    beat = value.get("heartbeat_seconds", HEARTBEAT_SECONDS)
    if type(beat) not in (int, float) or not 0 < beat <= 300:
        raise FeedBroken("bad_snapshot")
    return Snapshot(sequence, float(beat), revocations, unknown)


class _Unknown:
    """An entry of a kind that this version does not know."""


def _compact(value: dict[str, Any]) -> Any:
    if "kind" not in value:
        return value
    return _revocation(value) if value["kind"] in KINDS else _Unknown()


def _revocation(value: Mapping[str, Any]) -> Revocation:
    subject = value.get("subject")
    if not isinstance(subject, str):
        raise FeedBroken("bad_revocation")
    not_before = _whole(value, "not_before") if value["kind"] in UP_TO else 0
    return Revocation(value["kind"], subject, _whole(value, "expires_at"), not_before)


def _parsed(data: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise FeedBroken("bad_json") from None
    if not isinstance(value, dict):
        raise FeedBroken("bad_json")
    return value


def _whole(value: Mapping[str, Any], name: str) -> int:
    number = value.get(name)
    if type(number) is not int or not 0 <= number <= (2**63 if name == "sequence" else _LAST_SECOND):
        raise FeedBroken(f"bad_{name}")
    return number


@dataclass(slots=True)
class Feed:
    """`confirmed`: everything up to this sequence is in `revocations`, None before the first snapshot."""

    revocations: Revocations = field(default_factory=Revocations)
    confirmed: int | None = None
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    heard_at: float = -math.inf
    ahead: float = math.inf
    """Least difference of our monotonic clock to the issuer's clock, as heartbeats of this connection showed it."""
    gathered: Snapshot | None = None
    """The parts of a snapshot that came so far: nobody reads in it."""
    unknown: int = 0
    """Revocations, or events, that this version does not know: update it."""

    def take(self, event: Event | None, monotonic: float) -> None:
        """Raises FeedBroken; what was known before stays."""
        if isinstance(event, SnapshotPart):
            self.gathered = event.gathered if event.more else None
            if event.more:
                return
            event = event.gathered
        if isinstance(event, Revocation):
            if self.confirmed is None:
                raise FeedBroken("no_snapshot")
            self.revocations.add(event)
        elif isinstance(event, Snapshot):
            self.revocations = event.revocations  # readers have the old one or the new one, never a part
            self.confirmed, self.heartbeat_seconds = event.sequence, event.heartbeat_seconds
            self.heard_at, self.unknown = monotonic, event.unknown
        elif isinstance(event, Heartbeat):
            self._beat(event, monotonic)
        elif isinstance(event, Suspended):
            self.heard_at = -math.inf  # what is known to be revoked stays so; the rest is what `stale` says
        elif event is None:
            self.unknown += 1

    def _beat(self, beat: Heartbeat, monotonic: float) -> None:
        if self.confirmed is None:
            raise FeedBroken("no_snapshot")
        if beat.sequence < self.confirmed:
            # The issuer's database went back: its numbers may come again for something else.
            self.confirmed = None
            raise FeedBroken("went_back")
        self.confirmed = beat.sequence
        if beat.time is None:
            self.heard_at = monotonic
            return
        # A heartbeat that lay in a buffer is as old as it is: measured by the promptest of this connection, because
        # clocks may differ.
        self.ahead = min(self.ahead, monotonic - beat.time)
        self.heard_at = beat.time + self.ahead

    def opened(self) -> None:
        """A new connection: nothing of it was heard yet."""
        self.ahead = math.inf
        self.gathered = None

    def staleness(self, monotonic: float) -> float:
        """Seconds since we last knew that nothing is missing; infinite before that."""
        return monotonic - self.heard_at

    def late_after(self) -> float:
        """Seconds of silence after which a connection is given up, and the feed is stale unless said otherwise."""
        return 3 * self.heartbeat_seconds
