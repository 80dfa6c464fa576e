"""What is stored of a secret that we made ourselves: its SHA-256. With 128 random bits or more, that is enough.

Passwords are another matter (`authsvc/passwords.py`), and so are codes that a person types (`rules/device/codes.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from string import ascii_letters, digits

from authsvc.rules.client_record import Digest
from authsvc.rules.clients.limits import SECRET_CHARACTERS, UNGUESSABLE_CHARACTERS
from authsvc.rules.refused import Refused

_BASE64URL = frozenset(ascii_letters + digits + "-_")


def is_base64url_of_32(text: str) -> bool:
    """Whether a text can be 32 bytes in base64url: a SHA-256 (code_challenge, dpop_jkt), or what we made of 256 random
    bits."""
    return len(text) == 43 and _BASE64URL.issuperset(text)


def can_be_guessed(secret: str) -> bool:
    """Whether a right secret may have been found by trying: what is as long as generated ones are was not."""
    return len(secret) < UNGUESSABLE_CHARACTERS


def digest_of(secret: str) -> Digest:
    """SHA-256 of any text, also of one that is no Unicode."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def digest_of_secret(secret: str) -> Digest | Refused:
    """SHA-256 of a client's secret that is long enough and of visible ASCII characters (RFC 6749 appendix A.2)."""
    least, most = SECRET_CHARACTERS
    if not least <= len(secret) <= most:
        description = f"the secret has {len(secret)} characters; it must have {least} to {most}"
        return Refused("invalid_client_secret", description, "secret_length")
    if not all("!" <= char <= "~" for char in secret):
        description = "the secret must be of visible ASCII characters, without spaces"
        return Refused("invalid_client_secret", description, "secret_characters")
    return digest_of(secret)


def is_one_of(digest: Digest, stored: Iterable[Digest]) -> bool:
    """Whether a digest is one of those that are stored, in a time that does not tell which."""
    right = [compare_digest(digest, one) for one in stored]
    return any(right)
