"""The JWKS document (RFC 7517 section 5): bytes made once and served from memory, with every store down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from authsvc.jose.algorithms import KeyRefused, PublicKey
from authsvc.jose.jwk import key_of_jwk


class SnapshotError(Exception):
    """A JWKS snapshot cannot be used."""


@dataclass(frozen=True, slots=True)
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
