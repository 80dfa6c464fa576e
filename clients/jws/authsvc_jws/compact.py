"""A compact JWS (RFC 7515 section 7.1), read but not proved."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from authsvc_jws.base64url import base64url_decode

MAX_HEADER = 4096
"""Characters in which `unverified_kid` looks for the header."""


class Segments(NamedTuple):
    """The three parts of a compact JWS, still encoded, and what its signature is over."""

    header: bytes
    payload: bytes
    signature: bytes
    signing_input: bytes


def segments(text: bytes) -> Segments | None:
    """The parts of a JWS; None where there are not exactly three. They may be empty."""
    if text.count(b".") != 2:
        return None
    signing_input, _, signature = text.rpartition(b".")
    header, _, payload = signing_input.partition(b".")
    return Segments(header, payload, signature, signing_input)


@dataclass(frozen=True, slots=True)
class Unverified:
    """A JWS whose claims are a JSON object, as it came: nothing of it is proved."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def read_jws(text: str, *, limit: int) -> Unverified | None:
    """None: longer than `limit` characters, or not three canonical segments with two JSON objects and a signature."""
    if len(text) > limit or not text.isascii():
        return None
    parts = segments(text.encode("ascii"))
    if parts is None:
        return None
    header, claims = json_object(base64url_decode(parts.header)), json_object(base64url_decode(parts.payload))
    signature = base64url_decode(parts.signature)
    if header is None or claims is None or not signature:
        return None
    return Unverified(header, claims, parts.signing_input, signature)


def unverified_kid(text: str) -> str | None:
    """The `kid` that a token claims, to find the keys that may prove it. Never believed by itself."""
    header = json_object(base64url_decode(text[:MAX_HEADER].partition(".")[0].encode("utf-8", "surrogatepass")))
    kid = header.get("kid") if header else None
    return kid if isinstance(kid, str) else None


def is_type(given: object, *types: str) -> bool:
    """Whether a `typ` is one of `types` (RFC 7515 section 4.1.9: media types compare without regard to case, and
    `application/` may be left out)."""
    if not isinstance(given, str):
        return False
    short = given.lower().removeprefix("application/")
    return any(short == typ.lower() for typ in types)


def json_object(raw: bytes) -> dict[str, Any] | None:
    """A JSON object in UTF-8, strictly: no name twice, no NaN. None when it is anything else."""
    try:
        value = _STRICT.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_plain(text: str) -> bool:
    """Whether a text from JSON can be stored and sent: it has no NUL and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could take different ones of two equal names (RFC 7515 section 4, RFC 7519 section 4)."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
