"""What lies outside and opens for us alone: AES-256-GCM under keys derived from the master key, one for each purpose.

A private key at rest; it never leaves a process unsealed:

    0x01 | master key id (1) | nonce (12) | ciphertext and tag (PKCS #8 DER + 16)

The version, the master key id, the kid and the algorithm are authenticated with it: whoever can write to the database
can neither move one key's private part under another kid, nor make an RS256 key sign as something else, nor have a key
of his own published.

A person's secret at rest (of an authenticator app), bound to its purpose and to the row that it is in:

    0x01 | master key id (1) | nonce (12) | ciphertext and tag

A value that we hand to a browser and take back, of a purpose, so that one of another kind never opens as it:

    base64url( master key id (1) | nonce (12) | ciphertext and tag )
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from authsvc.jose import jwk
from authsvc.jose.algorithms import PrivateKey
from authsvc.keys.master import MasterKeys
from authsvc.keys.records import SigningKey
from authsvc_jws.base64url import base64url_decode, base64url_encode

_VERSION = 1
_NONCE = 12
_HEAD = 2 + _NONCE
_TAG = 16
_PURPOSE = "signing key seal"
AUTHENTICATOR_SECRET = "authenticator secret seal"  # noqa: S105 - the name of a purpose
"""Purpose of the secrets of people's authenticator apps; their rows are named by person and app."""
_MAX_VALUE = 49_152


class SealError(Exception):
    """A sealed key does not open. The message is one of a few constants: it says what to look at, and nothing else."""


def seal(master: MasterKeys, kid: str, alg: str, private_pkcs8_der: bytes, entropy: Callable[[int], bytes]) -> bytes:
    """Seal a private key under the current master key. `entropy(n)` gives n random bytes (the nonce)."""
    head = bytes((_VERSION, master.current_id))
    nonce = entropy(_NONCE)
    if len(nonce) != _NONCE:
        raise SealError("the source of randomness gave a nonce of the wrong length")
    cipher = AESGCM(master.derive(master.current_id, _PURPOSE))
    return head + nonce + cipher.encrypt(nonce, private_pkcs8_der, _bound(head, kid, alg))


def open_sealed(master: MasterKeys, kid: str, alg: str, sealed: bytes) -> bytes:
    """The PKCS #8 DER of a sealed key. Raises `SealError`, whatever `sealed` is."""
    if len(sealed) < _HEAD + _TAG or sealed[0] != _VERSION:
        raise SealError("the sealed key is not of a form this version reads")
    if sealed[1] not in master.ids:
        raise SealError("the sealed key needs a master key that is not in the master key file")
    cipher = AESGCM(master.derive(sealed[1], _PURPOSE))
    try:
        return cipher.decrypt(sealed[2:_HEAD], sealed[_HEAD:], _bound(sealed[:2], kid, alg))
    except InvalidTag:
        raise SealError("the sealed key does not open: another master key made it, or it was altered") from None


def open_key(master: MasterKeys, row: SigningKey) -> PrivateKey:
    """Unseal and parse the key of a row, if it is the one that its kid names. Raises `SealError`, `KeyRefused`."""
    private = jwk.load_private_der(open_sealed(master, row.kid, row.alg, row.sealed), row.alg)
    if jwk.public_jwk(private.public_key(), row.alg)["kid"] != row.kid:
        raise SealError("the sealed key is not the one its kid names")
    return private


def sealed_under(sealed: bytes) -> int | None:
    """Id of the master key that sealed this, None when it is not of our form. For lists and for resealing."""
    return sealed[1] if len(sealed) >= _HEAD + _TAG and sealed[0] == _VERSION else None


def seal_secret(master: MasterKeys, purpose: str, row: bytes, secret: bytes, entropy: Callable[[int], bytes]) -> bytes:
    """Seal a secret under the current master key. `row`: what names the row, of one length for each purpose."""
    head, nonce = bytes((_VERSION, master.current_id)), entropy(_NONCE)
    cipher = AESGCM(master.derive(master.current_id, purpose))
    return head + nonce + cipher.encrypt(nonce, secret, head + row)


def open_secret(master: MasterKeys, purpose: str, row: bytes, sealed: bytes) -> bytes:
    """The secret that `seal_secret` sealed. Raises `SealError`, whatever `sealed` is."""
    if len(sealed) < _HEAD + _TAG or sealed[0] != _VERSION:
        raise SealError("the sealed secret is not of a form this version reads")
    if sealed[1] not in master.ids:
        raise SealError("the sealed secret needs a master key that is not in the master key file")
    try:
        return AESGCM(master.derive(sealed[1], purpose)).decrypt(sealed[2:_HEAD], sealed[_HEAD:], sealed[:2] + row)
    except InvalidTag:
        raise SealError("the sealed secret does not open: another master key made it, or it was altered") from None


def seal_value(master: MasterKeys, purpose: str, payload: bytes, entropy: Callable[[int], bytes]) -> str:
    """Encrypt and authenticate a payload, as base64url without padding. Each `purpose` has a key of its own."""
    nonce = entropy(_NONCE)
    head = bytes((master.current_id,))
    cipher = AESGCM(master.derive(master.current_id, purpose))
    return base64url_encode(head + nonce + cipher.encrypt(nonce, payload, head))


def open_value(master: MasterKeys, purpose: str, text: str) -> bytes | None:
    """Open what `seal_value` wrote. What is in it, or None: forged, cut, of another purpose, of a key that is no longer
    held."""
    if not text.isascii() or len(text) > _MAX_VALUE:
        return None
    raw = base64url_decode(text.encode("ascii"))
    if len(raw) < 1 + _NONCE + _TAG or raw[0] not in master.ids:
        return None
    try:
        return AESGCM(master.derive(raw[0], purpose)).decrypt(raw[1 : 1 + _NONCE], raw[1 + _NONCE :], raw[:1])
    except InvalidTag:
        return None


def _bound(head: bytes, kid: str, alg: str) -> bytes:
    """What the tag covers besides the key. Lengths first: no two (kid, alg) pairs share an encoding."""
    parts = (kid.encode("utf-8", "surrogatepass"), alg.encode("utf-8", "surrogatepass"))
    return b"authsvc signing key" + head + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
