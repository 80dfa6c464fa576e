"""A proof that was mailed to an address: a secret of 256 bits in a link, and a code of eight digits beside it.

The secret is stored as its SHA-256. The code is short: its digest is keyed, bound to its proof, and it is tried five
times, by the browser that asked for the letter.
"""

from __future__ import annotations

import hmac
import unicodedata
from enum import StrEnum
from uuid import UUID

from authsvc.rules.client_record import Digest
from authsvc_jws.base64url import base64url_encode

CODE_KEY = "mailed code"
EXCHANGE_KEY = "what a mailed code gives"
CODE_TRIES = 5
MAX_TYPED = 100
SHORT_SECONDS = 15 * 60
_DIGITS = 8


class Purpose(StrEnum):
    """What a proof is good for: for nothing else."""

    RESET = "reset"
    VERIFY = "verify"
    ADDRESS_CHANGE = "address_change"
    UNDO_ADDRESS = "undo_address"
    INVITATION = "invitation"
    REGISTRATION = "registration"
    NOT_ME = "not_me"
    LOGIN = "login"


STANDING = frozenset({Purpose.UNDO_ADDRESS, Purpose.NOT_ME})
"""They take power away and give none, so a new password or address leaves them alone; and each letter has its own."""
OF_THE_ADDRESS = frozenset({Purpose.RESET, Purpose.VERIFY, Purpose.INVITATION, Purpose.LOGIN})
"""Good only while the person has the address that the letter went to."""
_LIFE = {Purpose.INVITATION: 7 * 86_400, Purpose.UNDO_ADDRESS: 72 * 3600, Purpose.NOT_ME: 7 * 86_400}


def life_seconds(purpose: Purpose) -> int:
    """How long a proof is good, from the moment when its letter is queued."""
    return _LIFE.get(purpose, SHORT_SECONDS)


def subject_of(purpose: Purpose, proof_id: UUID, user_id: UUID | None, email: str) -> str:
    """For whom one proof of a purpose is alive: the person, or the address where nobody is known. A later one takes its
    place."""
    if purpose in STANDING:
        return str(proof_id)
    return email if user_id is None else str(user_id)


def new_code(random: bytes) -> str:
    """Eight digits of 16 random bytes."""
    return f"{int.from_bytes(random) % 10**_DIGITS:0{_DIGITS}}"


def shown_code(code: str) -> str:
    """1234 5678, as the letter has it."""
    return f"{code[:4]} {code[4:]}"


def normal_code(typed: str) -> str | None:
    """What a person typed, as `new_code` makes it: spaces, dashes and width do not matter. None: no such code."""
    if len(typed) > MAX_TYPED:
        return None
    letters = [char for char in unicodedata.normalize("NFKC", typed) if unicodedata.category(char)[0] in "LN"]
    code = "".join(letters)
    return code if len(code) == _DIGITS and code.isascii() and code.isdigit() else None


def code_digest(key: bytes, proof_id: UUID, code: str) -> Digest:
    """What is stored of a code. Keyed: 10^8 codes are soon tried against a plain digest."""
    return hmac.digest(key, proof_id.bytes + code.encode("ascii"), "sha256")


def secret_of_code(key: bytes, proof_id: UUID, code: str) -> str:
    """What the right code is exchanged for, always the same: an answer that was lost, or a 503 behind it, costs
    nobody their code. `key`: for EXCHANGE_KEY, so that what is stored of a code tells nothing of it."""
    return base64url_encode(hmac.digest(key, proof_id.bytes + code.encode("ascii"), "sha256"))
