"""The certificate of a TLS client, whose private key it proved to hold in the handshake (RFC 8705 section 2).

What the certificate says is read and judged in `jose/client_certificates`.
"""

from __future__ import annotations

from dataclasses import field
from hashlib import sha256

from authsvc.records import frozen
from authsvc_jws.base64url import base64url_encode

TLS_CLIENT_AUTH = "tls_client_auth"
SELF_SIGNED = "self_signed_tls_client_auth"
METHODS = (TLS_CLIENT_AUTH, SELF_SIGNED)
"""Of client authentication, by certificate (sections 2.1.1 and 2.2.1)."""


@frozen
class SentCertificate:
    """`der`: the certificate; `chain`: those of intermediate authorities that came with it, in DER too. That it is the
    caller's is the word of whoever ended TLS; who issued it is not looked at yet."""

    der: bytes = field(repr=False)
    chain: tuple[bytes, ...] = field(repr=False, default=())

    @property
    def thumbprint(self) -> str:
        """SHA-256 of the DER in base64url, as in `x5t#S256` (section 3.1)."""
        return base64url_encode(sha256(self.der).digest())
