"""How a proxy passes on the certificate of a TLS client: RFC 9440, and nginx's escaped PEM."""

from __future__ import annotations

import pytest

from authsvc.rules.errors import Rejected
from authsvc.web.http.client_certificate import read_certificate
from tests.support.certificates import AUTHORITY, issued

BETWEEN = issued("CN=Between", AUTHORITY, is_authority=True)
OWN = issued("CN=own", BETWEEN)
VALUE, CHAIN = OWN.rfc9440.encode(), BETWEEN.rfc9440.encode()


def test_a_certificate_comes_with_the_chain_that_was_sent() -> None:
    for chain in ([CHAIN, AUTHORITY.rfc9440.encode()], [CHAIN + b" ,\t" + AUTHORITY.rfc9440.encode()]):
        found = read_certificate("client-cert", [VALUE], chain)
        assert found is not None
        assert (found.der, found.chain) == (OWN.der, (BETWEEN.der, AUTHORITY.der))


def test_nginx_escapes_pem() -> None:
    found = read_certificate("ssl-client-cert", [OWN.escaped.encode()], [CHAIN])
    assert found is not None
    assert (found.der, found.chain) == (OWN.der, ())


def test_no_certificate_is_none() -> None:
    for form in ("client-cert", "ssl-client-cert"):
        assert read_certificate(form, [], [CHAIN]) is None
        assert read_certificate(form, [b""], []) is None


@pytest.mark.parametrize(
    ("form", "values", "chain"),
    [
        ("client-cert", [VALUE, VALUE], []),
        ("client-cert", [VALUE, b""], []),
        ("client-cert", [VALUE + b", " + VALUE], []),
        ("client-cert", [VALUE[1:]], []),
        ("client-cert", [VALUE[:-1]], []),
        ("client-cert", [VALUE + b";a=1"], []),
        ("client-cert", [b"::"], []),
        ("client-cert", [b":AAAA:"], []),
        ("client-cert", [b":" + VALUE[1:-1].replace(b"M", b"\n", 1) + b":"], []),
        ("client-cert", [OWN.escaped.encode()], []),
        ("client-cert", [VALUE], [b"x"]),
        ("client-cert", [VALUE], [CHAIN] * 6),
        ("ssl-client-cert", [VALUE], []),
        ("ssl-client-cert", [OWN.escaped.encode() * 2], []),
        ("ssl-client-cert", [b"-----BEGIN%20CERTIFICATE-----x-----END%20CERTIFICATE-----"], []),
        ("ssl-client-cert", [b"%ff"], []),
    ],
)
def test_what_is_no_certificate_is_refused(form: str, values: list[bytes], chain: list[bytes]) -> None:
    with pytest.raises(Rejected) as refused:
        read_certificate(form, values, chain)
    assert refused.value.error.error == "invalid_request"
