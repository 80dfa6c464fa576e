"""Certificates of TLS clients (RFC 8705 section 2): whose are believed, and whom they name."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509

from authsvc.jose.client_certificates import (
    Authorities,
    has_ended_or_not_begun,
    is_certificate,
    is_distinguished_name,
    is_named,
    is_registered,
)
from authsvc.jose.client_jwks import read_client_jwks
from tests.support.certificates import AUTHORITY, FOR_SERVERS, STRANGER, Holder, issued

NOW = datetime.now(UTC)
TRUSTED = Authorities(AUTHORITY.pem)
BETWEEN = issued("CN=Between", AUTHORITY, is_authority=True)
NO_AUTHORITY = issued("CN=Between", AUTHORITY)
NAMED = issued(
    r"CN=bank,O=Bank\, Inc,C=DE",
    AUTHORITY,
    names=(
        x509.DNSName("Bank.example"),
        x509.DNSName("*.wild.example"),
        x509.UniformResourceIdentifier("spiffe://bank.example/meter"),
        x509.IPAddress(ip_address("192.0.2.1")),
        x509.IPAddress(ip_address("2001:db8::1")),
        x509.RFC822Name("Ops@bank.example"),
    ),
)
PLAIN = issued("CN=plain", AUTHORITY)


@pytest.mark.parametrize(
    ("holder", "chain", "expected"),
    [
        (PLAIN, (), True),
        (issued("CN=a", AUTHORITY, purposes=None), (), True),
        (issued("CN=a", BETWEEN), (BETWEEN,), True),
        (issued("CN=a", BETWEEN), (), False),
        (issued("CN=a", NO_AUTHORITY), (NO_AUTHORITY,), False),
        (issued("CN=a", STRANGER), (), False),
        (issued("CN=a", STRANGER), (STRANGER,), False),
        (issued("CN=a"), (), False),
        (issued("CN=a", AUTHORITY, purposes=FOR_SERVERS), (), False),
        (issued("CN=a", AUTHORITY, days=(-2, -1)), (), False),
        (issued("CN=a", AUTHORITY, days=(1, 2)), (), False),
        (issued("CN=a", BETWEEN), (BETWEEN,) * 6, False),
    ],
)
def test_who_issued_a_certificate_and_for_what(holder: Holder, chain: tuple[Holder, ...], expected: bool) -> None:
    assert TRUSTED.issued(holder.der, [one.der for one in chain], NOW) is expected


def test_what_is_no_certificate_is_nobodys() -> None:
    for text in (b"", b"x", PLAIN.der[:-1], PLAIN.der + b"x", PLAIN.pem):
        assert not is_certificate(text)
        assert not TRUSTED.issued(text, (), NOW)
        assert not is_named(text, "tls_client_auth_subject_dn", "CN=plain")
        assert has_ended_or_not_begun(text, NOW)
    with pytest.raises(ValueError, match="PEM"):
        Authorities(b"no PEM")


@pytest.mark.parametrize(
    ("subject", "value", "expected"),
    [
        ("subject_dn", r"CN=bank,O=Bank\, Inc,C=DE", True),
        ("subject_dn", r"2.5.4.3=bank,O=Bank\, Inc,C=DE", True),
        ("subject_dn", r"C=DE,O=Bank\, Inc,CN=bank", False),
        ("subject_dn", r"CN=Bank,O=Bank\, Inc,C=DE", False),
        ("subject_dn", r"CN=bank,O=Bank\, Inc", False),
        ("subject_dn", r"CN=bank+O=Bank\, Inc,C=DE", False),
        ("subject_dn", "", False),
        ("san_dns", "bank.example", True),
        ("san_dns", "BANK.EXAMPLE", True),
        ("san_dns", "a.wild.example", False),
        ("san_dns", "evilbank.example", False),
        ("san_dns", "bank", False),
        ("san_uri", "spiffe://bank.example/meter", True),
        ("san_uri", "spiffe://bank.example/", False),
        ("san_ip", "192.0.2.1", True),
        ("san_ip", "2001:0db8:0::1", True),
        ("san_ip", "192.0.2.10", False),
        ("san_email", "Ops@BANK.example", True),
        ("san_email", "ops@bank.example", False),
    ],
)
def test_whom_a_certificate_names(subject: str, value: str, expected: bool) -> None:
    assert is_named(NAMED.der, f"tls_client_auth_{subject}", value) is expected
    if not subject.endswith("dn"):
        assert not is_named(PLAIN.der, f"tls_client_auth_{subject}", value)


def test_names_of_one_kind_are_not_those_of_another() -> None:
    sly = issued("CN=bank.example", AUTHORITY, names=(x509.UniformResourceIdentifier("bank.example"),))
    assert not is_named(sly.der, "tls_client_auth_san_dns", "bank.example")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CN=bank", True),
        (r"CN=a\,b,DC=x+OU=y", True),
        ("emailAddress=a@b.example,CN=x", True),
        ("2.5.4.97=PSDDE-1,CN=x", True),
        ("organizationIdentifier=PSDDE-1,CN=x", True),
        ("bank", False),
        ("/C=DE/CN=bank", False),
        ("CN=a,", False),
        ("", False),
    ],
)
def test_distinguished_names_are_written_as_in_rfc_4514(text: str, expected: bool) -> None:
    assert is_distinguished_name(text) is expected


def test_a_registered_certificate_is_the_first_of_x5c_and_one_of_its_key() -> None:
    own, other = issued("CN=a"), issued("CN=a")
    jwks = read_client_jwks({"keys": [own.jwk]})
    assert jwks["keys"][0]["x5c"] == own.jwk["x5c"]
    assert is_registered(own.der, jwks)
    assert not is_registered(other.der, jwks)
    assert not is_registered(issued("CN=a", key=own.key).der, jwks)  # the same key, another certificate
    second = {"keys": [{**own.jwk, "x5c": [*own.jwk["x5c"], *other.jwk["x5c"]]}]}
    assert not is_registered(other.der, read_client_jwks(second))


@pytest.mark.parametrize(
    "x5c", [None, "x", [], [1], ["!"], [b64encode(b"x").decode()], issued("CN=other").jwk["x5c"], [None]]
)
def test_an_x5c_that_is_not_the_keys_is_as_if_left_away(x5c: object) -> None:
    """Libraries send what they like in it: signatures by the key are good all the same."""
    jwks = read_client_jwks({"keys": [{**issued("CN=a").jwk, "x5c": x5c}]})
    assert "x5c" not in jwks["keys"][0]


def test_a_certificate_has_a_time() -> None:
    assert not has_ended_or_not_begun(PLAIN.der, NOW)
    assert has_ended_or_not_begun(PLAIN.der, NOW + timedelta(days=31))
    assert has_ended_or_not_begun(PLAIN.der, NOW - timedelta(days=2))
