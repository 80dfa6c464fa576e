"""Histories written by hand: a good one, and what can be wrong with it."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from functools import cache
from hashlib import sha256
from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key

from tests.laboratory.history import OK, Call, History, Keys, Row

NOW = 1_000_000.0
"""What time.time() is at the zero of these histories."""


@cache
def key(kid: str) -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


@cache
def public(kid: str) -> dict[str, str]:
    jwk: dict[str, str] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key(kid).public_key()))
    return {**jwk, "kid": kid, "alg": "ES256", "use": "sig"}


def token(grant: str, generation: int, *, secret: str = "", mac: str = "") -> str:
    def digest(text: str) -> bytes:
        return sha256(text.encode()).digest()[:16]

    named = b"\x01\x01" + digest(grant) + generation.to_bytes(4) + digest(secret or grant)
    return urlsafe_b64encode(named + digest(mac or f"{grant} {generation}")).decode()


def grant_of(name: str) -> str:
    return sha256(name.encode()).digest()[:16].hex()


@cache
def access(kid: str, name: str, *, signed_by: str = "", seconds: float = 600) -> str:
    payload = {"sub": name, "exp": int(NOW + seconds)}
    return jwt.encode(payload, key(signed_by or kid), algorithm="ES256", headers={"kid": kid})


class Story:
    """`at` goes on by itself: each call begins after the one before has ended, unless it says otherwise."""

    def __init__(self) -> None:
        self.history = History(wall=NOW)
        self._clock = count(1)

    def call(self, what: str, name: str = "ann", **members: Any) -> Call:
        began = float(next(self._clock))
        members = {"began": began, "ended": began + 0.5, "outcome": OK, "status": 200, "place": 0, **members}
        made = Call(what, grant=grant_of(name) if name else "", **members)
        self.history.calls.append(made)
        return made

    def login(self, name: str = "ann", **members: Any) -> Call:
        given = {"given": token(name, 0), "access": access("k1", name), "person": name}
        return self.call("login", name, **{**given, **members})

    def refresh(self, presented: int, gives: int | None = None, name: str = "ann", **members: Any) -> Call:
        tokens = {"presented": token(name, presented), "given": "" if gives is None else token(name, gives)}
        if gives is None:
            tokens |= {"outcome": "refused", "status": 400, "error": "invalid_grant"}
        return self.call("refresh", name, **{**tokens, **members})

    def unheard(self, presented: int, name: str = "ann", **members: Any) -> Call:
        return self.call("refresh", name, presented=token(name, presented), outcome="unknown", ended=None, **members)

    def keys(self, *kids: str, place: int = 0) -> None:
        at = float(next(self._clock))
        self.history.jwks.append(Keys(place, at, at + 0.1, {kid: public(kid) for kid in kids}))

    def rows(self, name: str, generation: int, *, ended: bool) -> None:
        self.history.rows[grant_of(name)] = Row(generation, ended)


def good() -> Story:
    """Two people: one refreshes, loses an answer and stays; the other one logs out."""
    story = Story()
    story.keys("k1")
    story.login("ann")
    story.login("bob")
    story.refresh(0, 1)
    story.unheard(1)
    story.refresh(1, 2)
    story.refresh(1, 2)
    story.call("introspect", access=access("k1", "bob"), active=True, name="bob")
    story.call("end", "bob", person="bob")
    story.refresh(0, None, "bob")
    story.call("introspect", access=access("k1", "bob"), active=False, name="bob")
    story.keys("k1")
    story.refresh(2, 3, settled=True)
    story.rows("ann", 3, ended=False)
    story.rows("bob", 0, ended=True)
    story.history.revoked = [grant_of("bob")]
    assert time.time() > NOW
    return story
