"""What of the log a subscriber gets, as tables: no service, no store."""

from __future__ import annotations

import json

import pytest

from authsvc.store.revocation.feed_log import (
    PIECE,
    Log,
    document,
    entry,
    event,
    heartbeat,
    judge_resume,
    snapshot_events,
)


@pytest.mark.parametrize(
    ("last", "floor", "newest", "after"),
    [
        (None, 100, 100, None),  # new here
        (100, 100, 100, 100),  # has seen that there was nothing
        (105, 100, 110, 105),
        (110, 100, 110, 110),  # has everything
        (99, 100, 110, None),  # of another database, or of this one before it lost something
        (0, 100, 110, None),
        (111, 100, 110, None),  # never given here
        (10**18, 100, 110, None),
        (-1, 100, 110, None),
    ],
)
def test_who_can_go_on_and_who_needs_everything(last: int | None, floor: int, newest: int, after: int | None) -> None:
    assert judge_resume(last, floor, newest) == after


def filled(*ends: int) -> Log:
    log = Log(100)
    for number, end in enumerate(ends, 101):
        log.add(number, end, b"%d" % number)
    log.newest = 100 + len(ends)
    return log


@pytest.mark.parametrize(
    ("after", "most", "numbers"),
    [
        (100, 9, [101, 102, 103]),
        (100, 2, [101, 102]),
        (101, 9, [102, 103]),
        (103, 9, []),
        (999, 9, []),
        (0, 9, [101, 102, 103]),
    ],
)
def test_what_comes_after_a_number(after: int, most: int, numbers: list[int]) -> None:
    assert filled(9, 9, 9).after(after, most) == [(number, b"%d" % number) for number in numbers]


@pytest.mark.parametrize(
    ("now", "left"), [(0, [b"101", b"102", b"103"]), (5, [b"102", b"103"]), (7, [b"102"]), (9, [])]
)
def test_what_is_still_of_consequence(now: int, left: list[bytes]) -> None:
    assert filled(5, 9, 7).live(now) == left


@pytest.mark.parametrize(("now", "dropped", "kept"), [(0, 0, 8), (1, 0, 8), (2, 2, 6), (8, 8, 0)])
def test_what_is_over_is_dropped_when_it_is_a_quarter(now: int, dropped: int, kept: int) -> None:
    log = filled(*range(1, 9))
    assert (log.forget(now), len(log)) == (dropped, kept)
    assert log.newest == 108, "the newest number stays known"
    assert log.after(108, 9) == []
    log.add(109, 20, b"109")
    assert log.after(105, 9)[-1] == (109, b"109")


@pytest.mark.parametrize("number", [101, 103, 50])
def test_a_number_that_does_not_grow_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="after 103"):
        filled(9, 9, 9).add(number, 9, b"")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("session", {}),
        ("token", {}),
        ("key", {}),
        ("grant", {"not_before": 7}),
        ("user", {"not_before": 7}),
        ("client", {"not_before": 7}),
    ],
)
def test_an_entry_says_since_when_only_where_it_matters(kind: str, said: dict[str, int]) -> None:
    expected = {"sequence": 101, "kind": kind, "subject": "é\n\u2028", "expires_at": 9, **said}
    text = entry(101, kind, "é\n\u2028", 7, 9)
    assert json.loads(text) == expected
    assert b"\n" not in text
    assert text.isascii()


def test_events_are_as_the_standard_says() -> None:
    assert event("revocation", b"{}", 101) == b"id: 101\nevent: revocation\ndata: {}\n\n"
    assert event("jwks", b"{}") == b"event: jwks\ndata: {}\n\n"
    assert heartbeat(101, 9) == b'event: heartbeat\ndata: {"sequence":101,"time":9}\n\n'


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_snapshot_is_the_same_whole_and_in_pieces(size: int) -> None:
    entries = [entry(number, "session", f"s{number}", 0, 9) for number in range(101, 101 + size)]
    pieces = list(document("https://issuer.example", 500, 5, entries))
    assert len(pieces) == 2 + -(-size // PIECE)
    found = json.loads(b"".join(pieces))
    assert [item["sequence"] for item in found.pop("revocations")] == list(range(101, 101 + size))
    assert found == {"issuer": "https://issuer.example", "sequence": 500, "heartbeat_seconds": 5}
    whole = b"".join(snapshot_events("https://issuer.example", 500, 5, entries))
    assert whole.startswith(b"id: 500\nevent: snapshot\ndata: {")
    assert whole.endswith(b"]}\n\n")
    assert whole.count(b"\n") == 4


@pytest.mark.parametrize(("size", "parts"), [(5, [5]), (6, [5, 1]), (10, [5, 5]), (11, [5, 5, 1])])
def test_a_snapshot_too_large_for_one_event_comes_in_several(size: int, parts: list[int]) -> None:
    entries = [entry(number, "session", f"s{number}", 0, 9) for number in range(101, 101 + size)]
    text = b"".join(snapshot_events("https://issuer.example", 500, 5, entries, most=5)).decode()
    events = [dict(line.split(": ", 1) for line in one.splitlines()) for one in text.split("\n\n") if one]
    found = [json.loads(one["data"]) for one in events]
    assert [len(one["revocations"]) for one in found] == parts
    assert [entry["sequence"] for one in found for entry in one["revocations"]] == list(range(101, 101 + size))
    if len(parts) == 1:
        assert (events[0]["event"], events[0]["id"], "more" in found[0]) == ("snapshot", "500", False)
        return
    assert {one["event"] for one in events} == {"snapshot_part"}
    assert [one.get("id") for one in events] == [None] * (len(parts) - 1) + ["500"]
    assert [one["more"] for one in found] == [True] * (len(parts) - 1) + [False]
    assert {(one["issuer"], one["sequence"], one["heartbeat_seconds"]) for one in found} == {
        ("https://issuer.example", 500, 5)
    }
