"""A passkey authenticator and the browser before it, in software: what `navigator.credentials` would give, and what it
would give if it were an attacker's. Knows nothing of the service but the options that its pages carry.

    key = Authenticator()
    form["credential"] = key.create(options)        # RegistrationResponseJSON
    form["passkey"] = key.get(options)              # AuthenticationResponseJSON
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORIGIN = "http://localhost:8000"
USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED, EXTENDED = 1, 4, 8, 16, 64, 128


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(value: object) -> bytes:
    """RFC 8949: whole numbers, byte strings, texts, maps."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    assert isinstance(value, dict)
    return _head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in range(4) if number < 1 << (8 << size))
    return bytes([major << 5 | 24 + size]) + number.to_bytes(1 << size, "big")


@dataclass
class Authenticator:
    """One passkey. What it signs may be changed field by field, to be that of an attacker."""

    synced: bool = False
    algorithm: int = -7
    verified: bool = True
    present: bool = True
    counter: int = 0
    step: int = 1
    origin: str = ORIGIN
    rp_id: str | None = None
    aaguid: bytes = bytes(16)
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes | None = None
    client_data: dict[str, Any] = field(default_factory=dict)
    """Members of the client data in place of the right ones."""

    def __post_init__(self) -> None:
        self.backup_eligible = self.backed_up = self.synced
        self.private = {
            -7: lambda: ec.generate_private_key(ec.SECP256R1()),
            -8: ed25519.Ed25519PrivateKey.generate,
            -257: lambda: rsa.generate_private_key(65537, 2048),
            -35: lambda: ec.generate_private_key(ec.SECP384R1()),
        }[self.algorithm]()

    def create(self, options: dict[str, Any]) -> str:
        """A new passkey for these PublicKeyCredentialCreationOptionsJSON."""
        self.user_handle = decoded(options["user"]["id"])
        self.rp_id = self.rp_id or options["rp"]["id"]
        credential = self.aaguid + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        data = self._data(ATTESTED) + credential + cbor(self.public_key())
        return self._answer(
            clientDataJSON=encoded(self._client_data("webauthn.create", options)),
            attestationObject=encoded(cbor({"fmt": "none", "attStmt": {}, "authData": data})),
            transports=["internal", "hybrid"],
        )

    def get(self, options: dict[str, Any]) -> str:
        """Use it for these PublicKeyCredentialRequestOptionsJSON."""
        self.counter += self.step
        client_data, data = self._client_data("webauthn.get", options), self._data(0)
        return self._answer(
            clientDataJSON=encoded(client_data),
            authenticatorData=encoded(data),
            signature=encoded(self._sign(data + sha256(client_data).digest())),
            userHandle=encoded(self.user_handle) if self.user_handle is not None else None,
        )

    def public_key(self) -> dict[int, Any]:
        """COSE (RFC 9053)."""
        public: Any = self.private.public_key()
        if self.algorithm == -8:
            return {1: 1, 3: -8, -1: 6, -2: public.public_bytes(Encoding.Raw, PublicFormat.Raw)}
        numbers = public.public_numbers()
        if self.algorithm == -257:
            size = public.key_size // 8
            return {1: 3, 3: -257, -1: numbers.n.to_bytes(size, "big"), -2: numbers.e.to_bytes(3, "big")}
        size, curve = (32, 1) if self.algorithm == -7 else (48, 2)
        return {
            1: 2,
            3: self.algorithm,
            -1: curve,
            -2: numbers.x.to_bytes(size, "big"),
            -3: numbers.y.to_bytes(size, "big"),
        }

    def _data(self, flags: int) -> bytes:
        flags |= USER_PRESENT * self.present | USER_VERIFIED * self.verified
        flags |= BACKUP_ELIGIBLE * self.backup_eligible | BACKED_UP * self.backed_up
        return sha256((self.rp_id or "").encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        members = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps({**members, **self.client_data}).encode()

    def _sign(self, signed: bytes) -> bytes:
        private: Any = self.private
        if self.algorithm == -8:
            return bytes(private.sign(signed))
        if self.algorithm == -257:
            return bytes(private.sign(signed, padding.PKCS1v15(), hashes.SHA256()))
        return bytes(private.sign(signed, ec.ECDSA(hashes.SHA256() if self.algorithm == -7 else hashes.SHA384())))

    def _answer(self, **response: Any) -> str:
        name = encoded(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
