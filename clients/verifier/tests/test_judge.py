"""What is a good token, claim by claim: RFC 9068 section 4, RFC 8725."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any

import jwt
import pytest

from authsvc_verifier import Claims
from authsvc_verifier.judge import Invalid, Rules, UnknownKid, judge_token
from authsvc_verifier.keys import ALGORITHMS, KeyRefused, KeySet, fresh_seconds, read_jwks, read_key
from fake_issuer import AUDIENCE, EC_KEY, OTHER_KEY, RSA_KEY, FakeIssuer, public_jwk

NOW = int(time.time())


@pytest.fixture(autouse=True)
def issued_now(issuer: FakeIssuer) -> None:
    """However long ago this file was read."""
    issuer.now = lambda: NOW


@pytest.fixture
def rules(issuer: FakeIssuer) -> Rules:
    return Rules(issuer.url, frozenset({AUDIENCE}))


@pytest.fixture
def keys() -> KeySet:
    jwks = {"keys": [public_jwk(RSA_KEY, "one"), public_jwk(EC_KEY, "two", "ES256")]}
    return read_jwks(jwks, ALGORITHMS)


def why(verdict: object) -> str:
    return verdict.reason if isinstance(verdict, Invalid) else type(verdict).__name__


def test_a_good_token_gives_its_claims(issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    act = {"sub": "kitchen"}
    for _ in range(2):  # the second time its header is known
        claims = judge_token(issuer.token(act=act, amr=["pwd"], extra=1), rules, keys, NOW)
        assert isinstance(claims, Claims)
        assert (claims.sub, claims.client_id, claims.sid, claims.jti) == ("user-1", "shop", "sid-1", "jti-1")
        assert (claims.scope, claims.roles, claims.aud) == ({"orders.read", "profile"}, ("customer",), (AUDIENCE,))
        assert (claims.act, claims.cnf, claims.raw["extra"], claims.kid) == (act, None, 1, "one")
    with pytest.raises(TypeError):
        claims.raw["sub"] = "other"  # type: ignore[index]
    with pytest.raises(AttributeError):
        claims.kid = "two"  # type: ignore[misc]


GOOD_VARIANTS: dict[str, dict[str, Any]] = {
    "another key": {"key": EC_KEY, "kid": "two", "alg": "ES256"},
    "media type in full": {"typ": "application/AT+JWT"},
    "several audiences": {"aud": ["https://other.example", AUDIENCE]},
    "just expired": {"exp": NOW - 29},
    "a clock ahead": {"iat": NOW + 29, "nbf": NOW + 29},
    "a fraction": {"exp": NOW + 10.5},
    "a client's own": {"drop": ["sid", "auth_time", "acr", "roles"]},
}


@pytest.mark.parametrize("claims", GOOD_VARIANTS.values(), ids=GOOD_VARIANTS)
def test_good(claims: dict[str, Any], issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    assert why(judge_token(issuer.token(**claims), rules, keys, NOW)) == "Claims"


BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "an ID token": ("wrong_typ", {"typ": "JWT"}),
    "a logout token": ("wrong_typ", {"typ": "logout+jwt"}),
    "no typ": ("wrong_typ", {"typ": ""}),
    "crit": ("crit", {"header": {"crit": ["exp"]}}),
    "another's signature": ("bad_signature", {"key": OTHER_KEY}),
    "alg of another family": ("wrong_alg", {"key": EC_KEY, "alg": "ES256"}),
    "alg of the same family": ("wrong_alg", {"alg": "PS256"}),
    "alg not allowed": ("wrong_alg", {"alg": "RS512"}),
    "another issuer": ("wrong_issuer", {"iss": "https://evil.example"}),
    "a list of issuers": ("bad_claims", {"iss": ["x"]}),
    "another audience": ("wrong_audience", {"aud": "https://other.example"}),
    "a part of the audience": ("wrong_audience", {"aud": AUDIENCE[:-1]}),
    "no audience": ("claim_missing", {"drop": ["aud"]}),
    "empty audience": ("wrong_audience", {"aud": []}),
    "expired": ("expired", {"exp": NOW - 31}),
    "not yet": ("not_yet_valid", {"nbf": NOW + 31}),
    "from the future": ("not_yet_valid", {"iat": NOW + 31}),
    "no exp": ("claim_missing", {"drop": ["exp"]}),
    "no sub": ("claim_missing", {"drop": ["sub"]}),
    "no client_id": ("claim_missing", {"drop": ["client_id"]}),
    "no iat": ("claim_missing", {"drop": ["iat"]}),
    "no jti": ("claim_missing", {"drop": ["jti"]}),
    "exp a bool": ("bad_claims", {"exp": True}),
    "exp a text": ("bad_claims", {"exp": "9"}),
    "exp after all time": ("bad_claims", {"exp": 10**15}),
    "sid a number": ("bad_claims", {"sid": 1}),
    "roles an object": ("bad_claims", {"roles": {"admin": 1}}),
    "scope of numbers": ("bad_claims", {"scope": [1]}),
    "cnf a text": ("bad_claims", {"cnf": "jkt"}),
    "sources malformed": ("bad_claims", {"exchanged_from": [{"jti": 1}]}),
}


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({}, None),
        ({"client_id": "stranger"}, "wrong_client"),
        ({"client_id": "Shop"}, "wrong_client"),
        ({"client_id": "stranger", "azp": "shop"}, "wrong_client"),
        ({"drop": ["client_id"], "azp": "shop"}, None),
        ({"drop": ["client_id"], "azp": "stranger"}, "wrong_client"),
        ({"drop": ["client_id"]}, "wrong_client"),
    ],
)
def test_only_clients_that_are_named_are_let_in(
    claims: dict[str, Any], found: str | None, issuer: FakeIssuer, rules: Rules, keys: KeySet
) -> None:
    rules = replace(rules, clients=frozenset({"shop", "till"}), required=frozenset({"sub"}))
    token = issuer.token(**{"client_id": "shop", **claims})
    verdict = judge_token(token, rules, keys, NOW)
    assert (why(verdict) if found else isinstance(verdict, Claims)) == (found or True)


@pytest.mark.parametrize(("reason", "claims"), BAD.values(), ids=BAD)
def test_bad(reason: str, claims: dict[str, Any], issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    for _ in range(2):
        assert why(judge_token(issuer.token(**claims), rules, keys, NOW)) == reason


def test_an_unknown_kid_is_told_apart(issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    assert judge_token(issuer.token(kid="three"), rules, keys, NOW) == UnknownKid("three")


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize(
    "bend",
    [
        lambda t: "",
        lambda t: "a.b",
        lambda t: t + ".",
        lambda t: t + "=",
        lambda t: t[:-4],
        lambda t: t + "AAAA",
        lambda t: t.replace(".", "..", 1),
        lambda t: "\xff" + t,
        lambda t: t + "\n",
        lambda t: "A" * 20_000,
        lambda t: f"{b64(b'[]')}.{t.split('.')[1]}.{t.split('.')[2]}",
        lambda t: f"{t.split('.')[0]}.{b64(b'{}')}.{t.split('.')[2]}",
        lambda t: f"{b64(b'[' * 9000)}.x.y",
    ],
)
def test_garbage_is_refused_and_never_raises(bend: Any, issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    assert isinstance(judge_token(bend(issuer.token()), rules, keys, NOW), Invalid)


def test_none_and_hmac_with_the_public_key(issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    _, body, _ = issuer.token().split(".")
    none = b64(b'{"alg":"none","typ":"at+jwt","kid":"one"}')
    assert why(judge_token(f"{none}.{body}.", rules, keys, NOW)) == "wrong_alg"
    pem = b"a key that is public"
    hmac = jwt.encode({"iss": issuer.url}, pem * 4, "HS256", headers={"kid": "one", "typ": "at+jwt"})
    assert why(judge_token(hmac, rules, keys, NOW)) == "wrong_alg"


def test_forged_headers_take_no_place_among_those_that_are_remembered(
    issuer: FakeIssuer, rules: Rules, keys: KeySet
) -> None:
    good = issuer.token()
    for number in range(100):
        header = json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": "one", "n": number}).encode()
        forged = urlsafe_b64encode(header).decode().rstrip("=") + good[good.index(".") :]
        assert why(judge_token(forged, rules, keys, NOW)) == "bad_signature"
    assert isinstance(judge_token(good, rules, keys, NOW), Claims)
    assert list(keys.named) == [good.partition(".")[0].encode()]


def test_names_twice_are_not_read(issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    body = jwt.api_jws.PyJWS().encode(
        b'{"aud":"x","aud":"y"}', RSA_KEY, "RS256", headers={"kid": "one", "typ": "at+jwt"}
    )
    assert why(judge_token(body, rules, keys, NOW)) == "bad_claims"


def test_another_issuers_habits(issuer: FakeIssuer, keys: KeySet) -> None:
    """Keycloak, say: typ JWT, azp for client_id, roles inside realm_access; Okta: scp as a list."""
    rules = Rules(
        issuer.url,
        frozenset({AUDIENCE}),
        types=frozenset(),
        required=frozenset({"sub"}),
        roles_claim=("realm_access", "roles"),
    )
    token = issuer.token(
        typ="JWT",
        drop=["client_id", "jti", "scope"],
        azp="spa",
        scp=["read", "write"],
        realm_access={"roles": ["admin"]},
    )
    claims = judge_token(token, rules, keys, NOW)
    assert isinstance(claims, Claims)
    assert (claims.client_id, claims.scope, claims.roles) == ("spa", {"read", "write"}, ("admin",))


# Keys


UNUSABLE: dict[str, Any] = {
    "for encryption": public_jwk(RSA_KEY, "k", use="enc"),
    "for wrapping": public_jwk(RSA_KEY, "k", key_ops=["wrapKey"]),
    "operations no list": public_jwk(RSA_KEY, "k", key_ops="verify"),
    "alg of encryption": {**public_jwk(RSA_KEY, "k"), "alg": "RSA-OAEP"},
    "alg that is not allowed": {**public_jwk(RSA_KEY, "k"), "alg": "RS384"},
    "symmetric": {"kty": "oct", "k": "AAAA", "kid": "k", "alg": "HS256"},
    "with its private part": {**public_jwk(RSA_KEY, "k"), "d": "AAAA"},
    "kid a number": public_jwk(RSA_KEY, 1),  # type: ignore[arg-type]
    "another curve": {**public_jwk(EC_KEY, "k", "ES256"), "crv": "secp256k1"},
    "no modulus": {"kty": "RSA", "e": "AQAB", "kid": "k"},
    "not on the curve": {**public_jwk(EC_KEY, "k", "ES256"), "x": "AAAA"},
    "no object": [],
}
RS_ES = frozenset({"RS256", "ES256"})


@pytest.mark.parametrize("entry", UNUSABLE.values(), ids=UNUSABLE)
def test_keys_that_are_passed_over(entry: Any) -> None:
    with pytest.raises(KeyRefused):
        list(read_key(entry, RS_ES))
    assert len(read_jwks({"keys": [entry, public_jwk(RSA_KEY, "one")]}, RS_ES).keys) == 1


def test_a_key_without_alg_serves_what_fits_it() -> None:
    entry = public_jwk(RSA_KEY, "one")
    del entry["alg"]
    assert [key.alg for key in read_key(entry, frozenset({"RS256", "PS256", "ES256"}))] == ["RS256", "PS256"]


def test_a_token_without_kid_means_the_only_key() -> None:
    nameless = {name: value for name, value in public_jwk(RSA_KEY, "").items() if name != "kid"}
    one, two = (
        read_jwks({"keys": [nameless]}, RS_ES),
        read_jwks({"keys": [nameless, public_jwk(OTHER_KEY, "o")]}, RS_ES),
    )
    assert one.find("", "RS256") is not None
    assert two.find("", "RS256") is None


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": [{}] * 101}])
def test_no_jwks_at_all(document: object) -> None:
    with pytest.raises(KeyRefused):
        read_jwks(document, RS_ES)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 300),
        ("max-age=600", 600),
        ("public, max-age = 120", 120),
        ("max-age=0", 60),
        ("no-store", 60),
        ("max-age=99999", 3600),
        ("max-age=x", 300),
        ("MAX-AGE=90", 90),
    ],
)
def test_how_long_keys_are_fresh(text: str, seconds: float) -> None:
    assert fresh_seconds(text) == seconds


@pytest.mark.parametrize(
    ("claims", "verdict"),
    [
        ({}, "Claims"),
        ({"nonce": "n"}, "Claims"),  # beside a scope: Keycloak's access tokens before 24
        ({"at_hash": "x"}, "wrong_typ"),
        ({"c_hash": "x"}, "wrong_typ"),
        ({"nonce": "n", "scope": None}, "wrong_typ"),
    ],
)
@pytest.mark.parametrize("types", [("at+jwt", "jwt"), ("jwt",), ()], ids=str)
def test_where_the_type_tells_nothing_an_id_token_is_known_by_its_claims(
    issuer: FakeIssuer, rules: Rules, keys: KeySet, types: tuple[str, ...], claims: dict[str, Any], verdict: str
) -> None:
    lax = replace(rules, types=frozenset(types))
    said = {**jwt.decode(issuer.token(), options={"verify_signature": False}), **claims}
    said = {name: value for name, value in said.items() if value is not None}
    token = jwt.encode(said, RSA_KEY, "RS256", headers={"kid": "one", "typ": "JWT"})
    for _ in range(2):  # the second time its header is known
        assert why(judge_token(token, lax, keys, NOW)) == verdict
    fresh = read_jwks({"keys": [public_jwk(RSA_KEY, "one")]}, ALGORITHMS)
    assert why(judge_token(token, rules, fresh, NOW)) == "wrong_typ", "by its type, where JWT was not asked for"
