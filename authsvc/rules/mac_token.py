"""Tokens that are recognized without a database: a body and our MAC over it.

    base64url( version (1) | MAC key id (1) | body | HMAC-SHA256(K, all before | bound to)[:16] )

Refresh tokens, authorization codes and device codes are such tokens, each with a version and a key K of its own. What
a token is bound to (a client) is no part of it: with another one the MAC does not hold.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import field
from hashlib import sha256
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc_jws.base64url import base64url_decode, base64url_encode

MAC_LENGTH = 16

MacKey = Callable[[int], bytes | None]
"""Key id -> 32 bytes, or None for an id that is not (or no longer) held."""


@frozen
class Code:
    """A genuine code: its MAC was made by us. Nothing is said about the state of the row `id`, a grant or the request
    of a device, for which `secret` was made."""

    key_id: int
    id: UUID
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> Digest:
        return sha256(self.secret).digest()


def mac(key: bytes, head: bytes) -> bytes:
    """HMAC-SHA256, cut to 16 bytes."""
    return hmac.digest(key, head, "sha256")[:MAC_LENGTH]


def write_token(version: int, key_id: int, body: bytes, mac_key: MacKey, bound_to: str = "") -> str:
    """A token with this body. The key of `key_id` must be held."""
    key = mac_key(key_id)
    assert key is not None
    head = bytes((version, key_id)) + body
    return base64url_encode(head + mac(key, head + bound_to.encode()))


def read_token(text: str, version: int, length: int, mac_key: MacKey, bound_to: str = "") -> tuple[int, bytes] | None:
    """(key id, body of `length` bytes) of a genuine token. None: forged, cut, altered, or bound to something else.

    Costs one HMAC and no I/O. `mac_key` may raise StoreUnavailable.
    """
    size = 2 + length + MAC_LENGTH
    if len(text) != (4 * size + 2) // 3 or not text.isascii():
        return None
    raw = base64url_decode(text.encode("ascii"))
    if len(raw) != size or raw[0] != version or (key := mac_key(raw[1])) is None:
        return None
    head = raw[:-MAC_LENGTH]
    if not hmac.compare_digest(mac(key, head + bound_to.encode()), raw[-MAC_LENGTH:]):
        return None
    return raw[1], head[2:]


def write_code(version: int, code: Code, mac_key: MacKey, bound_to: str = "") -> str:
    """The token of a code."""
    return write_token(version, code.key_id, code.id.bytes + code.secret, mac_key, bound_to)


def read_code(text: str, version: int, mac_key: MacKey, bound_to: str = "") -> Code | None:
    """The genuine code behind `text`; None: as `read_token`."""
    found = read_token(text, version, 32, mac_key, bound_to)
    return None if found is None else Code(found[0], UUID(bytes=found[1][:16]), found[1][16:])
