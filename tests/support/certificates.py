"""Certificates of TLS clients, as authorities and the clients themselves make them, and as proxies pass them on."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from authsvc.jose.jwk import public_jwk

FOR_CLIENTS = (ExtendedKeyUsageOID.CLIENT_AUTH,)
FOR_SERVERS = (ExtendedKeyUsageOID.SERVER_AUTH,)


@dataclass(frozen=True)
class Holder:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Any = field(repr=False)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        pem: bytes = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem

    @property
    def rfc9440(self) -> str:
        """The value of Client-Cert."""
        return f":{b64encode(self.der).decode()}:"

    @property
    def escaped(self) -> str:
        """As nginx's $ssl_client_escaped_cert."""
        return quote(self.pem.decode(), safe="")

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key with its certificate (RFC 7517 section 4.7)."""
        return {**public_jwk(self.key.public_key(), "ES256"), "x5c": [b64encode(self.der).decode()]}


def issued(
    subject: str,
    authority: Holder | None = None,
    *,
    names: Sequence[x509.GeneralName] = (),
    purposes: Iterable[x509.ObjectIdentifier] | None = FOR_CLIENTS,
    is_authority: bool = False,
    days: tuple[float, float] = (-1, 30),
    key: Any = None,
    now: datetime | None = None,
) -> Holder:
    """A certificate for `subject` (RFC 4514) by an authority, or by itself. `days`: from now, its begin and end."""
    key, moment = key or ec.generate_private_key(ec.SECP256R1()), now or datetime.now(UTC)
    name = x509.Name.from_rfc4514_string(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(authority.certificate.subject if authority else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment + timedelta(days=days[0]))
        .not_valid_after(moment + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    signing = authority.key if authority else key
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    builder = builder.add_extension(issuer, critical=False)
    if is_authority:
        usage = dict.fromkeys(("key_cert_sign", "crl_sign"), True)
        builder = builder.add_extension(_usage(**usage), critical=True)
    elif purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Holder(builder.sign(signing, SHA256()), key)


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


AUTHORITY = issued("CN=Authority of tests,O=Tests", is_authority=True)
STRANGER = issued("CN=Authority of tests,O=Tests", is_authority=True)
"""Another one of the same name."""
