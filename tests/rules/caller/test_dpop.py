"""DPoP: every rule about the claims of a proof, by name."""

from __future__ import annotations

from typing import Any

import pytest

from authsvc.rules.caller.dpop import (
    NONCED_SECONDS,
    PAST_SECONDS,
    SLICE_SECONDS,
    Genuine,
    NonceNeeded,
    Wanted,
    Wrong,
    judge_proof,
    make_nonce,
    nonce_is_fresh,
)
from authsvc.rules.secret_digest import is_base64url_of_32
from authsvc_jws.dpop import token_hash

NOW = 1_800_000_000.0
KEYS = {1: b"1" * 32, 7: b"7" * 32}
NONCE = make_nonce(7, KEYS[7], NOW)
URL = "https://auth.example/token"
GOOD: dict[str, Any] = {"jti": "a", "htm": "POST", "htu": URL, "iat": int(NOW), "nonce": NONCE}


def judge(changes: dict[str, Any], **wanted: Any) -> Genuine | Wrong | NonceNeeded:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    given = {"method": "POST", "urls": (URL,), "now": NOW, "skew_seconds": 60, "nonce_required": True, **wanted}
    return judge_proof(claims, "thumbprint", Wanted(**given), KEYS.get)


@pytest.mark.parametrize(
    ("changes", "wanted", "verdict"),
    [
        ({}, {}, "genuine"),
        ({"extra": 1}, {}, "genuine"),
        ({"jti": ...}, {}, "dpop_jti"),
        ({"jti": ""}, {}, "dpop_jti"),
        ({"jti": "x" * 256}, {}, "genuine"),
        ({"jti": "x" * 257}, {}, "dpop_jti"),
        ({"jti": "\ud800"}, {}, "genuine"),
        ({"htm": "GET"}, {}, "dpop_htm"),
        ({"htm": "Post"}, {}, "dpop_htm"),
        ({"htu": ...}, {}, "dpop_htu"),
        ({"htu": "https://other.example/token"}, {}, "dpop_htu"),
        ({"htu": URL + "?x=1#y"}, {}, "genuine"),
        ({"htu": "https://auth.example:443/token"}, {}, "genuine"),
        ({"htu": "https://auth.example:0/token"}, {}, "dpop_htu"),
        ({}, {"access_token": "t"}, "dpop_ath"),
        ({"ath": token_hash("t")}, {"access_token": "t"}, "genuine"),
        ({"ath": token_hash("t") + "="}, {"access_token": "t"}, "dpop_ath"),
        ({"ath": token_hash("u")}, {"access_token": "t"}, "dpop_ath"),
        ({"ath": token_hash("t")}, {}, "genuine"),
        ({"iat": ...}, {}, "dpop_iat"),
        ({"iat": NOW}, {}, "genuine"),
        ({"iat": NOW - NONCED_SECONDS}, {}, "genuine"),
        ({"iat": NOW - NONCED_SECONDS - 1}, {}, "dpop_iat"),
        ({"iat": NOW + NONCED_SECONDS}, {}, "genuine"),
        ({"iat": NOW + NONCED_SECONDS + 1}, {}, "dpop_iat"),
        *(({"iat": NOW + off}, {"nonce_dates": True}, "genuine") for off in (-NOW, -86_400, -301, 301, 10**9)),
        *(
            ({"iat": iat}, {"nonce_dates": True}, "dpop_iat")
            for iat in (..., None, True, "1", -1, float("nan"), float("inf"), 10**400)
        ),
        ({"iat": NOW - 301, "nonce": ...}, {"nonce_dates": True}, "dpop_nonce_missing"),
        ({"iat": NOW - 301, "nonce": "x"}, {"nonce_dates": True}, "dpop_nonce_old"),
        ({"iat": NOW - 301, "nonce": ...}, {"nonce_dates": True, "nonce_required": False}, "dpop_iat"),
        ({"iat": NOW - 301, "htu": "https://other.example/token"}, {"nonce_dates": True}, "dpop_htu"),
        ({"iat": float("inf")}, {}, "dpop_iat"),
        ({"iat": float("nan")}, {}, "dpop_iat"),
        ({"iat": 10**400}, {}, "dpop_iat"),
        ({"nonce": ...}, {}, "dpop_nonce_missing"),
        ({"nonce": "x"}, {}, "dpop_nonce_old"),
        ({"nonce": None}, {}, "dpop_nonce_missing"),
        ({"nonce": ...}, {"nonce_required": False}, "genuine"),
        ({"nonce": "x"}, {"nonce_required": False}, "dpop_nonce_old"),
        ({"nonce": ..., "iat": NOW - PAST_SECONDS - 60}, {"nonce_required": False}, "genuine"),
        ({"nonce": ..., "iat": NOW - PAST_SECONDS - 61}, {"nonce_required": False}, "dpop_iat"),
        ({"nonce": ..., "iat": NOW + 60}, {"nonce_required": False}, "genuine"),
        ({"nonce": ..., "iat": NOW + 61}, {"nonce_required": False}, "dpop_iat"),
    ],
    ids=repr,
)
def test_a_proof_is_judged(changes: dict[str, Any], wanted: dict[str, Any], verdict: str) -> None:
    judged = judge(changes, **wanted)
    assert ("genuine" if isinstance(judged, Genuine) else judged.reason) == verdict


