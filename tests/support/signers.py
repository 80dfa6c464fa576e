"""Keys of clients that sign assertions and request objects."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from authsvc.jose.jwk import public_jwk
from tests.support.clients import flat_client

KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "PS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}
FOREIGN = rsa.generate_private_key(public_exponent=65537, key_size=2048)
JWKS = [dict(public_jwk(key.public_key(), alg)) for alg, key in KEYS.items()]
SIGNER = flat_client(
    id="signer",
    name="Signer",
    kind="confidential",
    secret_hashes=(sha256(b"signer-secret").digest(),),
    grant_types=frozenset({"client_credentials"}),
    scopes=("api",),
    introspection=True,
    jwks={"keys": JWKS},
)


PUBLIC = {alg: dict(public_jwk(key.public_key(), alg)) for alg, key in KEYS.items()}
