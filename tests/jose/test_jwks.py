from __future__ import annotations

import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import KeySet

from authsvc.jose.algorithms import ALGORITHMS
from authsvc.jose.jwk import PRIVATE_MEMBERS, SnapshotError, document, read_snapshot
from tests.support.jose import private, public

EVERY = [public(0, alg) for alg in ALGORITHMS]
BODY = document(EVERY).body


def test_the_jwks_is_read_by_pyjwt_and_joserfc():
    """PyJWT passes over the one whose `alg` it does not know (RFC 9864)."""
    kids = [entry["kid"] for entry in EVERY]
    known = [entry["kid"] for entry in EVERY if entry["alg"] != "Ed25519"]
    assert [key.key_id for key in jwt.PyJWKSet.from_json(BODY.decode()).keys] == known
    assert [key.kid for key in KeySet.import_key_set(json.loads(BODY)).keys] == kids


def test_the_jwks_never_contains_a_private_part():
    for entry in json.loads(BODY)["keys"]:
        assert PRIVATE_MEMBERS.isdisjoint(entry)
    secret = private().private_numbers()
    for number in (secret.d, secret.p, secret.q):
        assert jwt.utils.to_base64url_uint(number) not in BODY


def test_equal_keys_have_equal_bytes_and_a_strong_etag():
    first, second = document(EVERY), document([dict(reversed(entry.items())) for entry in EVERY])
    assert first == second
    assert first.etag.startswith('"')
    assert first.etag.endswith('"')
    assert document(EVERY[:-1]).etag != first.etag


def test_a_snapshot_is_read_as_it_was_written():
    entries = read_snapshot(BODY)
    assert document([entry for entry, _ in entries]).body == BODY


@pytest.mark.parametrize(
    "snapshot",
    [b"", b"{}", b"[]", b"null", b'{"keys":1}', b'{"keys":[1]}', b'{"keys":[{}]}', BODY[:-20], b"\xff", b"[" * 100_000],
)
def test_a_damaged_snapshot_is_refused_as_a_whole(snapshot):
    with pytest.raises(SnapshotError):
        read_snapshot(snapshot)


@pytest.mark.parametrize("change", [{"d": "AQAB"}, {"kid": "mine"}, {"alg": "HS256"}, {"n": public(1)["n"]}])
def test_a_snapshot_with_a_foreign_key_is_refused(change):
    with pytest.raises(SnapshotError, match="unusable key"):
        read_snapshot(document([public(), public() | change]).body)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reading_of_a_snapshot(snapshot):
    with pytest.raises(SnapshotError):
        read_snapshot(snapshot)