def test_what_is_wrong_for_ever_is_said_before_the_nonce_is_asked_for() -> None:
    assert judge({"nonce": ..., "htm": "GET"}) == Wrong("dpop_htm")


@pytest.mark.parametrize("iat", [NOW, NOW - NONCED_SECONDS, NOW + NONCED_SECONDS])
def test_a_proof_is_remembered_for_as_long_as_it_could_be_shown_again(iat: float) -> None:
    judged = judge({"iat": iat})
    assert isinstance(judged, Genuine)
    assert isinstance(judge({"iat": iat, "nonce": NONCE}, now=iat + NONCED_SECONDS), Genuine | NonceNeeded)
    assert iat + NONCED_SECONDS < NOW + judged.seconds <= NOW + 2 * NONCED_SECONDS + 1


@pytest.mark.parametrize("ahead", [-SLICE_SECONDS, 0, SLICE_SECONDS])
@pytest.mark.parametrize("second", [0, 1, SLICE_SECONDS - 1])
def test_a_proof_that_its_nonce_dates_is_remembered_for_longer_than_the_nonce_is_taken(ahead: int, second: int) -> None:
    now = NOW - NOW % SLICE_SECONDS + second
    nonce = make_nonce(7, KEYS[7], now + ahead)
    judged = judge({"iat": 0, "nonce": nonce}, now=now, nonce_dates=True)
    assert isinstance(judged, Genuine)
    assert not nonce_is_fresh(nonce, KEYS.get, now + judged.seconds - 1)


def test_the_replay_cache_tells_keys_apart() -> None:
    one, other = (
        judge_proof(GOOD, jkt, Wanted("POST", (URL,), NOW, 60, True), KEYS.get) for jkt in ("thumbprint", "another")
    )
    assert isinstance(one, Genuine)
    assert isinstance(other, Genuine)
    assert one.digest != other.digest


def test_a_nonce_is_taken_in_its_own_slice_and_the_neighbours() -> None:
    start = NOW - NOW % SLICE_SECONDS
    for off, fresh in ((0, True), (SLICE_SECONDS, True), (2 * SLICE_SECONDS - 1, True), (2 * SLICE_SECONDS, False)):
        assert nonce_is_fresh(NONCE, KEYS.get, start + off) == fresh
    assert nonce_is_fresh(NONCE, KEYS.get, start - 1)
    assert not nonce_is_fresh(NONCE, KEYS.get, start - SLICE_SECONDS - 1)


def test_a_nonce_of_an_older_master_key_is_taken_while_that_key_is_held() -> None:
    old = make_nonce(1, KEYS[1], NOW)
    assert nonce_is_fresh(old, KEYS.get, NOW)
    assert not nonce_is_fresh(old, {7: KEYS[7]}.get, NOW)
    assert not nonce_is_fresh(make_nonce(1, KEYS[7], NOW), KEYS.get, NOW)


@pytest.mark.parametrize("place", range(28))
def test_a_nonce_that_was_altered_is_not_ours(place: int) -> None:
    changed = NONCE[:place] + ("A" if NONCE[place] != "A" else "B") + NONCE[place + 1 :]
    assert not nonce_is_fresh(changed, KEYS.get, NOW)


def test_the_form_of_a_thumbprint() -> None:
    assert is_base64url_of_32("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
    for text in ("", "x" * 42, "x" * 44, "x" * 42 + "=", "x" * 42 + ".", "x" * 42 + "é"):
        assert not is_base64url_of_32(text)
