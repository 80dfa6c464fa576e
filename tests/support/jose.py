"""Keys, rows and tokens for the tests here. Making an RSA key is slow, so a handful serves all of them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from authsvc.jose import algorithms, jwk
from authsvc.keys.master import MasterKeys
from authsvc.keys.policy import DEFAULT, PROPAGATION, KeyLife, KeyPolicy, Surroundings
from authsvc.keys.records import SigningKey
from authsvc.keys.ring import Keyring
from authsvc.keys.seal import seal

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=s) for s in (1, 60, 3600, 86_400))
ISSUER = "https://auth.example"
API = "https://api.example"


def policy_with(
    announce: timedelta = DAY,
    jwks_max_age: timedelta = 5 * MINUTE,
    longest_token: timedelta = 30 * MINUTE,
    skew: timedelta = MINUTE,
    sign: timedelta = DEFAULT.sign,
    backup: timedelta = timedelta(),
) -> KeyPolicy:
    """`skew`: also until everybody has heard of a change."""
    life = KeyLife(announce=announce, sign=sign, keep=timedelta(), backup=backup)
    return KeyPolicy(life, Surroundings(jwks_max_age, longest_token, skew - PROPAGATION))


POLICY = policy_with()


def entropy(n: int) -> bytes:
    """Not random at all, and therefore the same in each run."""
    return bytes(range(7, 7 + n))


MASTER = MasterKeys.parse(MasterKeys.generate(entropy))


@cache
def _made(number: int, alg: str) -> algorithms.PrivateKey:
    return jwk.generate(alg)


def private(number: int = 0, alg: str = "RS256") -> algorithms.PrivateKey:
    return _made(number, alg)


def public(number: int = 0, alg: str = "RS256") -> dict[str, str]:
    return jwk.public_jwk(private(number, alg).public_key(), alg)


def row(number: int = 0, alg: str = "RS256", *, at: datetime = NOW, **times: Any) -> SigningKey:
    """A real, sealed key. It signs from `at` on unless `times` say otherwise."""
    members = public(number, alg)
    sealed = seal(MASTER, members["kid"], alg, jwk.private_der(private(number, alg)), entropy)
    times = {"announced_at": at, "signs_from": at} | times
    return SigningKey(members["kid"], alg, members, sealed, **times)


def planned(
    kid: str, announced: timedelta, signs: timedelta, until: timedelta | None = None, **more: Any
) -> SigningKey:
    """A row without a key, for phases and plans. Times are distances from NOW; `keep` is the policy's."""
    signs_until = None if until is None else NOW + until
    drop_after = signs_until and signs_until + POLICY.keep
    fields = {"alg": "RS256", "signs_until": signs_until, "drop_after": drop_after} | more
    return SigningKey(
        kid=kid, public_jwk={}, sealed=b"", announced_at=NOW + announced, signs_from=NOW + signs, **fields
    )


def ring(*rows: SigningKey, now: datetime = NOW) -> Keyring:
    made = Keyring(MASTER)
    made.load(rows or (row(),), now)
    return made


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a good access token; a change to `...` leaves the claim out."""
    seconds = int(NOW.timestamp())
    good = {
        "iss": ISSUER,
        "sub": "ada",
        "aud": API,
        "client_id": "customer",
        "scope": "openid profile",
        "iat": seconds,
        "exp": seconds + 1800,
        "jti": "j1",
        "sid": "s1",
        "roles": ["customer"],
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


def header(**changes: Any) -> dict[str, Any]:
    good = {"alg": "RS256", "kid": public()["kid"], "typ": "at+jwt"}
    return {name: value for name, value in (good | changes).items() if value is not ...}


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def crafted(head: dict[str, Any] | str, payload: dict[str, Any] | str, number: int = 0) -> str:
    """Any header and payload at all, with a good RS256 signature: only what is tested can be what is wrong."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (head, payload)]
    signing_input = ".".join(b64(part.encode("utf-8", "surrogatepass")) for part in parts)
    return f"{signing_input}.{b64(algorithms.signing(private(number), 'RS256')(signing_input.encode()))}"
