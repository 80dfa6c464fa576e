"""The certificate of a TLS client, as a trusted proxy passes it on: in `Client-Cert` (RFC 9440), or as nginx writes it,
in `ssl-client-cert`. From anybody else the headers mean nothing: whoever can send a request can write them.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from authsvc.flows.caller.client_certificate import MAX_CHAIN, are_certificates
from authsvc.rules.caller.certificate import SentCertificate
from authsvc.rules.errors import Rejected

HEADERS = {"client-cert": b"client-cert", "ssl-client-cert": b"ssl-client-cert"}
"""By the words of AUTHSVC_CLIENT_CERTIFICATE_HEADER."""
CHAIN = b"client-cert-chain"
_BYTES = re.compile(rb":([A-Za-z0-9+/]+={0,2}):").fullmatch  # RFC 8941 section 3.3.5
_PEM = re.compile(rb"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*").fullmatch


def read_certificate(form: str, values: Sequence[bytes], chain: Sequence[bytes]) -> SentCertificate | None:
    """The certificate in the values of a header, None where there is none. `form`: one of `HEADERS`; `chain`: the
    values of Client-Cert-Chain, which comes with the first form alone. Raises Rejected: the proxy is not set up well.
    """
    if not values or values == [b""]:
        return None
    if len(values) > 1:
        raise _malformed("client_certificate_duplicate")
    if form == "ssl-client-cert":
        return _checked(SentCertificate(_of_pem(values[0])))
    between = [one for value in chain for one in value.split(b",") if one.strip(b" \t")]
    if len(between) > MAX_CHAIN:
        raise _malformed("client_certificate_chain")
    return _checked(SentCertificate(_of_bytes(values[0]), tuple(map(_of_bytes, between))))


def of_handshake(chain: Sequence[str]) -> SentCertificate | None:
    """The certificate that our own TLS was shown, of PEM, the client's first. Raises Rejected."""
    ders = [_of_pem(one.encode("ascii")) for one in chain[: MAX_CHAIN + 1]]
    return _checked(SentCertificate(ders[0], tuple(ders[1:]))) if ders else None


def _of_bytes(value: bytes) -> bytes:
    """A byte sequence (RFC 9440 section 2.1): the DER in base64, between colons."""
    found = _BYTES(value.strip(b" \t"))
    return _decoded(found[1] if found else b"")


def _of_pem(value: bytes) -> bytes:
    """Percent-encoded PEM, nginx's $ssl_client_escaped_cert."""
    found = _PEM(unquote_to_bytes(value.strip(b" \t")))
    return _decoded(b"".join(found[1].split()) if found else b"")


def _decoded(encoded: bytes) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        return b""


def _checked(sent: SentCertificate) -> SentCertificate:
    if not are_certificates(sent):
        raise _malformed("client_certificate_malformed")
    return sent


def _malformed(reason: str) -> Rejected:
    return Rejected("invalid_request", "The header with the certificate of the TLS client is malformed.", reason)
