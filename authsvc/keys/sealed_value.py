"""Sealed values: what we hand to a browser and take back, readable and writable by nobody else.

    base64url( key id (1) | nonce (12) | AES-256-GCM(payload) )

The key is derived from the master key for one purpose, so that a value of one kind never opens as another.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from authsvc.keys.master import MasterKeys
from authsvc_jws.base64url import base64url_decode, base64url_encode

MAX_LENGTH = 49_152
_NONCE = 12


def seal_value(master: MasterKeys, purpose: str, payload: bytes, entropy: Callable[[int], bytes]) -> str:
    """Encrypt and authenticate a payload, as base64url without padding. Each `purpose` has a key of its own."""
    nonce = entropy(_NONCE)
    key = AESGCM(master.derive(master.current_id, purpose))
    head = bytes((master.current_id,))
    return base64url_encode(head + nonce + key.encrypt(nonce, payload, head))


def open_value(master: MasterKeys, purpose: str, text: str) -> bytes | None:
    """Open what `seal_value` wrote. What is in it, or None: forged, cut, of another purpose, of a key that is no longer
    held."""
    if not text.isascii() or len(text) > MAX_LENGTH:
        return None
    raw = base64url_decode(text.encode("ascii"))
    if len(raw) < 1 + _NONCE + 16 or raw[0] not in master.ids:
        return None
    try:
        return AESGCM(master.derive(raw[0], purpose)).decrypt(raw[1 : 1 + _NONCE], raw[1 + _NONCE :], raw[:1])
    except InvalidTag:
        return None
