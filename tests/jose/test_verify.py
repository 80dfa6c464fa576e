from __future__ import annotations

import base64
import hashlib
import hmac
import json

import jwt
import pytest

from authsvc.jose import jwk
from authsvc.jose.verify import MAX_LENGTH, Invalid, VerifiedClaims
from tests.support.jose import API, ISSUER, NOW, b64, claims, crafted, header, private, public, ring, row
from tests.support.signing import sign_now

KEYS = ring(row(0), row(0, "ES256"))
SECONDS = int(NOW.timestamp())


def _verify(token, **expected):
    return KEYS.verify(token, **({"typ": "at+jwt", "issuer": ISSUER, "audience": API, "now": NOW} | expected))


def _good(**changes):
    return sign_now(KEYS, claims(**changes), typ="at+jwt", now=NOW)


# What is read from a good token ----------------------------------------------------------------------------------


def test_a_good_token_says_who_where_and_what():
    verified = _verify(_good())
    assert isinstance(verified, VerifiedClaims)
    assert verified.kid == public()["kid"]
    assert (verified.sub, verified.jti, verified.client_id, verified.sid) == ("ada", "j1", "customer", "s1")
    assert (verified.scope, verified.aud, verified.raw["roles"]) == ("openid profile", (API,), ["customer"])
    assert (verified.iat, verified.exp) == (SECONDS, SECONDS + 1800)


def test_a_clients_own_token_has_no_session_no_roles_and_perhaps_no_scope():
    verified = _verify(_good(sid=..., roles=..., scope=..., aud=[API, "other"]))
    assert (verified.sid, verified.scope, verified.aud) == (None, "", (API, "other"))


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
def test_the_type_is_a_media_type(typ):
    assert isinstance(_verify(crafted(header(typ=typ), claims())), VerifiedClaims)


# Attacks on the header -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", None, 0, ["RS256"], ...])
@pytest.mark.parametrize("signed", [True, False])
def test_a_token_without_an_algorithm_is_refused_in_every_spelling(alg, signed):
    token = crafted(header(alg=alg), claims())
    if not signed:
        token = token[: token.rindex(".") + 1]
    assert _verify(token) == Invalid("wrong_alg")


def test_an_empty_signature_is_refused():
    token = _good()
    assert _verify(token[: token.rindex(".") + 1]) == Invalid("bad_signature")


@pytest.mark.parametrize(
    "secret",
    [
        jwk.public_pem(private().public_key()).encode(),
        json.dumps(public()).encode(),
        public()["n"].encode(),
        base64.urlsafe_b64decode(public()["n"] + "=="),
        b"",
    ],
)
@pytest.mark.parametrize("alg", ["HS256", "HS512"])
def test_a_public_key_is_not_an_hmac_secret(secret, alg):
    signing_input = f"{b64(json.dumps(header(alg=alg)).encode())}.{b64(json.dumps(claims()).encode())}"
    mac = hmac.digest(secret, signing_input.encode(), hashlib.new("sha" + alg[2:]).name)
    assert _verify(f"{signing_input}.{b64(mac)}") == Invalid("wrong_alg")


@pytest.mark.parametrize("alg", ["PS256", "RS512", "rs256", "ES256"])
def test_the_algorithm_is_the_keys_and_not_the_headers(alg):
    assert _verify(crafted(header(alg=alg), claims())) == Invalid("wrong_alg")
    assert _verify(crafted(header(kid=public(0, "ES256")["kid"]), claims())) == Invalid("wrong_alg")


@pytest.mark.parametrize(
    "supplied",
    [
        {"jwk": public(9)},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": ["MIIB"]},
        {"jwk": public(9), "kid": public(9)["kid"]},
    ],
)
def test_a_key_that_the_token_brings_along_is_ignored(supplied):
    token = crafted(header(**supplied), claims(), number=9)
    assert _verify(token) == Invalid("unknown_kid" if "kid" in supplied else "bad_signature")


