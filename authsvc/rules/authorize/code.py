"""The authorization code: 50 bytes, checked without a database before it is looked up.

    base64url( 0x02 | MAC key id (1) | grant id (16) | secret (16) | HMAC-SHA256(K, all before)[:16] )

Unlike a refresh token it is not bound to its client by the MAC: a code that the wrong client brings must be found, so
that it can be burnt (RFC 9700 section 2.1.1).
"""

from __future__ import annotations

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from authsvc.rules.mac_token import Code, MacKey, read_code, write_code

LENGTH = 67
_VERSION = 2
_VERIFIER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def encode(code: Code, mac_key: MacKey) -> str:
    return write_code(_VERSION, code, mac_key)


def decode(text: str, mac_key: MacKey) -> Code | None:
    """The genuine code behind `text`, or None."""
    return read_code(text, _VERSION, mac_key)


def verifier_well_formed(verifier: str) -> bool:
    """RFC 7636 section 4.1."""
    return 43 <= len(verifier) <= 128 and _VERIFIER.issuperset(verifier)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    challenge: str = create_s256_code_challenge(verifier)  # type: ignore[no-untyped-call]
    return challenge
