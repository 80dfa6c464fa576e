"""Time-based one-time codes (RFC 6238, RFC 4226): SHA-1, six digits, 30 seconds, as every app has them."""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode
from urllib.parse import quote

DIGITS = 6
STEP_SECONDS = 30
SECRET_BYTES = 20
"""As long as the hash (RFC 4226 section 4)."""
LEAST_SECRET_BYTES = 10
"""Of secrets that come from elsewhere: the 80 bits that many apps used (RFC 4226 asks for 128)."""
MOST_SECRET_BYTES = 64
WINDOW = 1
"""Steps that a clock may be off, beyond what is known of it (RFC 6238 section 5.2)."""
MOST_DRIFT = 4
"""Steps of a clock's error that are remembered: two minutes."""
MOST_ISSUER, MOST_ACCOUNT = 32, 64
_CODE = re.compile(r"[0-9]{6}").fullmatch
_BASE32 = re.compile(r"[A-Z2-7]+").fullmatch


def step_at(seconds: float) -> int:
    """The step of a time in seconds since 1970 (RFC 6238 section 4.2)."""
    return int(seconds // STEP_SECONDS)


def code_at(secret: bytes, step: int) -> str:
    """The code of one step (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def typed_code(text: str) -> str | None:
    """The code that a person typed, with spaces or without; None: it is none."""
    code = "".join(text.split())
    return code if _CODE(code) else None


def matching_step(secret: bytes, code: str, *, now_step: int, drift: int) -> int | None:
    """The step of a code, among those around the one that the person's clock shows; None: it is of none of them. All
    are compared, so that the time does not tell which."""
    found = None
    for step in range(now_step + drift - WINDOW, now_step + drift + WINDOW + 1):
        if step >= 0 and hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found


def drift_of(step: int, now_step: int) -> int:
    """How many steps a clock is off that showed `step` (RFC 6238 section 6), as far as that is remembered."""
    return max(-MOST_DRIFT, min(MOST_DRIFT, step - now_step))


def text_of(secret: bytes) -> str:
    """The secret for people to type: base32 without padding."""
    return b32encode(secret).decode("ascii").rstrip("=")


def secret_in(text: str) -> bytes | None:
    """The secret that somebody wrote down in base32; None: it is none, too short or too long."""
    letters = re.sub(r"[\s-]", "", text).rstrip("=").upper()
    if not _BASE32(letters):
        return None
    try:
        secret = b32decode(letters + "=" * (-len(letters) % 8))
    except ValueError:
        return None
    return secret if LEAST_SECRET_BYTES <= len(secret) <= MOST_SECRET_BYTES else None


def address_of(secret: bytes, *, issuer: str, account: str) -> str:
    """The otpauth URI that an app reads from a QR code (Google Authenticator's Key Uri Format). Names are cut: a QR
    code holds 2331 bytes, and a letter may be twelve."""
    name = quote(issuer.replace(":", " ")[:MOST_ISSUER], safe="", errors="replace")
    label = f"{name}:{quote(account[:MOST_ACCOUNT], safe='@', errors='replace')}"
    return f"otpauth://totp/{label}?secret={text_of(secret)}&issuer={name}"