@pytest.mark.parametrize("crit", [["exp"], ["b64"], ["x"], [], None, "b64"])
def test_a_critical_extension_is_refused(crit):
    assert _verify(crafted(header(crit=crit, b64=True, x=1), claims())) == Invalid("crit")


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "' OR 1=1 --", "k" * 4096, "\0", public()["kid"] + "\0", "", "\ud800", "unknown"]
)
def test_a_kid_is_looked_up_and_nothing_else(kid):
    assert _verify(crafted(header(kid=kid), claims())) == Invalid("unknown_kid")


@pytest.mark.parametrize("kid", [None, 1, ["a"], {"a": 1}, True, ...])
def test_a_kid_is_text(kid):
    assert _verify(crafted(header(kid=kid), claims())) == Invalid("no_kid")


@pytest.mark.parametrize("typ", ["JWT", "id_token", "rt+jwt", "logout+jwt", "at+jwtx", "x/at+jwt", "", None, 1, ...])
def test_an_id_token_or_any_other_kind_is_not_an_access_token(typ):
    assert _verify(crafted(header(typ=typ), claims())) == Invalid("wrong_typ")
    assert _verify(_good(), typ="JWT") == Invalid("wrong_typ")


@pytest.mark.parametrize(
    "head",
    [
        f'{{"alg":"RS256","alg":"RS256","kid":"{public()["kid"]}","typ":"at+jwt"}}',
        f'{{"alg":"none","kid":"{public()["kid"]}","typ":"at+jwt","alg":"RS256"}}',
        f'{{"alg":"RS256","kid":"x","kid":"{public()["kid"]}","typ":"at+jwt"}}',
        "[]",
        '"RS256"',
        "null",
        "{",
        "",
        "[" * 5000,
        '{"a":' * 1000,
        f'{{"alg":"RS256","kid":"{public()["kid"]}","typ":"at+jwt","x":NaN}}',
        f'{{"alg":"RS256","kid":"{public()["kid"]}","typ":"at+jwt","x":{"9" * 4500}}}',
    ],
)
def test_a_header_is_one_json_object_whose_names_occur_once(head):
    assert _verify(crafted(head, claims())) == Invalid("bad_header")


# Attacks on the form ---------------------------------------------------------------------------------------------


def test_an_oversized_token_is_refused_before_it_is_looked_at():
    token = crafted(header(), claims(pad="x" * 5000))
    assert len(token) < MAX_LENGTH
    assert isinstance(_verify(token), VerifiedClaims)
    assert _verify("." * MAX_LENGTH) == Invalid("malformed")
    assert _verify("." * (MAX_LENGTH + 1)) == Invalid("oversized")
    assert _verify(crafted(header(), claims(pad="x" * 8192))) == Invalid("oversized")


@pytest.mark.parametrize(
    "token", ["", ".", "a", "a.b", "a.b.c.d", "a.b.c.d.e", "ä.b.c", "\ud800..", "１.２.３", None, b"a.b.c", 1, []]
)
def test_what_is_not_three_ascii_segments_is_malformed(token):
    assert _verify(token) == Invalid("malformed")


def test_a_token_has_one_spelling():
    head, payload, signature = _good().split(".")
    assert len(base64.urlsafe_b64decode(signature + "==")) == 256
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bits = last[last.index(signature[-1]) ^ 1]
    for other in (signature + "==", signature + "=", signature[:-1] + same_bits, signature + "\n", " " + signature):
        assert _verify(f"{head}.{payload}.{other}") == Invalid("bad_signature")
    standard = signature.replace("-", "+").replace("_", "/")
    if standard != signature:
        assert _verify(f"{head}.{payload}.{standard}") == Invalid("bad_signature")


def test_the_signature_covers_header_and_payload():
    head, payload, signature = _good().split(".")
    other = b64(json.dumps(claims(sub="mallory")).encode())
    assert _verify(f"{head}.{other}.{signature}") == Invalid("bad_signature")
    spaced = b64(json.dumps(header(), indent=1).encode())
    assert _verify(f"{spaced}.{payload}.{signature}") == Invalid("bad_signature")
    assert _verify(crafted(header(), claims(), number=9)) == Invalid("bad_signature")


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 255, 257])
@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_a_signature_of_any_length_is_only_wrong(size, alg):
    signing_input = crafted(header(alg=alg, kid=public(0, alg)["kid"]), claims()).rpartition(".")[0]
    assert _verify(f"{signing_input}.{b64(bytes(size))}") == Invalid("bad_signature")


