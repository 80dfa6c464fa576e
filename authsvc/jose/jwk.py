"""A key's public form and name (RFC 7517, RFC 7638), the making of one, and its way in and out as PEM. A JWKS (RFC 7517
section 5) is bytes, made once and served from memory, with every store down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from authsvc.jose.algorithms import (
    ALGORITHMS,
    MIN_RSA_BITS,
    KeyRefused,
    PrivateKey,
    PublicKey,
    check_fit,
    known,
    usual_alg,
)
from authsvc.jose.names import ED25519_NAMES
from authsvc.records import frozen
from authsvc_jws import thumbprint as rfc7638

PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
"""RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, and AKP (ML-DSA): what a published key must never have."""
_MAX_EXPONENT: Final = 1 << 32


def public_jwk(public_key: PublicKey, alg: str) -> dict[str, str]:
    """{kty, (n, e | crv, x[, y]), kid, use, alg} of a public key. Raises `KeyRefused` when it does not fit `alg`."""
    check_fit(public_key, alg)
    members = cast("dict[str, Any]", ALGORITHMS[alg].to_jwk(public_key, as_dict=True))
    jwk = {name: str(members[name]) for name in rfc7638.MEMBERS[members["kty"]]}
    return jwk | {"kid": thumbprint(jwk), "use": "sig", "alg": alg}


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 SHA-256 thumbprint, base64url without padding: our `kid`. Raises `KeyRefused` on an incomplete JWK."""
    found = rfc7638.thumbprint(jwk)
    if found is None:
        raise KeyRefused("this is not the JWK of an RSA, EC or OKP key")
    return found


def key_of_jwk(jwk: Mapping[str, Any]) -> PublicKey:
    """The public key of a JWK such as `public_jwk` writes. Raises `KeyRefused` on anything else, private parts too."""
    alg = known(str(jwk.get("alg")))
    if jwk.get("kid") != thumbprint(jwk):
        raise KeyRefused("the kid of the JWK is not its thumbprint")
    return read_public(jwk, alg)


def read_public(jwk: Mapping[str, Any], alg: str, max_rsa_bits: int | None = None) -> PublicKey:
    """The public key of anybody's JWK, for a known `alg`. Raises `KeyRefused`. `max_rsa_bits`: of a key that whoever
    sent it chose, for a larger one only makes our verification slow."""
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise KeyRefused("the JWK holds a private key")
    try:
        key = cast("PublicKey", ALGORITHMS[alg].from_jwk(dict(jwk)))
    except Exception:  # PyJWT and cryptography raise a dozen kinds here, and all mean this
        raise KeyRefused("it is not a public key of its kind") from None
    check_fit(key, alg)
    if (
        max_rsa_bits
        and isinstance(key, rsa.RSAPublicKey)
        and (key.key_size > max_rsa_bits or key.public_numbers().e >= _MAX_EXPONENT)
    ):
        raise KeyRefused("it is too large")
    return key


def generate(alg: str = "RS256", bits: int = MIN_RSA_BITS) -> PrivateKey:
    """A new private key, from OpenSSL's generator. `bits` is for RSA (20 ms at 2048). Raises `KeyRefused`."""
    if known(alg) == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if alg in ED25519_NAMES:
        return ed25519.Ed25519PrivateKey.generate()
    if not MIN_RSA_BITS <= bits <= 8192:
        raise KeyRefused(f"an RSA key has from {MIN_RSA_BITS} to 8192 bits, not {bits}")
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def load_private_pem(pem: bytes, alg: str | None = None) -> tuple[PrivateKey, str]:
    """The private key of a PEM file (`keys import`), fully checked, and its algorithm: `alg`, or the usual one of its
    kind. Raises `KeyRefused`, to be shown."""
    if b"PRIVATE KEY" not in pem:
        raise KeyRefused("this file holds no PEM private key")
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeyRefused(
            "the private key is encrypted: decrypt it first, for example with `openssl pkey -in KEY -out PLAIN`"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("the private key cannot be read: damaged, or of an unknown kind") from None
    private = cast("PrivateKey", key)
    alg = alg or usual_alg(private)
    check_fit(private, alg)
    return private, alg


def private_der(key: PrivateKey) -> bytes:
    """A private key as PKCS #8 DER, unencrypted: goes into `seal.seal` and nowhere else."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def load_private_der(der: bytes, alg: str) -> PrivateKey:
    """The key of a DER that `seal` authenticated as our own: not checked again (an RSA check takes 30 ms).

    Raises `KeyRefused`.
    """
    try:
        key = cast("PrivateKey", load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyRefused("the sealed key is not a private key") from None
    check_fit(key, alg)
    return key


def public_pem(public_key: PublicKey) -> str:
    """A public key as SubjectPublicKeyInfo PEM (`keys export-public`)."""
    return public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


class SnapshotError(Exception):
    """A JWKS snapshot cannot be used."""


@frozen
class JwksDocument:
    """`body`: JSON, equal on every replica that knows the same keys. `etag`: strong, quoted."""

    body: bytes
    etag: str


def document(jwks: Iterable[Mapping[str, str]]) -> JwksDocument:
    """The document of these public JWKs, in this order."""
    body = json.dumps({"keys": list(jwks)}, separators=(",", ":"), sort_keys=True).encode("ascii")
    return JwksDocument(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def read_snapshot(snapshot: bytes) -> list[tuple[dict[str, str], PublicKey]]:
    """JWK and key of each entry of a document that `document` wrote. Raises `SnapshotError`: all of it or nothing."""
    try:
        entries = json.loads(snapshot)["keys"]
        return [(dict(entry), key_of_jwk(entry)) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SnapshotError("the JWKS snapshot is damaged") from None
    except KeyRefused as refused:
        raise SnapshotError(f"the JWKS snapshot holds an unusable key: {refused}") from None
