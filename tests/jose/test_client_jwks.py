"""Which keys a client may have, and when its host is asked for them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa

from authsvc.jose import jwk
from authsvc.jose.algorithms import ALGORITHMS, KeyRefused
from authsvc.jose.client_jwks import (
    FRESH_SECONDS,
    MAX_SETS,
    PAUSE_SECONDS,
    STALE_SECONDS,
    KeySet,
    RemoteKeys,
    read_client_jwks,
)
from authsvc_jws.compact import unverified_kid
from tests.support.jose import public

RSA, EC, ED = (public(0, alg) for alg in ("RS256", "ES256", "EdDSA"))
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()


def number(value: int) -> str:
    return urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8)).decode().rstrip("=")


def rsa_key(n: int, e: int = 65537) -> dict[str, Any]:
    return {"kty": "RSA", "n": number(n), "e": number(e)}


def of(key: Any, alg: str) -> dict[str, Any]:
    return dict(ALGORITHMS[alg].to_jwk(key, as_dict=True))


# What is no key of a client, alone or beside good ones.
UNUSABLE: dict[str, dict[str, Any]] = {
    "for encryption": {**EC, "use": "enc"},
    "for encryption, by its operations": {**{k: v for k, v in RSA.items() if k != "use"}, "key_ops": ["encrypt"]},
    "post-quantum": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"},
    "another algorithm": {**RSA, "alg": "RS512"},
    "an algorithm of another type": {**RSA, "alg": "ES256"},
    "alg is no text": {**RSA, "alg": ["RS256"]},
    "no type": {"kid": "x"},
    "type is no text": {**RSA, "kty": {}, "alg": None},
    "a point that is none": {**EC, "x": "AA"},
    "another curve": of(ec.generate_private_key(ec.SECP384R1()).public_key(), "ES256"),
    "Ed448": of(ed448.Ed448PrivateKey.generate().public_key(), "EdDSA"),
    "1024 bits": rsa_key(SMALL.public_numbers().n),
    "16384 bits": rsa_key((1 << 16_383) + 1),
    "400,000 bits": rsa_key((1 << 400_000) + 1),
    "an exponent of 33 bits": rsa_key((1 << 2047) + 1, (1 << 32) + 1),
    "kid is no text": {**EC, "kid": 7},
    "kid too long": {**EC, "kid": "x" * 257},
    "kid with NUL": {**EC, "kid": "a\0"},
    "kid half a surrogate": {**EC, "kid": "\ud800"},
}
PRIVATE: dict[str, dict[str, Any]] = {
    "RSA": {**RSA, "d": "AQAB"},
    "EC": {**EC, "d": "AQAB"},
    "a prime": {**RSA, "p": "AQAB"},
    "post-quantum": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "x", "priv": "x"},
    "symmetric": {"kty": "oct", "k": "c2VjcmV0"},
    "symmetric, without its value": {"kty": "oct"},
}


def test_every_kind_of_key_in_use_is_taken_and_nothing_but_what_a_key_needs_is_kept() -> None:
    extra = {**RSA, "x5c": ["x" * 9000], "key_ops": ["verify"], "note": "x"}
    plain = {name: value for name, value in EC.items() if name not in ("alg", "use", "kid")}
    assert read_client_jwks({"keys": [extra, plain, ED], "more": 1}) == {"keys": [RSA, plain, ED]}


@pytest.mark.parametrize("key", UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_is_not_for_us_is_left_out_and_alone_refuses_the_set(key: Any) -> None:
    for keys in ([RSA, key], [key, RSA], [key, RSA, key]):
        assert read_client_jwks({"keys": keys}) == {"keys": [RSA]}
    with pytest.raises(KeyRefused, match=r"^key 1 "):
        read_client_jwks({"keys": [key]})


@pytest.mark.parametrize("key", PRIVATE.values(), ids=PRIVATE)
def test_a_private_key_refuses_the_whole_set(key: Any) -> None:
    for keys in ([RSA, key], [key, RSA], [UNUSABLE["for encryption"], key]):
        with pytest.raises(KeyRefused, match="private or symmetric"):
            read_client_jwks({"keys": keys})


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        1,
        {},
        {"keys": None},
        {"keys": {}},
        {"keys": []},
        {"keys": [1]},
        {"keys": [RSA, None]},
        {"keys": [RSA] * 11},
        {"keys": [RSA] * 101},
        {"keys": [{}] * 101},
    ],
    ids=range(13),
)
def test_what_is_no_set_of_1_to_10_keys_is_refused(value: Any) -> None:
    with pytest.raises(KeyRefused):
        read_client_jwks(value)


def test_ten_keys_are_taken() -> None:
    assert len(read_client_jwks({"keys": [RSA] * 10})["keys"]) == 10
    foreign = [{"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"}] * 50
    assert len(read_client_jwks({"keys": [*foreign, *[RSA] * 10]})["keys"]) == 10


def test_a_refusal_can_be_said_to_anybody() -> None:
    for key in (*UNUSABLE.values(), *PRIVATE.values()):
        with pytest.raises(KeyRefused) as refused:
            read_client_jwks({"keys": [key]})
        assert all(" " <= char <= "~" and char not in '"\\' for char in str(refused.value))


@pytest.mark.parametrize(
    ("header", "kid"),
    [
        ({"kid": "a"}, "a"),
        ({}, None),
        ({"kid": 1}, None),
        ({"kid": ["a"]}, None),
        ([], None),
        ({"kid": "x" * 9000}, None),
    ],
)
def test_the_kid_that_a_token_claims(header: Any, kid: str | None) -> None:
    segment = urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    assert unverified_kid(f"{segment}.e30.x") == kid


@pytest.mark.parametrize("text", ["", ".", "é.é.é", "\ud800", "!!!.x.y", "e30", "bnVsbA.x.y"], ids=range(7))
def test_a_token_that_is_none_claims_no_kid(text: str) -> None:
    assert unverified_kid(text) is None


# When the client's host is asked

SET = {"keys": [RSA, EC]}
KNOWN, UNKNOWN = RSA["kid"], "unknown"


@pytest.mark.parametrize(
    ("fetched", "tried", "kid", "asks"),
    [
        (None, None, KNOWN, True),  # never asked
        (None, 0, KNOWN, False),  # asked in vain just now
        (None, PAUSE_SECONDS - 0.1, UNKNOWN, False),
        (None, PAUSE_SECONDS, KNOWN, True),
        (0, 0, KNOWN, False),
        (0, 0, UNKNOWN, False),
        (PAUSE_SECONDS - 0.1, PAUSE_SECONDS - 0.1, UNKNOWN, False),
        (PAUSE_SECONDS, PAUSE_SECONDS, UNKNOWN, True),
        (PAUSE_SECONDS, PAUSE_SECONDS, KNOWN, False),
        (PAUSE_SECONDS, PAUSE_SECONDS, None, False),  # whoever names no key is judged by those there are
        (FRESH_SECONDS - 0.1, FRESH_SECONDS - 0.1, None, False),
        (FRESH_SECONDS, FRESH_SECONDS, KNOWN, True),
        (FRESH_SECONDS, FRESH_SECONDS, None, True),
        (FRESH_SECONDS, PAUSE_SECONDS - 0.1, KNOWN, False),  # its host is away
        (FRESH_SECONDS, PAUSE_SECONDS, KNOWN, True),
        (STALE_SECONDS, PAUSE_SECONDS - 0.1, KNOWN, False),
    ],
)
def test_a_host_is_asked_when_it_must_be_and_never_twice_in_the_pause(
    fetched: float | None, tried: float | None, kid: str | None, asks: bool
) -> None:
    now = 1_000_000.0
    known = KeySet(
        jwks=None if fetched is None else SET,
        fetched_at=float("-inf") if fetched is None else now - fetched,
        tried_at=float("-inf") if tried is None else now - tried,
    )
    assert known.must_ask(kid, now) is asks


def test_the_last_good_set_serves_for_a_day() -> None:
    known = KeySet()
    assert known.usable(0) is None
    known.answered(SET, 100)
    known.failed("timeout", 500)
    assert (known.usable(99 + STALE_SECONDS), known.failure) == (SET, "timeout")
    assert known.usable(100 + STALE_SECONDS) is None
    known.answered(SET, 200 + STALE_SECONDS)
    assert (known.usable(200 + STALE_SECONDS), known.failure) == (SET, "")


def test_the_memory_of_sets_is_bounded_and_forgets_what_nobody_uses() -> None:
    memory = RemoteKeys()
    first = memory.of(("c", "first"))
    for number_ in range(MAX_SETS + 5):
        memory.of(("c", str(number_)))
        assert memory.of(("c", "first")) is first
    assert len(memory.sets) == MAX_SETS
    assert memory.of(("other", "first")) is not first


def test_the_thumbprint_of_what_is_kept_is_the_same() -> None:
    assert [jwk.thumbprint(key) for key in read_client_jwks(SET)["keys"]] == [RSA["kid"], EC["kid"]]
