"""DPoP proofs as a client makes them, and as an attacker does."""

from __future__ import annotations

import os
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import httpx2
from cryptography.hazmat.primitives.asymmetric import ec

from authsvc.jose.jwk import public_jwk, thumbprint
from tests.support.service import BACKEND, ISSUER, Service
from tests.support.signing import signed_by_other


@dataclass
class Holder:
    """A client's key, and the nonce it was last given."""

    house: Service | None
    alg: str = "ES256"
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    nonce: str | None = None

    @property
    def jwk(self) -> dict[str, Any]:
        return {name: value for name, value in public_jwk(self.key.public_key(), self.alg).items() if len(name) < 4}

    @property
    def jkt(self) -> str:
        return thumbprint(self.jwk)

    def proof(
        self,
        path: str = "/token",
        method: str = "POST",
        *,
        token: str | None = None,
        header: dict[str, Any] | None = None,
        sign_with: Any = None,
        alg: str | None = None,
        **changes: Any,
    ) -> str:
        """`changes` to claims; `...` leaves one out."""
        claims = {
            "jti": os.urandom(12).hex(),
            "htm": method,
            "htu": ISSUER + path,
            "iat": int(time.time() if self.house is None else self.house.runtime.clock.seconds()),
            "nonce": self.nonce or ...,
            "ath": ath(token) if token else ...,
            **changes,
        }
        head = {"typ": "dpop+jwt", "jwk": self.jwk, **(header or {})}
        claims = {name: value for name, value in claims.items() if value is not ...}
        return signed_by_other(claims, sign_with or self.key, alg or self.alg, head)

    async def post(self, path: str, proof: str | None = None, **request: Any) -> httpx2.Response:
        """POST with a proof; without one given, as clients do: again with the nonce where one is asked for."""
        return await self.send("POST", path, proof, **request)

    async def send(
        self, method: str, path: str, proof: str | None = None, *, token: str | None = None, **request: Any
    ) -> httpx2.Response:
        assert self.house is not None
        for _ in range(2):
            headers = {"DPoP": proof or self.proof(urlsplit(path).path, method, token=token)}
            if token:
                headers["Authorization"] = f"DPoP {token}"
            answer = await self.house.http.request(method, path, headers=headers, **request)
            self.nonce = answer.headers.get("dpop-nonce", self.nonce)
            if proof or "use_dpop_nonce" not in answer.text:
                return answer
        return answer

    async def login(self) -> dict[str, Any]:
        answer = await self.post("/api/auth/login", json={"email": "test@example.com", "password": "password"})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refresh(self, token: str, proof: str | None = None, client_id: str = "customer") -> httpx2.Response:
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token}
        return await self.post("/token", proof, data=form)


def ath(token: str) -> str:
    return urlsafe_b64encode(sha256(token.encode()).digest()).decode().rstrip("=")


CLIENT = {"data": {"grant_type": "client_credentials"}, "auth": BACKEND}


def refused_proof(answer: httpx2.Response, error: str = "invalid_dpop_proof", status: int = 400) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    return True
