"""Strict reading of a compact JWS (RFC 7515): what two readers could understand in two ways is not read at all."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any, NoReturn

MAX_HEADER = 4096


@dataclass(frozen=True, slots=True)
class Unverified:
    """A JWS as it came, read but not proved."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def read(text: str, *, limit: int) -> Unverified | None:
    """None: longer than `limit` characters, or not three canonical segments with two JSON objects."""
    if len(text) > limit or not text.isascii() or text.count(".") != 2:
        return None
    signing_input, _, signature_text = text.encode("ascii").rpartition(b".")
    header_text, _, payload_text = signing_input.partition(b".")
    header, claims = json_object(decoded(header_text)), json_object(decoded(payload_text))
    signature = decoded(signature_text)
    if header is None or claims is None or not signature:
        return None
    return Unverified(header, claims, signing_input, signature)


def unverified_kid(text: str) -> str | None:
    """The `kid` that a token claims, to find the keys that may prove it. Never believed by itself."""
    header = json_object(decoded(text[:MAX_HEADER].partition(".")[0].encode("utf-8", "surrogatepass")))
    kid = header.get("kid") if header else None
    return kid if isinstance(kid, str) else None


def is_type(given: object, typ: str) -> bool:
    """RFC 7515 section 4.1.9: media types compare without regard to case, and `application/` may be left out."""
    return isinstance(given, str) and given.lower().removeprefix("application/") == typ.lower()


def is_plain(text: str) -> bool:
    """JSON can spell what no store takes: NUL, and half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def decoded(segment: bytes) -> bytes:
    """Base64url without padding, in its one canonical form (RFC 7515 section 2); empty when it is not."""
    try:
        raw = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except ValueError:
        return b""
    # Python skips foreign characters and spare bits: without this, a token could be altered and stay valid.
    return raw if urlsafe_b64encode(raw).rstrip(b"=") == segment else b""


def json_object(raw: bytes) -> dict[str, Any] | None:
    """A JSON object in UTF-8, strictly; None when it is anything else."""
    try:
        value = _STRICT.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could take different ones of two equal names (RFC 7515 section 4, RFC 7519 section 4)."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
