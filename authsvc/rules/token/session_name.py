"""What tokens call a session (`sid`): its id, or where a client's subjects are pairwise a name that only clients of its
sector share, so that clients of two sectors cannot tell by it that they serve one person."""

from __future__ import annotations

import hmac
from uuid import UUID

from authsvc.rules.client_record import Client
from authsvc.rules.token.subject import sector_of
from authsvc_jws.base64url import base64url_decode, base64url_encode

NAME_LENGTH = 43
"""Of a name, in characters; an id has 36."""


def session_name(client: Client, session_id: UUID, salt: bytes) -> str | None:
    """The name of a session for a client; None: its id is the name.

    A keyed digest of sector and session, and behind it the id under a mask that the digest gives (the construction of
    RFC 5297, a synthetic IV): who has the salt reads the session from the name, and nobody has to look it up. `salt`:
    that of pairwise subjects, for ever.
    """
    if client.login.subject_type != "pairwise":
        return None
    digest = _keyed(salt, b"\1" + sector_of(client) + b"\0" + session_id.bytes)
    return base64url_encode(digest + _masked(session_id.bytes, digest, salt))


def session_named(name: str, salt: bytes) -> UUID:
    """The session of a name that we signed. Raises ValueError: it is none."""
    raw = base64url_decode(name.encode())
    return UUID(bytes=_masked(raw[16:], raw[:16], salt))


def _masked(value: bytes, digest: bytes, salt: bytes) -> bytes:
    mask = _keyed(salt, b"\2" + digest)
    return bytes(one ^ other for one, other in zip(value, mask, strict=True))


def _keyed(salt: bytes, message: bytes) -> bytes:
    """16 bytes. Under a key of its own: subjects are made with the salt itself."""
    key = hmac.digest(salt, b"sid", "sha256")
    return hmac.digest(key, message, "sha256")[:16]
