from __future__ import annotations

import json
import threading
from dataclasses import replace

import jwt
import pytest
from joserfc import jwt as jose
from joserfc.jwk import KeySet

from authsvc.jose.algorithms import ALGORITHMS
from authsvc.jose.jwk import SnapshotError
from authsvc.jose.verify import Invalid, VerifiedClaims
from authsvc.keys import signers
from authsvc.keys.master import MasterKeys
from authsvc.keys.plans import apply_changes, plan_withdraw
from authsvc.keys.ring import Keyring, NoSigningKey
from authsvc.keys.seal import SealError, seal
from tests.support.jose import (
    API,
    DAY,
    HOUR,
    ISSUER,
    MASTER,
    MINUTE,
    NOW,
    POLICY,
    SECOND,
    b64,
    claims,
    entropy,
    planned,
    public,
    ring,
    row,
)
from tests.support.signing import sign_now

# 0 signs until NOW + 1 h, then 1 does.
FIRST = row(0, signs_until=NOW + HOUR, drop_after=NOW + HOUR + POLICY.keep)
SECOND_KEY = row(1, signs_from=NOW + HOUR)


def _verify(keys: Keyring, token: str, at=NOW, **expected):
    return keys.verify(token, **({"typ": "at+jwt", "issuer": ISSUER, "audience": API, "now": at} | expected))


def _kids(keys: Keyring) -> list[str]:
    return [entry["kid"] for entry in json.loads(keys.jwks.body)["keys"]]


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_what_we_sign_verifies_here_and_with_pyjwt_and_joserfc(alg):
    keys = ring(row(0, alg))
    token = sign_now(keys, claims(name="Zoë ☕"), typ="at+jwt", now=NOW, alg=alg)
    mine = _verify(keys, token)
    assert isinstance(mine, VerifiedClaims)
    assert mine.raw == claims(name="Zoë ☕")

    jwks = json.loads(keys.jwks.body)
    assert jwt.get_unverified_header(token) == {"alg": alg, "kid": public(0, alg)["kid"], "typ": "at+jwt"}
    if alg != "Ed25519":  # PyJWT does not know the name (RFC 9864)
        theirs = jwt.decode(
            token,
            jwt.PyJWKSet.from_dict(jwks)[mine.kid],
            algorithms=[alg],
            audience=API,
            issuer=ISSUER,
            options={"verify_exp": False, "verify_iat": False},
        )
        assert theirs == mine.raw
    assert jose.decode(token, KeySet.import_key_set(jwks), algorithms=[alg]).claims == mine.raw


def test_a_token_is_compact_and_names_its_own_type():
    token = sign_now(ring(), {"a": 1}, typ="JWT", now=NOW)
    assert "=" not in token
    assert token.split(".")[1] == b64(b'{"a":1}')
    assert jwt.get_unverified_header(token)["typ"] == "JWT"


def test_an_announced_key_takes_over_at_its_time_without_a_word_from_anyone():
    keys = ring(FIRST, SECOND_KEY)
    assert keys.signing_kid(NOW + HOUR - SECOND) == FIRST.kid
    assert keys.signing_kid(NOW + HOUR) == SECOND_KEY.kid
    token = sign_now(keys, claims(), typ="at+jwt", now=NOW + HOUR)
    assert jwt.get_unverified_header(token)["kid"] == SECOND_KEY.kid


def test_a_key_signs_and_publishes_by_the_instant_asked_about_even_if_clocks_disagree():
    keys = ring(FIRST, SECOND_KEY, now=NOW + HOUR + SECOND)
    for at, kid in [(NOW + HOUR, SECOND_KEY.kid), (NOW + HOUR - SECOND, FIRST.kid), (NOW + HOUR, SECOND_KEY.kid)]:
        assert jwt.get_unverified_header(sign_now(keys, claims(), typ="at+jwt", now=at))["kid"] == kid


def test_a_retired_key_verifies_until_it_is_dropped_and_no_longer():
    keys = ring(FIRST, SECOND_KEY)
    at = NOW + HOUR - SECOND
    token = sign_now(keys, claims(exp=int((NOW + DAY).timestamp())), typ="at+jwt", now=at)
    dropped = FIRST.drop_after
    assert isinstance(_verify(keys, token, dropped - SECOND), VerifiedClaims)
    keys.refresh(dropped - SECOND)
    assert _kids(keys) == sorted([FIRST.kid, SECOND_KEY.kid])
    before = keys.jwks.etag
    assert _verify(keys, token, dropped) == Invalid("unknown_kid")
    assert _kids(keys) == [SECOND_KEY.kid]
    assert keys.jwks.etag != before


def test_a_withdrawn_key_neither_verifies_nor_signs_nor_shows():
    rows = (FIRST, SECOND_KEY)
    keys = ring(*rows)
    token = sign_now(keys, claims(), typ="at+jwt", now=NOW)
    keys.load(apply_changes(rows, plan_withdraw(rows, NOW, FIRST.kid).changes), NOW)
    assert _verify(keys, token) == Invalid("withdrawn_kid")
    assert _kids(keys) == [SECOND_KEY.kid]
    assert isinstance(_verify(keys, sign_now(keys, claims(), typ="at+jwt", now=NOW)), VerifiedClaims)


