"""The certificate of the TLS client behind a request (RFC 8705 section 3): where it is found. Pure.

A header that says it (RFC 9440) is the word of whoever sent the request: it counts from a trusted proxy alone, and the
proxy must take it away from what callers send.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address, ip_network

from authsvc_jws.base64url import base64url_encode

MAX_LENGTH = 24_576
"""Characters of the longest certificate that is looked at."""
_BYTES = re.compile(r":([A-Za-z0-9+/]+={0,2}):").fullmatch  # RFC 8941 section 3.3.5
_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----").match


@dataclass(frozen=True, slots=True)
class Connection:
    """What an adapter knows of a request's connection. `peer`: the address of the other end of the socket, None for a
    unix socket; `header`: all values of a header, by its name in lower case; `tls`: PEM of the certificate that the
    server itself saw in the handshake, '' for none."""

    peer: str | None
    header: Callable[[str], Sequence[str]] = field(repr=False)
    tls: str = field(repr=False, default="")


FindCertificate = Callable[[Connection], bytes | None]
"""The certificate of the caller in DER, None: there is none."""


def from_tls(connection: Connection) -> bytes | None:
    """As the server that ends TLS says: ASGI's extension `tls`, or SSL_CLIENT_CERT of a WSGI server."""
    found = _PEM(connection.tls) if len(connection.tls) <= MAX_LENGTH else None
    return _decoded("".join(found[1].split())) if found else None


class FromClientCert:
    """As `Client-Cert` (RFC 9440) says, where it comes from a trusted proxy. `trusted`: networks, or the word
    `unix`. Raises ValueError."""

    def __init__(self, trusted: Iterable[str]) -> None:
        words = set(trusted)
        self._unix = "unix" in words
        self._networks = [ip_network(word) for word in words - {"unix"}]
        if not words:
            raise ValueError("name the proxy whose word counts")

    def __call__(self, connection: Connection) -> bytes | None:
        values = connection.header("client-cert") if self._is_trusted(connection.peer) else ()
        if len(values) != 1 or len(values[0]) > MAX_LENGTH:
            return None
        found = _BYTES(values[0].strip(" \t"))
        return _decoded(found[1]) if found else None

    def _is_trusted(self, peer: str | None) -> bool:
        if peer is None:
            return self._unix
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


def _decoded(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True) or None
    except ValueError:
        return None


def fits(der: bytes, x5t: object) -> bool:
    """Whether a certificate has this thumbprint (`x5t#S256`: RFC 8705 section 3.1)."""
    return base64url_encode(sha256(der).digest()) == x5t
