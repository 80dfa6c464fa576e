"""The two codes of the device grant (RFC 8628): one for the machine, one for the person.

The device code is 50 bytes, checked without a database before it is looked up:

    base64url( 0x03 | MAC key id (1) | request id (16) | secret (16) | HMAC-SHA256(K, all before | client_id)[:16] )

The MAC covers the client, so that a code never works at another one. The user code has 8 letters of 20 (34 bits,
RFC 8628 section 6.1): no vowels, so no words; nothing that looks like something else.
"""

from __future__ import annotations

import hmac
import unicodedata

from authsvc.rules.client_record import Digest
from authsvc.rules.mac_token import Code, MacKey, read_code, write_code

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
USER_CODE_KEY = "device user code"
LENGTH = 67
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LETTERS = 8
MAX_TYPED = 100
_VERSION = 3


def encode(code: Code, mac_key: MacKey, client_id: str) -> str:
    return write_code(_VERSION, code, mac_key, client_id)


def decode(text: str, mac_key: MacKey, client_id: str) -> Code | None:
    """The genuine code behind `text`, or None: forged, cut, altered, another client's. Costs one HMAC, no I/O."""
    return read_code(text, _VERSION, mac_key, client_id)


def user_code(random: bytes) -> str:
    """A user code in its normal form, from 16 random bytes."""
    number = int.from_bytes(random)
    letters = []
    for _ in range(LETTERS):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return "".join(letters)


def normal_user_code(typed: str) -> str | None:
    """What a person typed, in its normal form: case, dashes, spaces and width do not matter. None: no user code."""
    if len(typed) > MAX_TYPED:
        return None
    text = unicodedata.normalize("NFKC", typed).upper()
    letters = "".join(char for char in text if unicodedata.category(char)[0] in "LN")
    return letters if len(letters) == LETTERS and set(letters) <= set(ALPHABET) else None


def shown_user_code(normal: str) -> str:
    """XXXX-XXXX, as a device shows it."""
    return f"{normal[:4]}-{normal[4:]}"


def user_code_digest(key: bytes, normal: str) -> Digest:
    """What is stored of a user code. Keyed: 20^8 codes are soon tried against a plain digest."""
    return hmac.digest(key, normal.encode("ascii"), "sha256")
