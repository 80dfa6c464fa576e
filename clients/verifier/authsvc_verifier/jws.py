"""Strict reading of a compact JWS (RFC 7515): what two readers could understand in two ways is not read at all."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NoReturn


def decoded(segment: bytes) -> bytes:
    """Base64url without padding, in its one canonical form (RFC 7515 section 2); empty when it is not."""
    try:
        raw = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except ValueError:
        return b""
    # Python skips foreign characters and spare bits: without this, a token could be altered and stay valid.
    return raw if urlsafe_b64encode(raw).rstrip(b"=") == segment else b""


def json_object(raw: bytes) -> dict[str, Any] | None:
    """A JSON object in UTF-8, strictly: no name twice, no NaN. None when it is anything else."""
    try:
        value = _STRICT.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_type(given: object, types: frozenset[str]) -> bool:
    """RFC 7515 section 4.1.9: media types compare without regard to case, and `application/` may be left out."""
    return isinstance(given, str) and given.lower().removeprefix("application/") in types


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
