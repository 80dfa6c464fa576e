"""The thumbprint of a public key (RFC 7638): authsvc's `kid`, and the `jkt` of a DPoP key (RFC 9449 section 6.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from authsvc_jws.base64url import base64url_encode

MEMBERS: Final = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
"""Required members of each key type, in the order in which RFC 7638 section 3.2 (RFC 8037 section 2) hashes them."""


def thumbprint(jwk: Mapping[str, Any]) -> str | None:
    """SHA-256 thumbprint, base64url; None: not the JWK of an RSA, EC or OKP key."""
    members = MEMBERS.get(str(jwk.get("kty")))
    if members is None or not all(isinstance(jwk.get(name), str) for name in members):
        return None
    canonical = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"), sort_keys=True)
    return base64url_encode(sha256(canonical.encode()).digest())
