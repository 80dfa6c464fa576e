"""Tokens that somebody made, altered or took from another purpose: inactive, 401, and worth nothing at /revoke."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from time import process_time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authsvc.jose.jwk import public_jwk
from authsvc.rules.token.access_token import ABSENT, PRESENT
from tests.security.conftest import statements
from tests.support.busy import again_when_busy, prompt
from tests.support.service import BACKEND, Service, bearer
from tests.support.signing import sign_now

ATTACKERS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Material:
    """A good token in its parts, and what the attacker has."""

    def __init__(self, house: Service, good: str) -> None:
        self.house = house
        self.good = good
        self.head_text, self.body_text, self.signature = good.split(".")
        self.header = json.loads(_raw(self.head_text))
        self.claims = json.loads(_raw(self.body_text))
        self.public = json.loads(house.runtime.keyring.jwks.body)["keys"][0]

    def unsigned(self, signature: str = "", **header: Any) -> str:
        return f"{_text({**self.header, **header})}.{self.body_text}.{signature}"

    def hmac_with(self, key: bytes, **header: Any) -> str:
        signing_input = f"{_text({**self.header, 'alg': 'HS256', **header})}.{self.body_text}"
        return f"{signing_input}.{_segment(hmac.digest(key, signing_input.encode(), 'sha256'))}"

    def by_attacker(self, **header: Any) -> str:
        return jwt.encode(self.claims, ATTACKERS_KEY, "RS256", headers={**self.header, **header})

    def ours(self, typ: str = "at+jwt", drop: str = "", **claims: Any) -> str:
        """Signed by the service itself: what a bug elsewhere might issue."""
        said = {name: value for name, value in {**self.claims, **claims}.items() if name != drop}
        return sign_now(self.house.runtime.keyring, said, typ=typ, now=self.house.runtime.clock.now())


def _segment(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _text(value: object) -> str:
    return _segment(json.dumps(value).encode())


def _raw(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


class Twin(str):
    """Equal only to itself, so that a dictionary holds one name twice."""

    __slots__ = ()

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def _pem(kind: PublicFormat) -> Callable[[Material], str]:
    def make(m: Material) -> str:
        key = jwt.PyJWK(m.public).key
        return m.hmac_with(key.public_bytes(Encoding.PEM, kind))

    return make


def _foreign_jwk() -> dict[str, Any]:
    return dict(public_jwk(ATTACKERS_KEY.public_key(), "RS256"))


Forge = Callable[[Material], str]
FORGED: dict[str, Forge] = {
    # 1: no signature
    "alg none": lambda m: m.unsigned(alg="none"),
    "alg None": lambda m: m.unsigned(alg="None"),
    "alg nOnE": lambda m: m.unsigned(alg="nOnE"),
    "alg none with the old signature": lambda m: m.unsigned(m.signature, alg="none"),
    "empty signature": lambda m: m.unsigned(),
    "no alg": lambda m: f"{_text({'typ': 'at+jwt', 'kid': m.header['kid']})}.{m.body_text}.{m.signature}",
    # 2: the public key as a shared secret
    "HS256 with the public PEM": _pem(PublicFormat.SubjectPublicKeyInfo),
    "HS256 with the PKCS1 PEM": _pem(PublicFormat.PKCS1),
    "HS256 with the JWK": lambda m: m.hmac_with(json.dumps(m.public).encode()),
    "HS256 with the modulus": lambda m: m.hmac_with(_raw(m.public["n"])),
    "HS256 with nothing": lambda m: m.hmac_with(b""),
    # 3: a key in the header
    "jwk": lambda m: m.by_attacker(jwk=_foreign_jwk()),
    "jwk with its own kid": lambda m: m.by_attacker(jwk=_foreign_jwk(), kid=_foreign_jwk()["kid"]),
    "jku": lambda m: m.by_attacker(jku="https://attacker.example/jwks.json"),
    "x5u": lambda m: m.by_attacker(x5u="https://attacker.example/cert.pem"),
    "x5c": lambda m: m.by_attacker(x5c=["MIIB"]),
    "another key, our kid": lambda m: m.by_attacker(),
    # 4: an extension that nobody knows
    "crit": lambda m: m.unsigned(m.signature, crit=["exp"]),
    "crit empty": lambda m: m.unsigned(m.signature, crit=[]),
    "crit b64": lambda m: m.by_attacker(crit=["b64"], b64=True),
    # 5: kid games
    "kid path": lambda m: m.by_attacker(kid="../../../../dev/null"),
    "kid SQL": lambda m: m.by_attacker(kid="' UNION SELECT '1' --"),
    "kid 4 KB": lambda m: m.by_attacker(kid="k" * 4096),
    "kid NUL": lambda m: m.by_attacker(kid="\0"),
    "kid surrogate": lambda m: f"{_segment(json.dumps({**m.header, 'kid': chr(0xD800)}).encode())}.{m.body_text}.AA",
    "kid number": lambda m: f"{_text({**m.header, 'kid': 1})}.{m.body_text}.{m.signature}",
    "kid list": lambda m: f"{_text({**m.header, 'kid': [m.header['kid']]})}.{m.body_text}.{m.signature}",
    "kid unknown": lambda m: m.by_attacker(kid=_foreign_jwk()["kid"]),
    # 6: another kind of token
    **{f"typ JWT, {name}": lambda m, name=name: m.ours(typ="JWT", **{name: "x"}) for name in sorted(ABSENT)},
    **{f"typ JWT, no {name}": lambda m, name=name: m.ours(typ="JWT", drop=name) for name in sorted(PRESENT)},
    "ID token": lambda m: m.ours(typ="id+jwt"),
    "logout token": lambda m: m.ours(typ="logout+jwt"),
    "no typ": lambda m: f"{_text({'alg': 'RS256', 'kid': m.header['kid']})}.{m.body_text}.{m.signature}",
    # 7: another issuer (audiences: below)
    "iss prefix": lambda m: m.ours(iss=m.claims["iss"][:-1]),
    "iss longer": lambda m: m.ours(iss=m.claims["iss"] + "0"),
    "iss slash": lambda m: m.ours(iss=m.claims["iss"] + "/"),
    "iss case": lambda m: m.ours(iss=m.claims["iss"].upper()),
    "iss list": lambda m: m.ours(iss=[m.claims["iss"]]),
    "iss missing": lambda m: m.ours(drop="iss"),
    # 8: times
    "exp float": lambda m: m.ours(exp=m.claims["exp"] + 0.5),
    "exp string": lambda m: m.ours(exp=str(m.claims["exp"])),
    "exp negative": lambda m: m.ours(exp=-1),
    "exp 2^63": lambda m: m.ours(exp=2**63),
    "exp 10^4000": lambda m: m.ours(exp=10**4000),
    "exp true": lambda m: m.ours(exp=True),
    "exp null": lambda m: m.ours(exp=None),
    "exp missing": lambda m: m.ours(drop="exp"),
    "exp now": lambda m: m.ours(exp=int(m.house.runtime.clock.seconds())),
    "nbf ahead": lambda m: m.ours(nbf=m.claims["exp"]),
    "iat missing": lambda m: m.ours(drop="iat"),
    # 9: one name twice
    "exp twice": lambda m: m.ours(**{Twin("exp"): 4_000_000_000}),
    "sub twice": lambda m: m.ours(**{Twin("sub"): "admin"}),
    # altered
    "other claims": lambda m: f"{m.head_text}.{_text({**m.claims, 'roles': ['admin']})}.{m.signature}",
    "padding": lambda m: m.good + "=",
    "white space": lambda m: m.good[:-4] + "\t" + m.good[-4:],
    "spare bits": lambda m: m.good[:-1] + chr(ord(m.good[-1]) + 1),
    "cut": lambda m: m.good[:-1],
    "twice": lambda m: m.good + "." + m.good,
    "claims are no object": lambda m: f"{m.head_text}.{_text([])}.{m.signature}",
    "sid missing its person": lambda m: m.ours(drop="sub"),
}


@pytest.fixture(scope="module")
def material(house: Service, tokens: dict[str, Any]) -> Material:
    return Material(house, tokens["access_token"])


@pytest.fixture(scope="module")
async def tokens(house: Service) -> dict[str, Any]:
    return await house.login()


async def _is_refused(house: Service, token: str) -> None:
    answer = await house.http.get("/api/profile/me", headers=bearer(token))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="authsvc", error="invalid_token"')


@pytest.mark.parametrize("attack", FORGED)
async def test_a_forged_token_opens_nothing_and_ends_nothing(house: Service, material: Material, attack: str) -> None:
    token = FORGED[attack](material)
    before = await house.content()
    await _is_refused(house, token)
    introspected = await house.http.post("/introspect", data={"token": token}, auth=BACKEND)
    assert introspected.json() == {"active": False}
    assert (await house.http.post("/revoke", data={"client_id": "customer", "token": token})).status_code == 200
    assert (await house.http.post("/api/auth/logout", headers=bearer(token))).status_code == 401
    assert (await house.http.delete("/api/auth/sessions", headers=bearer(token))).status_code == 401
    assert await house.content() == before


async def test_the_genuine_token_opens(house: Service, material: Material) -> None:
    assert await house.me(material.good) == 200
    assert await house.me(material.ours()) == 200


@pytest.mark.parametrize(
    "aud", ["backend", "http://localhost:80", "http://localhost:8000/", [], ["x"], None, 1, {}, [None]]
)
async def test_a_token_for_another_audience_does_not_open_our_endpoints(
    house: Service, material: Material, aud: object
) -> None:
    await _is_refused(house, material.ours(aud=aud))
    await _is_refused(house, material.ours(drop="aud"))


async def test_a_refresh_token_is_no_access_token(house: Service, tokens: dict[str, Any]) -> None:
    await _is_refused(house, tokens["refresh_token"])


async def test_a_clients_own_token_is_no_persons(house: Service) -> None:
    answer = await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
    await _is_refused(house, answer.json()["access_token"])


async def test_an_unknown_kid_asks_no_store_however_often(house: Service, material: Material) -> None:
    forged = [material.by_attacker(kid=f"unknown-{number}") for number in range(30)]
    with statements(house.runtime) as asked:
        for _ in range(20):
            for token in forged:
                assert await house.me(token) == 401
    assert asked == []


async def test_a_token_over_8_kib_is_refused_unread(house: Service, material: Material) -> None:
    long = material.ours(padding="x" * 9000)
    assert len(long) > 8192
    await _is_refused(house, long)
    assert not await house.active(long)
    just = material.ours(padding="x" * ((8192 - len(material.good)) * 3 // 4 - 20))
    assert len(just) <= 8192
    assert await house.me(just) == 200


@again_when_busy
async def test_50_mb_are_not_read_for_a_token(house: Service) -> None:
    chunks = 0

    async def receive() -> dict[str, Any]:
        nonlocal chunks
        chunks += 1
        return {"type": "http.request", "body": b"token=" + b"x" * 16_384, "more_body": chunks < 3200}

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/introspect", "headers": headers, "client": ("192.0.2.7", 1)}
    started = process_time()
    await house.app(scope, receive, send)
    assert sent[0]["status"] == 413
    assert chunks <= 5
    prompt(process_time() - started < 0.05)
