"""Certificates for this machine, made on the spot, so that development and tests can speak TLS.

The authority's private key is never written: it signs one certificate and is forgotten. Whoever trusts `ca_file`
therefore trusts that one certificate, and a copied directory lets nobody sign another. The price: a new host name or
an expiry makes a new authority too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
LIFETIME = timedelta(days=365)
"""Browsers refuse more than 825 days even below an authority of one's own."""
RENEW_BEFORE = timedelta(days=7)
CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the authority to trust, the server's certificate, and its private key (PKCS #8, 0600)."""

    ca_file: Path
    cert_file: Path
    key_file: Path


def make_certificate(directory: Path, hosts: Sequence[str] = (), *, now: datetime | None = None) -> TlsFiles:
    """A server certificate for localhost, 127.0.0.1, ::1 and `hosts` (names or addresses), in `directory`.

    What is there is kept while it fits: all three files belong together, name every host, and are valid for a week
    more. ValueError: a host that is neither an address nor an ASCII name.
    """
    moment = now or datetime.now(UTC)
    files = TlsFiles(directory / "ca.pem", directory / "cert.pem", directory / "key.pem")
    names = list(dict.fromkeys(map(_general_name, (*LOCAL_HOSTS, *hosts))))
    if not _fits(files, names, moment):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(files, names, moment)
    return files


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _fits(files: TlsFiles, names: Sequence[x509.GeneralName], now: datetime) -> bool:
    try:
        authority = x509.load_pem_x509_certificate(files.ca_file.read_bytes())
        leaf = x509.load_pem_x509_certificate(files.cert_file.read_bytes())
        key = load_pem_private_key(files.key_file.read_bytes(), None)
        leaf.verify_directly_issued_by(authority)
        covered = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return (
        key.public_key() == leaf.public_key()
        and set(names) <= set(covered)
        and leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc - RENEW_BEFORE
        and files.key_file.stat().st_mode & 0o077 == 0
    )


def _make(files: TlsFiles, names: Sequence[x509.GeneralName], now: datetime) -> None:
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, now)
    leaf = _leaf(key, names, authority, authority_key, now)
    pem_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(files.key_file, pem_key, 0o600)
    _write(files.cert_file, leaf.public_bytes(Encoding.PEM), 0o644)
    _write(files.ca_file, authority.public_bytes(Encoding.PEM), 0o644)


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = _name(f"authsvc development authority {now:%Y-%m-%d}")
    return (
        _builder(name, name, key.public_key(), key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .sign(key, SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[x509.GeneralName],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    return (
        _builder(_name("authsvc development"), authority.subject, key.public_key(), authority_key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, SHA256())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> x509.CertificateBuilder:
    """What both have; the two key identifiers are demanded by RFC 5280 section 4.2.1 and by Python 3.13's ssl."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and at no moment readable by more than `mode` says."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    unfinished.replace(path)
