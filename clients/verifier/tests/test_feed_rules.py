"""The feed and the memory of revocations, without a network."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest

from authsvc_verifier import Claims
from authsvc_verifier.feed import Feed, FeedBroken, Heartbeat, JwksChanged, Snapshot, read_event
from authsvc_verifier.revocations import Revocation, Revocations

ISSUER = "https://auth.example"
TOKEN = {"sub": "u1", "client_id": "shop", "sid": "s1", "jti": "j1", "iat": 1000}
OLD = {"jti": "j0", "client_id": "front", "iat": 900}


def voids(claims: dict[str, Any], *entries: Revocation, now: float = 1500) -> str | None:
    revocations = Revocations()
    for entry in entries:
        revocations.add(entry)
    return revocations.voids(Claims(MappingProxyType(claims), "k1"), now)


EXCHANGED = {**TOKEN, "exchanged_from": [OLD]}
OWN = {name: value for name, value in {**TOKEN, "sub": "shop"}.items() if name != "sid"}


@pytest.mark.parametrize(
    ("claims", "entry", "expected"),
    [
        (TOKEN, Revocation("session", "s1", 2000), "session"),
        (TOKEN, Revocation("session", "s2", 2000), None),
        (TOKEN, Revocation("session", "j1", 2000), None),
        (TOKEN, Revocation("token", "j1", 2000), "token"),
        (TOKEN, Revocation("key", "k1", 2000), "key"),
        (TOKEN, Revocation("key", "k2", 2000), None),
        (TOKEN, Revocation("user", "u1", 2000, 1000), "user"),
        (TOKEN, Revocation("user", "u1", 2000, 999), None),
        (TOKEN, Revocation("client", "shop", 2000, 1000), "client"),
        (TOKEN, Revocation("client", "shop", 2000, 999), None),
        (TOKEN, Revocation("grant", "s1:shop", 2000, 1000), "grant"),
        (TOKEN, Revocation("grant", "s1:other", 2000, 1000), None),
        (EXCHANGED, Revocation("token", "j0", 2000), "token"),
        (EXCHANGED, Revocation("client", "front", 2000, 900), "client"),
        (EXCHANGED, Revocation("client", "front", 2000, 899), None),
        (EXCHANGED, Revocation("grant", "s1:front", 2000, 900), "grant"),
        (EXCHANGED, Revocation("user", "u1", 2000, 900), "user"),  # what ended the source ends what was made of it
        (OWN, Revocation("user", "shop", 2000, 1000), None),  # a client is no person
        (OWN, Revocation("client", "shop", 2000, 1000), "client"),
    ],
)
def test_what_voids_what(claims: dict[str, Any], entry: Revocation, expected: str | None) -> None:
    assert voids(claims, entry) == expected
    assert voids(claims, entry, now=2000) is None


def test_nothing_is_taken_back_whatever_the_order() -> None:
    late, early = Revocation("user", "u1", 2000, 1000), Revocation("user", "u1", 1900, 500)
    for entries in ((late, early), (early, late), (late, early, late)):
        assert voids(TOKEN, *entries, now=1950) == "user"
    longer, shorter = Revocation("session", "s1", 3000), Revocation("session", "s1", 1600)
    for pair in ((longer, shorter), (shorter, longer)):
        assert voids(TOKEN, *pair, now=2500) == "session"


def test_what_is_over_is_forgotten_and_nothing_else() -> None:
    revocations = Revocations()
    for number in range(1000):
        revocations.add(Revocation("session", f"s{number}", 1000 + number))
        revocations.add(Revocation("user", f"u{number}", 1000 + number, 5))
    revocations.add(Revocation("session", "s0", 5000))  # it lives longer now
    assert len(revocations) == 2000
    revocations.sweep(1500)
    assert revocations.whole["session"]["s0"] == 5000
    assert set(revocations.whole["session"].values()) >= set(range(1501, 2000))
    assert len(revocations) < 1200  # swept by slices of about a minute
    revocations.sweep(10_000)
    assert len(revocations) == 0
    assert not revocations.ends


def snapshot(sequence: int = 5, issuer: str = ISSUER, **members: Any) -> str:
    full = {"issuer": issuer, "sequence": sequence, "heartbeat_seconds": 2, "revocations": [], **members}
    return json.dumps(full)


def test_events() -> None:
    entry = {"kind": "session", "subject": "s1", "expires_at": 9}
    assert read_event("revocation", json.dumps(entry), ISSUER) == Revocation("session", "s1", 9)
    assert read_event("heartbeat", '{"sequence": 7}', ISSUER) == Heartbeat(7)
    assert read_event("jwks", '{"etag": "x"}', ISSUER) == JwksChanged("x")
    assert read_event("news", "whatever", ISSUER) is None
    assert read_event("revocation", json.dumps({**entry, "kind": "planet"}), ISSUER) is None
    read = read_event("snapshot", snapshot(revocations=[entry, {**entry, "kind": "planet"}]), ISSUER)
    assert isinstance(read, Snapshot)
    assert (read.sequence, read.heartbeat_seconds, read.unknown, len(read.revocations)) == (5, 2.0, 1, 1)


BROKEN = {
    "no JSON": ("revocation", "{"),
    "no object": ("heartbeat", "[]"),
    "no kind": ("revocation", "{}"),
    "subject a number": ("revocation", '{"kind": "token", "subject": 1, "expires_at": 1}'),
    "no expiry": ("revocation", '{"kind": "token", "subject": "j"}'),
    "expiry a text": ("revocation", '{"kind": "token", "subject": "j", "expires_at": "9"}'),
    "no not_before": ("revocation", '{"kind": "user", "subject": "u", "expires_at": 1}'),
    "negative": ("heartbeat", '{"sequence": -1}'),
    "a bool": ("heartbeat", '{"sequence": true}'),
    "deep": ("heartbeat", "[" * 100_000),
    "another issuer's": ("snapshot", snapshot(issuer="https://evil.example")),
    "entries no list": ("snapshot", snapshot(revocations={})),
    "an entry no object": ("snapshot", snapshot(revocations=[1])),
    "an entry without kind": ("snapshot", snapshot(revocations=[{}])),
    "an absurd heartbeat": ("snapshot", snapshot(heartbeat_seconds=0)),
}


@pytest.mark.parametrize(("name", "data"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_the_feed(name: str, data: str) -> None:
    with pytest.raises(FeedBroken):
        read_event(name, data, ISSUER)


def test_only_snapshot_and_heartbeat_make_it_fresh() -> None:
    feed = Feed()
    assert feed.staleness(100) == float("inf")
    with pytest.raises(FeedBroken):
        feed.take(Heartbeat(3), 100)
    feed.take(read_event("snapshot", snapshot(5), ISSUER), 100)
    assert (feed.staleness(101), feed.confirmed, feed.late_after()) == (1, 5, 6)
    feed.take(Revocation("session", "s1", 9), 103)
    feed.take(JwksChanged(""), 103)
    assert (feed.staleness(104), feed.confirmed) == (4, 5)
    feed.take(Heartbeat(9), 105)
    assert (feed.staleness(105), feed.confirmed) == (0, 9)


def test_a_heartbeat_that_lay_in_a_buffer_is_as_old_as_it_is() -> None:
    feed = Feed()
    feed.take(read_event("snapshot", snapshot(5), ISSUER), 100)
    feed.take(read_event("heartbeat", '{"sequence": 5, "time": 1700000000}', ISSUER), 101)
    feed.take(Heartbeat(5, 1700000002), 103)
    assert feed.staleness(103) == 0
    feed.take(Heartbeat(5, 1700000004), 150)  # we slept
    assert feed.staleness(150) == 45
    feed.take(Heartbeat(6, 1700000049), 150)
    assert feed.staleness(150) == 0
    feed.opened()
    feed.take(Heartbeat(6, 1600000000), 160)  # their clock was put back: the next connection starts anew
    assert feed.staleness(160) == 0


def part(sequence: int, subjects: list[str], *, more: bool) -> str:
    entries = [{"kind": "session", "subject": subject, "expires_at": 9} for subject in subjects]
    return snapshot(sequence, revocations=entries, more=more)


def test_a_snapshot_in_parts_counts_when_the_last_has_come() -> None:
    feed = Feed()
    feed.take(read_event("snapshot", snapshot(5), ISSUER), 100)

    def take(text: str, at: float) -> None:
        feed.take(read_event("snapshot_part", text, ISSUER, feed.gathered), at)

    take(part(50, ["a", "b"], more=True), 101)
    assert (len(feed.revocations), feed.confirmed, feed.staleness(101)) == (0, 5, 1)
    take(part(50, ["c"], more=True), 102)
    take(part(50, ["d"], more=False), 103)
    assert (len(feed.revocations), feed.confirmed, feed.staleness(103)) == (4, 50, 0)
    assert feed.gathered is None


def test_parts_of_a_connection_that_was_cut_are_not_mixed_with_others() -> None:
    feed = Feed()
    feed.take(read_event("snapshot_part", part(50, ["a"], more=True), ISSUER, feed.gathered), 101)
    feed.opened()
    assert feed.gathered is None
    for text in (part(60, ["b"], more=True), part(70, ["c"], more=True), part(70, ["d"], more=False)):
        feed.take(read_event("snapshot_part", text, ISSUER, feed.gathered), 102)
    assert (len(feed.revocations), feed.confirmed) == (2, 70)
    with pytest.raises(FeedBroken):
        read_event("snapshot_part", part(1, [], more=False).replace(ISSUER, "https://evil.example"), ISSUER)


def test_a_service_that_went_back_is_asked_for_everything() -> None:
    feed = Feed()
    feed.take(
        read_event("snapshot", snapshot(50, revocations=[{"kind": "key", "subject": "k1", "expires_at": 9}]), ISSUER),
        100,
    )
    with pytest.raises(FeedBroken, match="went_back"):
        feed.take(Heartbeat(49), 105)
    assert feed.confirmed is None
    assert len(feed.revocations) == 1, "what was known stays until the new snapshot"
    assert feed.staleness(105) == 5