# Attacks on the claims -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exp",
    [SECONDS + 60.5, float(SECONDS + 60), str(SECONDS + 60), -1, 2**63, 2**64, 10**30, True, None, [SECONDS + 60], ...],
)
def test_an_expiry_that_is_no_whole_second_is_refused(exp):
    assert _verify(crafted(header(), claims(exp=exp))) == Invalid("bad_claims")


@pytest.mark.parametrize("iat", [1.5, "1", -1, 2**63, False, None, ...])
def test_an_issue_time_that_is_no_whole_second_is_refused(iat):
    assert _verify(crafted(header(), claims(iat=iat))) == Invalid("bad_claims")


def test_a_token_is_dead_in_the_second_of_its_expiry():
    assert isinstance(_verify(_good(exp=SECONDS + 1)), VerifiedClaims)
    assert _verify(_good(exp=SECONDS)) == Invalid("expired")
    assert _verify(_good(exp=0)) == Invalid("expired")
    assert isinstance(_verify(_good(exp=SECONDS - 9), leeway=10), VerifiedClaims)
    assert _verify(_good(exp=SECONDS - 10), leeway=10) == Invalid("expired")


def test_a_token_for_later_is_not_valid_yet():
    assert isinstance(_verify(_good(nbf=SECONDS)), VerifiedClaims)
    assert _verify(_good(nbf=SECONDS + 1)) == Invalid("not_yet_valid")
    assert isinstance(_verify(_good(nbf=SECONDS + 1), leeway=1), VerifiedClaims)
    assert _verify(_good(nbf="1")) == Invalid("bad_claims")


@pytest.mark.parametrize(
    "iss", [[ISSUER], [ISSUER, "x"], ISSUER + "/", ISSUER[:-1], ISSUER.upper(), "", None, 1, {ISSUER: 1}, ...]
)
def test_the_issuer_is_exactly_ours(iss):
    assert _verify(crafted(header(), claims(iss=iss))) == Invalid("wrong_issuer")


@pytest.mark.parametrize("aud", ["other", API + "/", API[:-1], [], ["other"], ..., ISSUER])
def test_a_token_for_somebody_else_is_refused(aud):
    assert _verify(_good(aud=aud)) == Invalid("wrong_audience")
    assert isinstance(_verify(_good(aud=aud), audience=None), VerifiedClaims)


@pytest.mark.parametrize("aud", [1, None, {API: 1}, [API, 1], [[API]], True])
def test_an_audience_is_text_or_a_list_of_texts(aud):
    assert _verify(_good(aud=aud)) == Invalid("bad_claims")
    assert _verify(_good(aud=aud), audience=None) == Invalid("bad_claims")


@pytest.mark.parametrize("name", ["sub", "jti", "client_id"])
@pytest.mark.parametrize("value", [None, 1, ["ada"], {}, ...])
def test_names_are_there_and_are_text(name, value):
    assert _verify(_good(**{name: value})) == Invalid("bad_claims")


@pytest.mark.parametrize(
    "change", [{"sid": 1}, {"sid": None}, {"scope": ["a"]}, {"roles": {"admin": 1}}, {"roles": [1]}]
)
def test_what_may_be_missing_still_has_its_type(change):
    assert _verify(_good(**change)) == Invalid("bad_claims")


@pytest.mark.parametrize(
    "payload", ["[]", "", "null", '"x"', '{"a":1,"a":2}', "\ud800", "[" * 4000, json.dumps(claims())[:-1] + ',"exp":9}']
)
def test_claims_are_one_json_object_whose_names_occur_once(payload):
    assert _verify(crafted(header(), payload)) == Invalid("bad_claims")


def test_what_pyjwt_makes_with_our_key_verifies_too():
    token = jwt.encode(claims(), private(), algorithm="RS256", headers=header())
    assert isinstance(_verify(token), VerifiedClaims)
