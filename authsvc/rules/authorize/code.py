"""The authorization code: 50 bytes, checked without a database before it is looked up.

    base64url( 0x02 | MAC key id (1) | grant id (16) | secret (16) | HMAC-SHA256(K, all before)[:16] )

Unlike a refresh token it is not bound to its client by the MAC: a code that the wrong client brings must be found, so
that it can be burnt (RFC 9700 section 2.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from authsvc.rules.client_record import Digest
from authsvc.rules.mac_token import MacKey, read_token, write_token

LENGTH = 67
_VERSION = 2
_VERIFIER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Code:
    key_id: int
    grant_id: UUID
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> Digest:
        return sha256(self.secret).digest()


def encode(code: Code, mac_key: MacKey) -> str:
    return write_token(_VERSION, code.key_id, code.grant_id.bytes + code.secret, mac_key)


def decode(text: str, mac_key: MacKey) -> Code | None:
    """The genuine code behind `text`, or None."""
    found = read_token(text, _VERSION, 32, mac_key)
    return None if found is None else Code(found[0], UUID(bytes=found[1][:16]), found[1][16:])


def verifier_well_formed(verifier: str) -> bool:
    """RFC 7636 section 4.1."""
    return 43 <= len(verifier) <= 128 and _VERIFIER.issuperset(verifier)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    challenge: str = create_s256_code_challenge(verifier)  # type: ignore[no-untyped-call]
    return challenge
