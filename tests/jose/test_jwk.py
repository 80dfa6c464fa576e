from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)
from joserfc.jwk import JWKRegistry

from authsvc.jose import jwk
from authsvc.jose.algorithms import ALGORITHMS, KeyRefused
from tests.support.jose import private, public

RFC_7638_SECTION_3_1 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
    "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
    "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
    "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
RFC_8037_APPENDIX_A_3 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def test_the_kid_is_the_thumbprint_of_rfc_7638():
    assert jwk.thumbprint(RFC_7638_SECTION_3_1) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert jwk.thumbprint(RFC_8037_APPENDIX_A_3) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    "damaged", [{}, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA", "n": "AQAB"}, {"kty": "RSA", "n": 1, "e": 3}]
)
def test_only_a_whole_public_key_has_a_thumbprint(damaged):
    with pytest.raises(KeyRefused):
        jwk.thumbprint(damaged)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_public_jwk_has_what_others_need_and_nothing_private(alg):
    members = public(0, alg)
    assert members["alg"] == alg
    assert members["use"] == "sig"
    assert members["kid"] == jwk.thumbprint(members) == JWKRegistry.import_key(dict(members)).thumbprint()
    assert jwk.PRIVATE_MEMBERS.isdisjoint(members)
    assert all(isinstance(value, str) for value in members.values())
    assert jwk.public_jwk(jwk.key_of_jwk(members), alg) == members


@pytest.mark.parametrize(
    ("alg", "of"),
    [("RS256", "ES256"), ("ES256", "RS256"), ("EdDSA", "ES256"), ("PS256", "EdDSA"), ("Ed25519", "RS256")],
)
def test_a_key_is_refused_for_an_algorithm_of_another_kind(alg, of):
    with pytest.raises(KeyRefused, match=f"{alg} needs"):
        jwk.public_jwk(private(0, of).public_key(), alg)


@pytest.mark.parametrize("alg", ["none", "HS256", "RS1", "", "RS256 "])
def test_an_algorithm_that_is_not_asymmetric_and_known_is_refused(alg):
    with pytest.raises(KeyRefused, match="not one of the algorithms"):
        jwk.generate(alg)
    with pytest.raises(KeyRefused):
        jwk.public_jwk(private().public_key(), alg)


@pytest.mark.parametrize("bits", [512, 1024, 2047, 8193, 1 << 20])
def test_a_short_or_absurd_rsa_key_is_not_made(bits):
    with pytest.raises(KeyRefused, match=f"not {bits}"):
        jwk.generate("RS256", bits)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"d": "AQAB"}, "private"),
        ({"kid": "other"}, "thumbprint"),
        ({"alg": "HS256"}, "not one of"),
        ({"alg": "ES256"}, "not a public key"),
        ({"n": "AQAB"}, "thumbprint"),
    ],
)
def test_a_published_key_that_is_not_as_we_write_it_is_refused(change, says):
    with pytest.raises(KeyRefused, match=says):
        jwk.key_of_jwk(public() | change)


def _pem(key, encryption=None, form=PrivateFormat.PKCS8):
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_exported_private_key_is_imported(form):
    key, alg = jwk.load_private_pem(_pem(private(), form=form))
    assert alg == "RS256"
    assert jwk.public_jwk(key.public_key(), "RS256") == public()


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "Ed25519"])
def test_keys_of_the_other_algorithms_are_imported(alg):
    key, found = jwk.load_private_pem(_pem(private(0, alg)), alg)
    assert (found, jwk.public_jwk(key.public_key(), alg)) == (alg, public(0, alg))
    usual = "EdDSA" if alg == "Ed25519" else alg
    assert jwk.load_private_pem(_pem(private(0, alg)))[1] == usual


@pytest.mark.parametrize(
    ("pem", "alg", "says"),
    [
        (lambda: b"", "RS256", "no PEM private key"),
        (lambda: jwk.public_pem(private().public_key()).encode(), "RS256", "no PEM private key"),
        (lambda: _pem(private())[:200], "RS256", "cannot be read"),
        (lambda: _pem(private()).replace(b"M", b"N"), "RS256", "cannot be read"),
        (lambda: _pem(private(), BestAvailableEncryption(b"x")), "RS256", "encrypted"),
        (
            lambda: _pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
            "RS256",
            "1024 bits is too short",
        ),
        (lambda: _pem(private(0, "ES256")), "RS256", "RS256 needs an RSA key"),
        (lambda: _pem(private()), "ES256", "ES256 needs an elliptic-curve key"),
        (lambda: _pem(ec.generate_private_key(ec.SECP384R1())), "ES256", "P-256"),
        (lambda: _pem(ed448.Ed448PrivateKey.generate()), "EdDSA", "EdDSA needs an Ed25519 key"),
        (lambda: _pem(private()), "HS256", "not one of the algorithms"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_with_the_reason(pem, alg, says):
    with pytest.raises(KeyRefused, match=says) as error:
        jwk.load_private_pem(pem(), alg)
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_a_corrupt_rsa_key_is_found_out_at_import():
    numbers = private().private_numbers()
    wrong = rsa.RSAPrivateNumbers(
        p=numbers.p,
        q=numbers.q,
        d=numbers.d ^ 2,
        dmp1=numbers.dmp1,
        dmq1=numbers.dmq1,
        iqmp=numbers.iqmp,
        public_numbers=numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    with pytest.raises(KeyRefused, match="cannot be read"):
        jwk.load_private_pem(_pem(wrong))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_key_goes_through_der_and_its_public_half_through_pem(alg):
    key = private(0, alg)
    again = jwk.load_private_der(jwk.private_der(key), alg)
    assert jwk.public_jwk(again.public_key(), alg) == public(0, alg)
    pem = jwk.public_pem(key.public_key())
    assert "PRIVATE" not in pem
    assert jwk.public_jwk(load_pem_public_key(pem.encode()), alg) == public(0, alg)


def test_a_jwk_is_json():
    assert json.loads(json.dumps(public())) == public()
