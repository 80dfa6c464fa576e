"""Certificates of TLS clients (RFC 8705 section 2, RFC 5280): who issued one, whom it names, which keys it stands for.

The handshake showed that the client holds the private key; the header of a proxy tells us of it. Nothing else that a
proxy may have checked is relied on: the path to an authority of ours is built here.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

MAX_CHAIN = 5
MAX_DER = 16_384
_NAMES = {
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "E": NameOID.EMAIL_ADDRESS,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
}
"""What OpenSSL and others write beside the names of RFC 4514 section 3."""


@lru_cache(maxsize=1024)
def _read(der: bytes) -> x509.Certificate | None:
    if len(der) > MAX_DER:
        return None
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None


def is_certificate(der: bytes) -> bool:
    """Whether these bytes are one certificate."""
    return _read(der) is not None


def has_ended_or_not_begun(der: bytes, now: datetime) -> bool:
    """Whether a certificate is of another time than `now`."""
    certificate = _read(der)
    return certificate is None or not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


class Authorities:
    """Those that issue certificates to clients, of a PEM file. Raises ValueError where it holds none."""

    def __init__(self, pem: bytes) -> None:
        self._store = Store(x509.load_pem_x509_certificates(pem))

    def issued(self, der: bytes, chain: Sequence[bytes], now: datetime) -> bool:
        """Whether a path leads from a certificate to one of them (RFC 5280 section 6), by way of `chain` where need be,
        and the certificate may be a TLS client's."""
        leaf, between = _read(der), [_read(one) for one in chain[:MAX_CHAIN]]
        if leaf is None or len(chain) > MAX_CHAIN:
            return False
        builder = PolicyBuilder().store(self._store).time(now).max_chain_depth(MAX_CHAIN)
        verifier = builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_CLIENT).build_client_verifier()
        try:
            verifier.verify(leaf, [one for one in between if one is not None])
        except (VerificationError, ValueError):
            return False
        return True


def _is_for_clients(_policy: Policy, _leaf: x509.Certificate, found: x509.ExtendedKeyUsage | None) -> None:
    """RFC 5280 section 4.2.1.12: where purposes are named, being a TLS client is one of them. Raises ValueError."""
    if found is not None and not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(
        found
    ):
        raise ValueError("not for TLS clients")


def _signs_certificates(_policy: Policy, _authority: x509.Certificate, found: x509.KeyUsage | None) -> None:
    """RFC 5280 section 4.2.1.3. Raises ValueError."""
    if found is not None and not found.key_cert_sign:
        raise ValueError("an authority that may not sign certificates")


def _is_authority(_policy: Policy, _authority: x509.Certificate, found: x509.BasicConstraints) -> None:
    """RFC 5280 section 4.2.1.9; the length of the path is counted by the verifier. Raises ValueError."""
    if not found.ca:
        raise ValueError("no authority")


# The policies of the Web's authorities ask for a name in subjectAltName, which client certificates may lack.
_CLIENT = ExtensionPolicy.permit_all().may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _is_for_clients)
_AUTHORITY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
)


def is_distinguished_name(text: str) -> bool:
    """Whether a text is a distinguished name in the form of RFC 4514, such as `CN=bank,O=Bank\\, Inc,C=DE`."""
    return _name(text) is not None


def is_named(der: bytes, subject: str, value: str) -> bool:
    """Whether a certificate names the client that is registered so. `subject`: the metadata parameter (RFC 8705 section
    2.1.2). Distinguished names are compared attribute by attribute, each exactly; host names without regard to case,
    and without wildcards."""
    certificate = _read(der)
    if certificate is None:
        return False
    if subject == "tls_client_auth_subject_dn":
        wanted = _name(value)
        return wanted is not None and wanted == certificate.subject
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    if subject == "tls_client_auth_san_dns":
        return value.lower() in {one.lower() for one in names.get_values_for_type(x509.DNSName)}
    if subject == "tls_client_auth_san_uri":
        return value in names.get_values_for_type(x509.UniformResourceIdentifier)
    if subject == "tls_client_auth_san_email":
        return _mailbox(value) in map(_mailbox, names.get_values_for_type(x509.RFC822Name))
    return subject == "tls_client_auth_san_ip" and ip_address(value) in names.get_values_for_type(x509.IPAddress)


def _mailbox(address: str) -> tuple[str, str]:
    """RFC 5321 section 2.4: the domain is without case."""
    local, _, domain = address.rpartition("@")
    return local, domain.lower()


@lru_cache(maxsize=1024)
def _name(text: str) -> x509.Name | None:
    try:
        return x509.Name.from_rfc4514_string(text, _oids(text)) if text else None
    except (ValueError, TypeError):
        return None


def _oids(text: str) -> dict[str, ObjectIdentifier]:
    return {name: oid for name, oid in _NAMES.items() if f"{name}=" in text}


def is_registered(der: bytes, jwks: Mapping[str, Any]) -> bool:
    """Whether a certificate is the one of a key in a client's set: the first of its `x5c` (RFC 7517 section 4.7)."""
    wanted = b64encode(der).decode("ascii")
    return any(key.get("x5c", [""])[0] == wanted for key in jwks.get("keys", []))


def has_certificate(jwks: Mapping[str, Any]) -> bool:
    """Whether a set, read by `jose/client_jwks`, has a certificate of one of its keys."""
    return any("x5c" in key for key in jwks["keys"])


def certificate_of_key(x5c: object, key: object) -> str | None:
    """The first certificate of an `x5c`, in base64, where it is one of this public key (RFC 7517 section 4.7); None:
    there is none that fits."""
    if not isinstance(x5c, list) or not x5c or not isinstance(x5c[0], str) or len(x5c[0]) > 2 * MAX_DER:
        return None
    try:
        der = b64decode(x5c[0], validate=True)
        certificate = _read(der)
        fits = certificate is not None and certificate.public_key() == key
    except (ValueError, TypeError):
        return None
    return b64encode(der).decode("ascii") if fits else None
