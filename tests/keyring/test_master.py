from __future__ import annotations

import copy
import pickle
import secrets

import pytest

from authsvc.keyring.master import MasterKeyError, MasterKeys

from .made import b64

ONE, TWO = b64(bytes(range(32))), b64(bytes(range(32, 64)))


def test_the_first_line_is_current_and_the_others_only_open():
    keys = MasterKeys.parse(f"# made today\n\n  2   {TWO}\r\n1\t{ONE}= # the old one\n")
    assert keys.current_id == 2
    assert keys.ids == (2, 1)
    assert keys.derive(1, "x") == MasterKeys.parse(f"1 {ONE}").derive(1, "x")


def test_a_file_with_a_byte_order_mark_is_read():
    assert MasterKeys.parse(f"\ufeff1 {ONE}\n").ids == (1,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no key"),
        ("# only words\n", "holds no key"),
        (f"1 {ONE}\n1 {TWO}", "line 2: id 1 was already given"),
        (f"0 {ONE}", "line 1: the id must be from 1 to 255"),
        (f"256 {ONE}", "line 1: the id must be from 1 to 255"),
        (f"-1 {ONE}", "line 1: expected an id"),
        (f"٣ {ONE}", "line 1: expected an id"),
        (ONE, "line 1: expected an id"),
        (f"{ONE} 1", "line 1: expected an id"),
        (f"1 {ONE} {TWO}", "line 1: expected an id"),
        (f"1 {ONE[:-2]}+/", "line 1: expected an id"),
        (f"\n1 {ONE[:-1]}", "line 2: the key of id 1 must be 32 bytes"),
        (f"1 {ONE}A", "must be 32 bytes"),
        (f"1 {ONE[:41]}", "must be 32 bytes"),
        (f"1 {ONE[:-1]}9", "must be 32 bytes"),  # spare bits set: another spelling of a key
    ],
)
def test_a_bad_file_is_refused_with_its_line_and_without_its_content(text, says):
    with pytest.raises(MasterKeyError) as error:
        MasterKeys.parse(text)
    assert says in str(error.value)
    assert ONE[:8] not in str(error.value)
    assert TWO[:8] not in str(error.value)
    assert error.value.__cause__ is None


def test_a_generated_file_is_read_again_and_is_never_twice_the_same():
    first, second = MasterKeys.generate(secrets.token_bytes), MasterKeys.generate(secrets.token_bytes)
    assert MasterKeys.parse(first).ids == (1,)
    assert MasterKeys.parse(first).derive(1, "x") != MasterKeys.parse(second).derive(1, "x")


def test_every_purpose_key_and_length_has_its_own_derived_key():
    keys = MasterKeys.parse(f"1 {ONE}\n2 {TWO}")
    derived = {keys.derive(1, "a"), keys.derive(1, "b"), keys.derive(2, "a"), keys.derive(2, "b")}
    assert len(derived) == 4
    assert len(keys.derive(1, "a")) == 32
    assert len(keys.derive(1, "a", 64)) == 64
    assert keys.derive(1, "a") is keys.derive(1, "a")


def test_what_was_derived_once_is_derived_for_ever():
    # Every sealed key and every refresh token hangs on these bytes.
    derived = MasterKeys.parse(f"1 {ONE}").derive(1, "signing key seal")
    assert derived.hex() == "1142bc9079ba197ee6ab079ab88e11a2559c2ab05445a55c2d4de5a171fe26a1"


def test_an_id_that_is_not_in_the_file_derives_nothing():
    with pytest.raises(MasterKeyError, match="master key 9 is not in"):
        MasterKeys.parse(f"1 {ONE}").derive(9, "x")


def test_master_keys_do_not_print_and_are_not_pickled():
    keys = MasterKeys.parse(f"1 {ONE}\n2 {TWO}")
    keys.derive(1, "x")
    assert repr(keys) == str(keys) == "MasterKeys(current_id=1, ids=(1, 2))"
    assert not hasattr(keys, "__dict__")
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(keys)
