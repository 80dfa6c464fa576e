"""Recovery codes: ten of 80 random bits, for the day on which every other second factor is lost. Each is good once."""

from __future__ import annotations

import re
from hashlib import sha256
from uuid import UUID

from authsvc.rules.client_record import Digest

COUNT = 10
BYTES = 10
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base32: no letter looks like a digit."""
_MEANT = str.maketrans({"o": "0", "i": "1", "l": "1"})
_CODE = re.compile(rf"[{_ALPHABET}]{{16}}").fullmatch


def code_of(random: bytes) -> str:
    """Ten bytes as four groups of four characters."""
    number = int.from_bytes(random, "big")
    letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(15, -1, -1))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def typed_code(text: str) -> str | None:
    """The characters of a code that a person typed, whatever they took for a zero or a one; None: it is none."""
    letters = re.sub(r"[\s-]", "", text).lower().translate(_MEANT)
    return letters if _CODE(letters) else None


def digest_of_code(user_id: UUID, code: str) -> Digest:
    """What is stored of a code: of this person's alone, so that no two people's are searched for at once."""
    return sha256(b"authsvc recovery code" + user_id.bytes + (typed_code(code) or "").encode("ascii")).digest()