def test_nobody_signs_when_no_key_may():
    empty = Keyring(MASTER)
    with pytest.raises(NoSigningKey):
        sign_now(empty, claims(), typ="at+jwt", now=NOW)
    assert empty.jwks is None
    assert _verify(empty, "a.b.c") == Invalid("no_keys")
    keys = ring(FIRST)
    for at, alg in [(NOW - SECOND, "RS256"), (NOW + HOUR, "RS256"), (NOW, "ES256"), (NOW, "none")]:
        with pytest.raises(NoSigningKey):
            sign_now(keys, claims(), typ="at+jwt", now=at, alg=alg)
        assert keys.signing_kid(at, alg) is None


def test_a_ring_without_rows_publishes_an_empty_set():
    keys = Keyring(MASTER)
    keys.load((), NOW)
    assert json.loads(keys.jwks.body) == {"keys": []}


def test_each_key_is_opened_once_however_often_the_rows_are_loaded(monkeypatch):
    opened = []
    real = signers.open_key
    monkeypatch.setattr(signers, "open_key", lambda *a: opened.append(a[1].kid) or real(*a))
    keys = ring(FIRST)
    keys.load((FIRST, SECOND_KEY), NOW)
    keys.load((FIRST, SECOND_KEY), NOW + MINUTE)
    keys.refresh(NOW + HOUR)
    assert opened == [FIRST.kid, SECOND_KEY.kid]


def test_a_dropped_or_withdrawn_key_is_not_opened(monkeypatch):
    stolen = replace(row(1), withdrawn_at=NOW)
    gone = row(2, signs_until=NOW - DAY, drop_after=NOW - HOUR, at=NOW - 2 * DAY)
    keys = ring(FIRST, replace(stolen, sealed=b""), replace(gone, sealed=b""))
    assert keys.unopened == ()
    assert _kids(keys) == [FIRST.kid]


def test_a_key_that_somebody_wrote_into_the_database_is_not_published():
    forged = [
        replace(row(1), sealed=b"\x01\x01" + bytes(60)),
        replace(row(1), sealed=row(0).sealed),
        replace(row(1), alg="PS256"),
        replace(row(1), kid="mine"),
        replace(row(1), alg="HS256"),
        replace(row(1), sealed=seal(MASTER, row(1).kid, "RS256", b"no key at all", entropy)),
    ]
    for bad in forged:
        keys = ring(FIRST, replace(bad, signs_from=NOW + HOUR))
        assert _kids(keys) == [FIRST.kid]
        assert keys.unopened == (bad.kid,)


def test_the_published_key_is_the_sealed_one_whatever_the_row_says():
    keys = ring(replace(row(0), public_jwk=public(1)))
    assert json.loads(keys.jwks.body)["keys"] == [public(0)]


def test_a_wrong_master_key_is_said_at_once_and_leaves_the_ring_as_it_was():
    keys = Keyring(MasterKeys.parse(f"1 {b64(bytes(32))}"))
    with pytest.raises(SealError, match="none of the 2 signing keys opens"):
        keys.load((FIRST, SECOND_KEY), NOW)
    assert keys.jwks is None
    good = ring(FIRST)
    with pytest.raises(SealError):
        good.load((planned("junk", -1 * DAY, -1 * DAY),), NOW)
    assert _kids(good) == [FIRST.kid]


def test_replicas_publish_equal_bytes_whatever_the_order_of_the_rows():
    assert ring(FIRST, SECOND_KEY).jwks == ring(SECOND_KEY, FIRST).jwks


def test_a_ring_prints_no_key():
    keys = ring(FIRST)
    assert repr(keys) == f"Keyring(kids=['{FIRST.kid}'], unopened=[])"


def test_a_snapshot_verifies_and_publishes_but_does_not_sign():
    written = ring(FIRST, SECOND_KEY)
    token = sign_now(written, claims(), typ="at+jwt", now=NOW)
    cold = Keyring(MASTER)
    cold.load_public_snapshot(written.jwks.body)
    assert cold.jwks == written.jwks
    assert isinstance(_verify(cold, token), VerifiedClaims)
    with pytest.raises(NoSigningKey):
        sign_now(cold, claims(), typ="at+jwt", now=NOW)
    cold.load((FIRST, SECOND_KEY), NOW)
    assert cold.signing_kid(NOW) == FIRST.kid


def test_a_damaged_snapshot_leaves_the_ring_as_it_was():
    keys = ring(FIRST)
    with pytest.raises(SnapshotError):
        keys.load_public_snapshot(b"{}")
    assert keys.signing_kid(NOW) == FIRST.kid


def test_threads_that_sign_while_rows_are_loaded_always_get_a_good_token():
    keys, wrong = ring(FIRST), []

    def work() -> None:
        for _ in range(40):
            if not isinstance(_verify(keys, sign_now(keys, claims(), typ="at+jwt", now=NOW)), VerifiedClaims):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(200):
        keys.load((FIRST, SECOND_KEY) if turn % 2 else (FIRST,), NOW)
    for thread in threads:
        thread.join()
    assert not wrong
