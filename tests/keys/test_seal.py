from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.keys.master import MasterKeys
from authsvc.keys.seal import SealError, open_sealed, seal, sealed_under
from tests.support.jose import MASTER, b64, entropy

OTHER = MasterKeys.parse(f"1 {b64(bytes(32))}")
LATER = MasterKeys.parse(f"2 {b64(bytes(32))}\n{MasterKeys.generate(entropy)}")
DER = b"0\x82 a private key"
SEALED = seal(MASTER, "kid", "RS256", DER, entropy)


def test_a_sealed_key_opens_again():
    assert open_sealed(MASTER, "kid", "RS256", SEALED) == DER


def test_the_layout_is_version_master_id_nonce_ciphertext():
    assert SEALED[:2] == b"\x01\x01"
    assert SEALED[2:14] == entropy(12)
    assert len(SEALED) == 14 + len(DER) + 16
    assert DER not in SEALED


def test_an_older_master_key_still_opens_and_the_current_one_seals():
    assert open_sealed(LATER, "kid", "RS256", SEALED) == DER
    resealed = seal(LATER, "kid", "RS256", DER, entropy)
    assert (sealed_under(SEALED), sealed_under(resealed), sealed_under(b"")) == (1, 2, None)
    with pytest.raises(SealError, match="not in the master key file"):
        open_sealed(MASTER, "kid", "RS256", resealed)


@pytest.mark.parametrize(
    ("kid", "alg"), [("other", "RS256"), ("kid", "PS256"), ("", "kidRS256"), ("kidRS256", ""), ("kidR", "S256")]
)
def test_a_sealed_key_opens_under_no_other_kid_and_no_other_algorithm(kid, alg):
    with pytest.raises(SealError, match="does not open"):
        open_sealed(MASTER, kid, alg, SEALED)


def test_another_master_key_of_the_same_id_does_not_open():
    with pytest.raises(SealError, match="does not open"):
        open_sealed(OTHER, "kid", "RS256", SEALED)


@pytest.mark.parametrize("at", range(len(SEALED)))
def test_no_byte_of_a_sealed_key_can_be_altered(at):
    altered = SEALED[:at] + bytes((SEALED[at] ^ 1,)) + SEALED[at + 1 :]
    with pytest.raises(SealError):
        open_sealed(MASTER, "kid", "RS256", altered)


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_a_sealed_key_cannot_be_cut(length):
    with pytest.raises(SealError):
        open_sealed(MASTER, "kid", "RS256", SEALED[:length])


@given(sealed=st.binary(max_size=200), kid=st.text(max_size=20), alg=st.text(max_size=10))
def test_bytes_that_nobody_sealed_never_open(sealed, kid, alg):
    with pytest.raises(SealError) as error:
        open_sealed(MASTER, kid, alg, sealed)
    assert error.value.__cause__ is None


def test_a_nonce_of_the_wrong_length_is_refused():
    with pytest.raises(SealError, match="nonce"):
        seal(MASTER, "kid", "RS256", DER, lambda n: b"short")
