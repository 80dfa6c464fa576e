"""What is stored of a secret that we made ourselves: its SHA-256. With 128 random bits or more, that is enough.

Passwords are another matter (`authsvc/passwords.py`), and so are codes that a person types (`rules/device/codes.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest

from authsvc.rules.client_record import Digest


def digest_of(secret: str) -> Digest:
    """SHA-256 of any text, also of one that is no Unicode."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def is_one_of(digest: Digest, stored: Iterable[Digest]) -> bool:
    """Whether a digest is one of those that are stored, in a time that does not tell which."""
    right = [compare_digest(digest, one) for one in stored]
    return any(right)
