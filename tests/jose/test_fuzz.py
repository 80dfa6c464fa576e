"""Whatever is sent: a verdict, never an exception, and never the wrong one."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.jose.verify import Invalid, VerifiedClaims
from tests.support.jose import API, ISSUER, NOW, b64, claims, crafted, header, public, ring
from tests.support.signing import sign_now

KEYS = ring()
TOKEN = sign_now(KEYS, claims(), typ="at+jwt", now=NOW)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
PARTS = st.sampled_from(TOKEN.split(".")) | st.text(max_size=30) | st.binary(max_size=40).map(b64)


def _verify(token):
    return KEYS.verify(token, typ="at+jwt", issuer=ISSUER, audience=API, now=NOW)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")) | st.from_type(type))
def test_no_text_crashes_or_verifies(token):
    assert isinstance(_verify(token), Invalid)


@given(st.lists(PARTS, min_size=2, max_size=4).map(".".join).filter(lambda token: token != TOKEN))
def test_no_other_combination_of_parts_verifies(token):
    assert isinstance(_verify(token), Invalid)


@settings(max_examples=400)
@given(
    at=st.integers(0, len(TOKEN)),
    cut=st.integers(0, 4),
    put=st.text(alphabet="ABCXYZabcxyz0189-_.=+/ \n\0é", max_size=4),
)
def test_no_altered_token_verifies(at, cut, put):
    altered = TOKEN[:at] + put + TOKEN[at + cut :]
    assert isinstance(_verify(altered), Invalid) or altered == TOKEN


@given(data=st.data())
def test_no_flipped_bit_verifies(data):
    at = data.draw(st.integers(0, len(TOKEN) - 1))
    flipped = TOKEN[:at] + chr(ord(TOKEN[at]) ^ (1 << data.draw(st.integers(0, 6)))) + TOKEN[at + 1 :]
    assert isinstance(_verify(flipped), Invalid)


@settings(deadline=None)
@given(name=st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64"]), value=JSON)
def test_no_header_value_crashes(name, value):
    token = crafted(json.dumps(header() | {name: value}), claims())
    assert isinstance(_verify(token), Invalid | VerifiedClaims)


@settings(deadline=None)
@given(name=st.sampled_from(sorted([*claims(), "nbf"])), value=JSON)
def test_no_claim_value_crashes_and_typed_properties_never_lie(name, value):
    verdict = _verify(crafted(header(), json.dumps(claims() | {name: value})))
    if isinstance(verdict, VerifiedClaims):
        assert verdict.kid == public()["kid"]
        assert all(isinstance(text, str) for text in (verdict.sub, verdict.jti, verdict.client_id, verdict.scope))
        assert verdict.sid is None or isinstance(verdict.sid, str)
        assert all(isinstance(entry, str) for entry in (*verdict.aud, *verdict.raw.get("roles", ())))
        assert verdict.exp > NOW.timestamp()
        assert API in verdict.aud
